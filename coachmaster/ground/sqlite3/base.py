"""The backend that settings name; Django looks for it in a module called `base`."""

from functools import lru_cache

from django.db.backends.sqlite3 import base

#: Longer statements write many rows, and are not asked again.
LONGEST = 20_000


@lru_cache(maxsize=1000)
def _with_question_marks(query):
    return base.FORMAT_QMARK_REGEX.sub("?", query).replace("%%", "%")


class Cursor(base.SQLiteCursorWrapper):
    """Remembers how the places of values are written for SQLite: with long statements that is a tenth of their time."""

    def convert_query(self, query, *, param_names=None):
        if param_names is not None or len(query) > LONGEST:
            return super().convert_query(query, param_names=param_names)
        return _with_question_marks(query)


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's connection, with that cursor."""

    def create_cursor(self, name=None):
        return self.connection.cursor(factory=Cursor)
