from django.apps import apps
from django.db.models import Exists, OuterRef


def references():
    """Every row refers to rows that exist."""
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.concrete_fields:
            if field.is_relation and field.db_constraint:
                yield from _missing(model, field)


def _missing(model, field):
    other = field.related_model
    found = other._base_manager.filter(**{field.target_field.name: OuterRef(field.attname)})
    rows = model._base_manager.exclude(**{field.attname: None}).filter(~Exists(found))
    for pk, missing in rows.order_by("pk").values_list("pk", field.attname):
        yield (
            f"{model._meta.db_table} {pk} refers to {other._meta.db_table} {missing}, which does "
            "not exist."
        )
