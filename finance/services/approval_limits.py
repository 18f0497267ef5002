"""Who may give and approve concessions, up to which total on an enrollment."""

import datetime
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from academics.models import Enrollment, Institute
from academics.services.institute import save_institute
from accounts.models import Membership, User
from accounts.roles import limits_assignment
from coachmaster.core.history import records_since
from coachmaster.core.logs import log_event
from coachmaster.core.money import PAISA, ZERO, display
from finance.models import ApprovalLimit, Concession

#: People who could approve count for that long after they left, so that nobody deactivates the
#: others for a moment.
APPROVERS_LEFT = datetime.timedelta(days=30)


@dataclass(frozen=True)
class RoleLimits:
    """In rupees; ``approves_up_to`` is None for any amount."""

    gives_up_to: Decimal
    approves_up_to: Decimal | None

    def may_approve(self, total):
        return self.approves_up_to is None or total <= self.approves_up_to


def role_limits(limit, default):
    """``limit`` is the ApprovalLimit of a role or None, ``default`` that of the settings."""
    if limit is None:
        return RoleLimits(default, None)
    gives_up_to = default if limit.gives_up_to is None else limit.gives_up_to
    return RoleLimits(gives_up_to, limit.approves_up_to)


def limits_of(user):
    """Return the limits of the user's role; without a user, those of a role without its own."""
    limit = user and ApprovalLimit.objects.filter(group__user=user).first()
    return role_limits(limit, Institute.objects.current().concession_limit)


@limits_assignment
def roles_within_limits(user, roles):
    """Leave out roles that give or approve larger concessions than the user may decide about."""
    own = limits_of(user)
    may_approve = user.has_perm("finance.approve_concession")
    if may_approve and own.approves_up_to is None:
        return roles
    approves_up_to = own.approves_up_to if may_approve else ZERO
    default = Institute.objects.values("concession_limit")
    giving = Group.objects.filter(permissions__codename="add_concession").annotate(
        gives_up_to=Coalesce("approval_limit__gives_up_to", Subquery(default))
    )
    any_amount = Q(approval_limit__approves_up_to=None)
    return roles.exclude(
        pk__in=giving.filter(gives_up_to__gt=max(own.gives_up_to, approves_up_to)).values("pk")
    ).exclude(
        pk__in=approving_roles()
        .filter(any_amount | Q(approval_limit__approves_up_to__gt=approves_up_to))
        .values("pk")
    )


def approving_roles():
    return Group.objects.filter(permissions__codename="approve_concession").order_by("name")


def roles_with_concessions():
    """Return the roles that give or approve concessions, with ``gives`` and ``approves``."""
    permissions = Permission.objects.filter(group=OuterRef("pk"))
    roles = Group.objects.annotate(
        gives=Exists(permissions.filter(codename="add_concession")),
        approves=Exists(permissions.filter(codename="approve_concession")),
    )
    return (
        roles.filter(Q(gives=True) | Q(approves=True))
        .select_related("approval_limit")
        .order_by("name")
    )


def role_names():
    return dict(Group.objects.values_list("pk", "name"))


class ConcededTotals:
    """The approved concessions of ``students``, added up per enrollment.

    Enrollments before and after a transfer count together.
    """

    def __init__(self, students):
        self._first = Enrollment.objects.filter(student__in=students).before_transfers()
        self._conceded = defaultdict(lambda: ZERO)
        rows = Concession.objects.active().filter(student__in=students).order_by()
        sums = rows.values_list("student", "charge__enrollment").annotate(Sum("amount"))
        for student, enrollment, amount in sums:
            self._conceded[student, self._first.get(enrollment)] += amount

    def on_enrollments_of(self, charges):
        """Return the sum for the enrollments of ``charges``, late fees included."""
        keys = {(charge.student_id, self._first.get(charge.enrollment_id)) for charge in charges}
        return sum((self._conceded[key] for key in keys), ZERO)


class Approvers:
    """The roles that approve concessions, with their limits and people."""

    def __init__(self, user):
        self.user = user
        default = Institute.objects.current().concession_limit
        roles = approving_roles().select_related("approval_limit")
        self.limits = {
            role: role_limits(getattr(role, "approval_limit", None), default) for role in roles
        }
        self.own_limits = limits_of(user)

    @cached_property
    def _people(self):
        """Pairs of an active person and their role."""
        people = User.objects.filter(is_active=True, membership__group__in=list(self.limits))
        return set(people.values_list("pk", "membership__group"))

    @cached_property
    def _former_people(self):
        since = timezone.now() - APPROVERS_LEFT
        members = records_since(Membership, since).filter(group__in=list(self.limits))
        pairs = set(members.values_list("user", "group"))
        # Two queries, since a join of both histories would read those of all students.
        people = records_since(User, since).filter(is_active=True, id__in={pk for pk, _ in pairs})
        active = set(people.values_list("id", flat=True))
        return {(pk, role) for pk, role in pairs if pk in active}

    def roles_for(self, total):
        """Return the roles, with active people, that may approve ``total``."""
        staffed = {role for _, role in self._people}
        return [
            role
            for role, limits in self.limits.items()
            if role.pk in staffed and limits.may_approve(total)
        ]

    @property
    def notice(self):
        """Say, for a form, above which amount a concession waits, and for whom."""
        limit = self.own_limits.gives_up_to
        roles = [
            f"{role} (up to {display(most)})"
            if (most := self.limits[role].approves_up_to)
            else role
            for role in self.roles_for(limit + PAISA)
        ]
        return (
            f"Above {display(limit)}, with earlier concessions of the enrollment, it waits for "
            f"approval by {' or '.join(map(str, roles)) or 'somebody with the permission'}."
        )

    def reason_not_allowed(self, *, total, asked_by_id):
        """Return why the user may not approve a concession, or "".

        ``total`` includes the earlier concessions on the enrollment.
        """
        own = self.own_limits
        if not own.may_approve(total):
            others = " or ".join(map(str, self.roles_for(total))) or "somebody with a higher limit"
            return (
                f"Your role approves concessions up to {display(own.approves_up_to)} on an "
                f"enrollment, and this makes {display(total)}. Ask {others} to approve it."
            )
        if asked_by_id != self.user.pk:
            return ""
        if self._includes_another(self._people, total):
            return "You requested this concession yourself. Ask another person to approve it."
        if self._includes_another(self._former_people, total):
            return (
                "You requested this concession yourself, and the others who could approve it were "
                f"deactivated or got another role in the last {APPROVERS_LEFT.days} days. "
                "Ask a new Admin to approve it, or wait."
            )
        return ""

    def _includes_another(self, people, total):
        able = {role.pk for role, limits in self.limits.items() if limits.may_approve(total)}
        return any(pk != self.user.pk and role in able for pk, role in people)


def needs_approval(total, *, by):
    return total > limits_of(by).gives_up_to


@transaction.atomic
def save_approval_limits(limits, *, default):
    """Save ``{role: (gives_up_to, approves_up_to)}``, with None for an empty field.

    ``default`` is what roles give whose field is empty. Raise ValidationError if no role could
    approve any amount.
    """
    institute = Institute.objects.select_for_update().get(pk=Institute.ONLY)
    if institute.concession_limit != default:
        institute.concession_limit = default
        institute.full_clean(validate_unique=False)
        save_institute(institute)
    stored = ApprovalLimit.objects.in_bulk()
    changed = []
    for role, (gives_up_to, approves_up_to) in limits.items():
        limit = stored.get(role.pk)
        if limit is None and gives_up_to is approves_up_to is None:
            continue
        limit = limit or ApprovalLimit(group=role)
        before = limit.gives_up_to, limit.approves_up_to
        limit.gives_up_to, limit.approves_up_to = gives_up_to, approves_up_to
        _check_limits(role, role_limits(limit, default))
        if before == (gives_up_to, approves_up_to):
            continue
        limit.full_clean(validate_unique=False)
        limit.save()
        changed.append(role.pk)
    if approving_roles().exists() and not _somebody_approves_any_amount():
        raise ValidationError(
            "Leave “Approves up to” of one role empty, so that every concession can be decided."
        )
    if changed:
        log_event("settings changed", fields="approval_limits", roles=",".join(map(str, changed)))


def _check_limits(role, limits):
    if not limits.may_approve(limits.gives_up_to):
        raise ValidationError(
            f"{role} gives concessions up to {display(limits.gives_up_to)} without approval. "
            "Enter at least that amount for “Approves up to”, or leave it empty."
        )


def _somebody_approves_any_amount():
    return approving_roles().filter(approval_limit__approves_up_to=None).exists()
