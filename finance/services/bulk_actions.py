"""Bulk actions: what changed many rows at once, and how it is undone.

The service of a kind records its action with `record_bulk_action`, and registers with `undoes` the
function that applies the opposite to its rows.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from coachmaster.core.chunks import in_chunks
from coachmaster.core.logs import log_event
from coachmaster.core.money import plain
from coachmaster.core.querysets import ScopedQuerySet, restricted_id
from finance.models import BulkAction, BulkActionRow


@dataclass(frozen=True)
class Undo:
    """How a kind of action is undone, and the permissions to do the same to a single row."""

    permissions: Callable
    promise: Callable
    apply: Callable


_UNDOS: dict[str, Undo] = {}


def undoes(kind, *, permission, promise=""):
    """Register the decorated ``function(action, *, by, reason)``, which undoes actions of ``kind``.

    ``promise`` tells people what it does. It and ``permission``, one or several, may be functions
    of the action.

    It runs in a transaction with the action locked, and raises ValidationError with names if later
    rows depend on a row of the action.
    """

    def register(function):
        _UNDOS[kind] = Undo(_of_action(permission), _of_action(promise), function)
        return function

    return register


def _of_action(value):
    return value if callable(value) else lambda action: value


def may_undo(action, user):
    if action.kind not in _UNDOS:
        return False
    needed = _UNDOS[action.kind].permissions(action)
    needed = [needed] if isinstance(needed, str) else needed
    return user.has_perms(["finance.change_bulkaction", *needed])


def undo_promise(action):
    """Return what undoing ``action`` does, or ""."""
    return _UNDOS[action.kind].promise(action) if action.kind in _UNDOS else ""


def find_done(token):
    """Return the action that the form with ``token`` has done already, if any."""
    return BulkAction.objects.filter(token=token).first() if token else None


@transaction.atomic
def record_bulk_action(
    *, kind, description, rows, by, amount=None, token="", details=None
) -> BulkAction:
    """Record an action with the ``rows`` (of any models) that it made or changed.

    Call it in the transaction of the action.
    """
    rows = list(rows)
    action = BulkAction(
        kind=kind,
        description=description[:200],
        row_count=len(rows),
        amount=amount,
        details=details or {},
        token=token,
        by=by,
    )
    action.full_clean(exclude=["by"])
    action.save(force_insert=True)
    kinds = ContentType.objects.get_for_models(*{type(row) for row in rows})
    for chunk in in_chunks(rows):
        BulkActionRow.objects.bulk_create(
            BulkActionRow(
                action_id=action.pk, content_type_id=kinds[type(row)].pk, object_id=row.pk
            )
            for row in chunk
        )
    log_event("bulk action", action=action.pk, kind=kind, rows=len(rows))
    return action


def undo_bulk_action(*, action, by, reason) -> BulkAction:
    """Undo ``action`` as a whole. Raise ValidationError, with names, if that is not possible."""
    if not reason:
        raise ValidationError({"reason": "Enter the reason for undoing it."})
    try:
        return _undo(action, by, reason)
    except IntegrityError as error:
        message = "Somebody used these rows just now, so nothing was undone. Try again."
        raise ValidationError(message) from error


@transaction.atomic
def _undo(action, by, reason):
    action = BulkAction.objects.select_for_update(of=("self",)).get(pk=action.pk)
    if action.is_undone:
        raise ValidationError("This is already undone.")
    if action.kind not in _UNDOS:
        raise ValidationError("This kind of action cannot be undone.")
    _check_visible(action, by)
    _UNDOS[action.kind].apply(action, by=by, reason=reason)
    action.undone_by, action.undone_at, action.undo_reason = by, timezone.now(), reason[:200]
    action.save(update_fields=["undone_by", "undone_at", "undo_reason"])
    log_event("bulk action undone", action=action.pk, kind=action.kind)
    return action


def _check_visible(action, user):
    """Raise ValidationError if there are rows that ``user`` may not see any more."""
    if restricted_id(user) is None:
        return
    for pk in action.rows.order_by().values_list("content_type", flat=True).distinct():
        rows = action.rows_of(ContentType.objects.get_for_id(pk).model_class())
        if isinstance(rows, ScopedQuerySet) and rows.count() != rows.visible_to(user).count():
            raise ValidationError("Some of the rows are not yours any more. Ask the office.")


def digest_of(rows):
    """Return a digest of what a confirmation page shows: pairs of a key and rupees, or None."""
    lines = sorted(f"{key} {'' if amount is None else plain(amount)}" for key, amount in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
