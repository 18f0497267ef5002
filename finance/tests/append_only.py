from django.db import connection


def drop_triggers():
    """Drop all triggers; `post_migrate` adds them again, also after each `flush`."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass) "
                "FROM pg_trigger WHERE NOT tgisinternal"
            )
        else:
            cursor.execute("SELECT 'DROP TRIGGER ' || name FROM sqlite_master WHERE type='trigger'")
        for (statement,) in cursor.fetchall():
            cursor.execute(statement)
