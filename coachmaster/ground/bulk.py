"""Writing many rows, for callers that are to call `bulk_create` themselves."""

from django.db import connections
from simple_history.utils import bulk_create_with_history


def insert(instances):
    """Write new ``instances`` of one model."""
    if instances := list(instances):
        type(instances[0]).objects.bulk_create(instances, batch_size=1000)


def insert_with_history(instances):
    """`insert`, with the first line of each row's history."""
    if instances := list(instances):
        bulk_create_with_history(instances, type(instances[0]), batch_size=1000)


def insert_cells(model, columns, rows, *, ignore_conflicts=False):
    """Write new rows of ``model``; with ``ignore_conflicts``, those that are there already are passed over."""
    model.objects.bulk_create(
        [model(**dict(zip(columns, row, strict=True))) for row in rows], ignore_conflicts=ignore_conflicts
    )


def put(instances):
    """Write ``instances`` of one model, each in the place of the row that has its key, where there is one."""
    if instances := list(instances):
        model = type(instances[0])
        columns = [field.name for field in model._meta.concrete_fields if not field.primary_key]
        model.objects.bulk_create(
            instances, update_conflicts=True, unique_fields=[model._meta.pk.name], update_fields=columns
        )


def put_selected(model, key, values, statement, *, conflict=None):
    """Write what ``statement`` (a SELECT and its parameters) says of the columns ``key`` and ``values``, each row in the place
    of the one that has its key, where there is one. ``conflict`` is the key as the table's constraint has it, where that is
    not of these columns as they are."""
    select, parameters = statement
    columns, changes = ", ".join([*key, *values]), ", ".join(f"{column} = excluded.{column}" for column in values)
    with connections["default"].cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {model._meta.db_table} ({columns}) {select} "
            f"ON CONFLICT ({conflict or ', '.join(key)}) DO UPDATE SET {changes}",
            parameters,
        )
