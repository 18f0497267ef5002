"""Record imports as bulk actions, and undo them."""

from coachmaster.core.text import plural
from finance.models import BulkActionKind
from finance.services.bulk_actions import record_bulk_action, undoes

from .kinds import KINDS, kind_of
from .models import printable
from .undo import UNDO


def record_import(importer, result, file_name):
    """Record the created records in the transaction of the import.

    Return the BulkAction, or None without any.
    """
    kind = kind_of(importer)
    records = importer.created_records(result)
    if not any(records.values()):
        return None
    amounts = list(result.amounts.values())
    return record_bulk_action(
        kind=BulkActionKind.IMPORT,
        description=f"{kind.counted(result.created)} imported from {printable(file_name)}",
        rows=[model(pk=pk) for model, ids in records.items() for pk in ids],
        amount=amounts[0] if len(amounts) == 1 else None,
        by=importer.by,
        details={
            "kind": kind.slug,
            "changed": result.changed,
            "old_books": importer.is_of_old_books,
        },
    )


def record_import_at_shell(sender, importer, result, file_name, **kwargs):
    record_import(importer, result, file_name)


def _permissions(action):
    kind = KINDS[action.details["kind"]]
    return [*kind.importer_class.add_permissions, *UNDO[kind.slug].permissions]


def _promise(action):
    changed = action.details["changed"]
    stays = "stays as it is" if changed == 1 else "stay as they are"
    stays = f" {plural(changed, 'changed record')} {stays}." if changed else ""
    return f"{UNDO[action.details['kind']].promise}{stays}"


@undoes(BulkActionKind.IMPORT, permission=_permissions, promise=_promise)
def undo_import(action, *, by, reason):
    UNDO[action.details["kind"]].apply(action, by=by, reason=reason)
