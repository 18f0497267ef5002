"""Delete records that nothing refers to."""

from django.core.exceptions import ValidationError
from django.db.models import Count

from .chunks import in_chunks
from .money import grouped


def delete_unreferenced(records, *, along=()):
    """Delete the records of a queryset, and their rows of the models ``along``.

    Raise ValidationError, with a message for each record to which rows of other models refer.
    """
    ids = list(records.order_by("pk").values_list("pk", flat=True))
    errors = []
    for chunk in in_chunks(ids):
        errors += reference_messages(records.model, chunk, apart_from=along)
    if errors:
        raise ValidationError(errors)
    for chunk in in_chunks(ids):
        for model in along:
            model._default_manager.filter(pk__in=chunk).delete()
        records.model._default_manager.filter(pk__in=chunk).delete()
    return len(ids)


def reference_messages(model, ids, *, apart_from=()):
    """Return a message for each record to which rows refer, except those of some models."""
    found: dict[int, list[str]] = {}
    for relation in _references(model):
        other, name = relation.related_model, relation.field.name
        if other in apart_from:
            continue
        rows = other._base_manager.filter(**{f"{name}__in": ids}).order_by()
        for pk, number in rows.values_list(name).annotate(Count("pk")):
            meta = other._meta
            noun = meta.verbose_name if number == 1 else meta.verbose_name_plural
            found.setdefault(pk, []).append(f"{grouped(number)} {noun}")
    names = model._default_manager.select_related().in_bulk(list(found))
    return [f"{names[pk]}: {', '.join(counts)}." for pk, counts in sorted(found.items())]


def _references(model):
    """Return the relations of other models; histories keep ids without a constraint."""
    return [
        relation
        for relation in model._meta.get_fields(include_hidden=True)
        if (relation.one_to_many or relation.one_to_one)
        and relation.auto_created
        and not relation.concrete
        and relation.field.db_constraint
    ]
