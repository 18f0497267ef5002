"""SQLite as Django speaks to it, quicker where a statement is asked again."""
