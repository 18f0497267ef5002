from django.apps import apps
from django.contrib.auth.models import Group
from django.db import connection
from django.db.models import Exists, Max, OuterRef
from simple_history.models import HistoricalChanges

from accounts.roles import PERMISSIONS
from coachmaster.core.chunks import in_chunks
from finance import triggers

#: Columns that are counted or derived, and change without a row of history.
_WITHOUT_HISTORY = {"last_marked_on", "is_exclusive"}
_OTHER_OBJECTS = {
    "sqlite": """
        SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view')
    """,
    # Without what belongs to extensions.
    "postgresql": """
        SELECT 'trigger', tgname FROM pg_trigger
        JOIN pg_class ON pg_class.oid = tgrelid
        WHERE NOT tgisinternal AND tgenabled <> 'D'
          AND relnamespace = current_schema()::regnamespace
        UNION ALL
        SELECT 'view', relname FROM pg_class
        WHERE relkind IN ('v', 'm') AND relnamespace = current_schema()::regnamespace
          AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
        UNION ALL
        SELECT 'rule', rulename FROM pg_rules WHERE schemaname = current_schema()
    """,
}


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


def foreign_objects():
    """The database has no triggers, views or rules but those of CoachMaster."""
    for kind, name in sorted(_objects() - _own_triggers()):
        yield f"The {kind} {name} is not part of CoachMaster: find out who made it, and drop it."


def missing_triggers():
    """The triggers that keep payments from being changed are there."""
    for _, name in sorted(_own_triggers() - _objects()):
        yield f"The trigger {name} is missing. `manage.py migrate` creates it again."


def _own_triggers():
    return {("trigger", name) for name in triggers.names(connection.vendor)}


def _objects():
    with connection.cursor() as cursor:
        cursor.execute(_OTHER_OBJECTS[connection.vendor])
        return set(cursor.fetchall())


def roles():
    """The three roles have the permissions of this version."""
    for group in Group.objects.filter(name__in=PERMISSIONS).order_by("name"):
        found = {
            f"{app}.{name}"
            for app, name in group.permissions.values_list("content_type__app_label", "codename")
        }
        if different := found ^ set(PERMISSIONS[group.name]):
            yield f"The role {group.name} differs in {', '.join(sorted(different))}."


def histories():
    """Records are as the newest row of their history says."""
    for history in apps.get_models():
        if issubclass(history, HistoricalChanges):
            yield from _unlike_history(history)


def _unlike_history(history):
    model = history.instance_type
    key = model._meta.pk.attname
    recorded = history.objects.order_by().values_list(key, flat=True).distinct()
    ids = {*model._base_manager.values_list("pk", flat=True), *recorded}
    # Short queries, since a long one would keep others from writing to SQLite.
    for chunk in in_chunks(sorted(ids)):
        if found := _problems(model, history, chunk):
            # Once more, since a record may have been saved between the two queries.
            found = _problems(model, history, list(found))
        for pk, problem in found.items():
            yield f"{model._meta.db_table} {pk} {problem}."


def _problems(model, history, ids):
    """Return the problems of records as ``{id: problem}``."""
    key = model._meta.pk.attname
    recorded = {field.attname for field in history._meta.concrete_fields} - _WITHOUT_HISTORY
    names = [f.attname for f in model._meta.concrete_fields if f.attname in recorded]
    newest = history.objects.filter(**{f"{key}__in": ids}).order_by()
    newest = newest.values(key).annotate(last=Max("history_id")).values("last")
    rows = history.objects.filter(pk__in=newest).values("history_type", *names)
    then = {row[key]: row for row in rows}
    now = {row[key]: row for row in model._base_manager.filter(pk__in=ids).values(*names)}
    found = {pk: _problem(now.get(pk), then.get(pk)) for pk in ids}
    return {pk: problem for pk, problem in found.items() if problem}


def _problem(now, then):
    if not then:
        return "has no history" if now else ""
    if not now:
        return "" if then["history_type"] == "-" else "was deleted without history"
    if then["history_type"] == "-":
        return "was deleted, and is there again without history"
    fields = [name for name in now if now[name] != then[name]]
    return f"is not as its history says: {', '.join(fields)}" if fields else ""
