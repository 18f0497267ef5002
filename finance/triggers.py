"""Triggers that make the tables of received money, and of the rows of bulk actions, append-only.

So are the logos of their letterheads. They are created after every `migrate`, because SQLite drops
them when it rebuilds a table.
"""

from django.db import connections

TABLES = [
    "finance_payment",
    "finance_reversal",
    "finance_refund",
    "finance_chequedeposit",
    "finance_chequeclearing",
    "finance_dayclose",
    "finance_letterhead",
    "academics_logo",
    "finance_receiptprint",
    "finance_bulkactionrow",
]

_SQLITE = """
CREATE TRIGGER IF NOT EXISTS {table}_no_{operation} BEFORE {operation} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
"""
_POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION coachmaster_append_only() RETURNS trigger AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END
$$ LANGUAGE plpgsql
"""
_POSTGRESQL = """
CREATE OR REPLACE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION coachmaster_append_only();
CREATE OR REPLACE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION coachmaster_append_only()
"""


def names(vendor):
    endings = (
        ["append_only", "no_truncate"] if vendor == "postgresql" else ["no_update", "no_delete"]
    )
    return {f"{table}_{ending}" for table in TABLES for ending in endings}


def make_append_only(sender=None, using="default", **kwargs):
    connection = connections[using]
    existing = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_POSTGRESQL_FUNCTION)
        for table in TABLES:
            if table not in existing:
                continue
            if connection.vendor == "postgresql":
                cursor.execute(_POSTGRESQL.format(table=table))
            else:
                for operation in ("update", "delete"):
                    cursor.execute(_SQLITE.format(table=table, operation=operation))
