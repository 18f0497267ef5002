"""Roles and their permissions.

The three roles are Django groups, filled from this table after each `migrate`. Code asks for
permissions, never for roles, so an institute can add roles in Django admin.
"""

from django.apps import apps
from django.contrib.auth.decorators import permission_required
from django.db import transaction
from django.db.models import Q

from coachmaster.core.logs import log_event
from coachmaster.core.querysets import SEE_WHOLE_INSTITUTE

ADMIN, INSTRUCTOR, STUDENT = "Admin", "Instructor", "Student"

#: Roles of people who do not work for the institute.
FAMILY_ROLES = {STUDENT}

_OWN_RECORDS = ["academics.view_course", "academics.view_batch"]

PERMISSIONS = {
    ADMIN: [
        SEE_WHOLE_INSTITUTE,
        "accounts.enter_admin",
        "accounts.view_admin_dashboard",
        *(
            f"accounts.{act}_{model}"
            for model in ("user", "studentprofile", "membership")
            for act in ("view", "add", "change")
        ),
        "accounts.change_signinrules",
        "accounts.view_apitoken",
        "accounts.delete_apitoken",
        "accounts.view_device",
        "accounts.delete_device",
        "auth.view_group",
        *_OWN_RECORDS,
        "academics.view_institute",
        "academics.change_institute",
        "academics.add_course",
        "academics.change_course",
        "academics.add_batch",
        "academics.change_batch",
        "academics.teach_batch",
        *(
            f"academics.{act}_{model}"
            for model in ("classtime", "classchange", "holiday")
            for act in ("view", "add", "change", "delete")
        ),
        "academics.view_enrollment",
        "academics.add_enrollment",
        "academics.change_enrollment",
        "finance.view_charge",
        "finance.add_charge",
        "finance.change_charge",
        "finance.view_bulkaction",
        "finance.change_bulkaction",
        "finance.view_feeplan",
        "finance.add_feeplan",
        "finance.change_feeplan",
        "finance.view_latefeerule",
        "finance.add_latefeerule",
        "finance.change_latefeerule",
        "finance.view_concession",
        "finance.add_concession",
        "finance.change_concession",
        "finance.approve_concession",
        "finance.view_approvallimit",
        "finance.change_approvallimit",
        "finance.view_payment",
        "finance.add_payment",
        "finance.view_reversal",
        "finance.add_reversal",
        "finance.view_refund",
        "finance.add_refund",
        "finance.view_chequedeposit",
        "finance.add_chequedeposit",
        "finance.view_chequeclearing",
        "finance.add_chequeclearing",
        "finance.view_receiptseries",
        "finance.change_receiptseries",
        "finance.view_account",
        "finance.view_feereminder",
        "finance.add_feereminder",
        "finance.view_dayclose",
        "finance.add_dayclose",
        "finance.close_day_of_others",
        "attendance.view_sheet",
        "attendance.add_sheet",
        "attendance.view_mark",
        "attendance.view_markchange",
        "attendance.view_attendancereminder",
        "attendance.view_checkin",
        "attendance.view_earlierattendance",
        "attendance.add_attendancereminder",
        "attendance.correct_any_day",
        "imports.add_import",
    ],
    INSTRUCTOR: [
        *_OWN_RECORDS,
        "academics.teach_batch",
        "academics.view_enrollment",
        "attendance.view_sheet",
        "attendance.add_sheet",
    ],
    STUDENT: [
        *_OWN_RECORDS,
        "finance.view_payment",
        "finance.view_refund",
    ],
}


@transaction.atomic
def update_roles(sender=None, **kwargs):
    """Set the permissions of the three groups; receiver of `post_migrate` of the last app."""
    if (
        sender is not None
        and sender != [app for app in apps.get_app_configs() if app.models_module][-1]
    ):
        return
    from django.contrib.auth.models import Group, Permission

    known = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in Permission.objects.select_related("content_type")
    }
    for name, wanted in PERMISSIONS.items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.set(known[codename] for codename in wanted)


def log_permissions(sender, instance, action, pk_set, **kwargs):
    """Log permissions that are given to a role, or taken from it, by anything but `migrate`."""
    if not action.startswith("post_") or getattr(instance, "name", "") in PERMISSIONS:
        return
    from django.contrib.auth.models import Permission

    names = Permission.objects.filter(pk__in=pk_set or ()).order_by("codename")
    log_event(
        "role permissions changed",
        role=instance.pk,
        change=action.removeprefix("post_"),
        permissions=",".join(names.values_list("codename", flat=True)),
    )


def log_deleted_role(sender, instance, **kwargs):
    log_event("role deleted", role=instance.pk)


def sees_whole_institute(user):
    return user.has_perm(SEE_WHOLE_INSTITUTE)


#: Functions of a user and roles (a queryset), which return the roles that the user may assign.
_ASSIGNMENT_LIMITS = []


def limits_assignment(function):
    """Register a further condition for roles that people may assign, of an app above this one."""
    _ASSIGNMENT_LIMITS.append(function)
    return function


def assignable_roles(user):
    """Return the groups that ``user`` may assign: Student, and those within their permissions."""
    from django.contrib.auth.models import Group, Permission

    roles = Group.objects.order_by("pk")
    if user.is_superuser:
        return roles
    missing = Permission.objects.exclude(group__user=user)
    roles = roles.filter(Q(name=STUDENT) | ~Q(permissions__in=missing)).distinct()
    for limit in _ASSIGNMENT_LIMITS:
        roles = limit(user, roles)
    return roles


def requires(permission):
    return permission_required(permission, raise_exception=True)
