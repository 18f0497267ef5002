"""The pages about people: fetch, decide, render."""

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from accounts.exports import PERSON_COLUMNS
from accounts.forms.people import PeopleFilter, PersonForm, RoleForm, StudentForm, form_to_edit
from accounts.models import User
from accounts.roles import STUDENT, assignable_roles
from accounts.services import emails, invitations
from accounts.services.people import (
    activate,
    add_person,
    change_role,
    check_can_change_role,
    deactivate,
    update_person,
)
from coachmaster.core.concurrency import lock_on_post
from coachmaster.core.exports import requested_export
from coachmaster.core.forms import add_errors
from coachmaster.core.history import recent_changes
from coachmaster.core.pagination import all_rows, paginate

SORTS = {
    "name": ["full_name"],
    "role": ["membership__group_id", "full_name"],
    "newest": ["-created_at"],
}


def person_list(request):
    filters = PeopleFilter(request.GET)
    found = filters.filter(User.objects.for_list())
    if request.GET.get("sort", "").endswith("role"):
        # Everybody has one. That being said, the database reads people along their roles.
        found = found.filter(membership__isnull=False)
    if file := requested_export(
        request, "people", PERSON_COLUMNS, all_rows(request, found, SORTS, default="name")
    ):
        return file
    people = paginate(request, found, SORTS, default="name", ids_first=True)
    return render(request, "accounts/people/list.html", {"people": people, "filters": filters})


def person_detail(request, pk):
    person = get_object_or_404(User.objects.visible_to(request.user).for_page(request.user), pk=pk)
    is_self = person.pk == request.user.pk
    may_change = request.user.has_perm("accounts.change_user")
    history = []
    if may_change:
        history = [person.history.all(), person.membership.history.select_related("group")]
        if person.is_student:
            history.append(person.student_profile.history.all())
    return render(
        request,
        "accounts/people/detail.html",
        {
            "person": person,
            "is_self": is_self,
            "shows_everything": is_self or request.user.has_perm("accounts.view_user"),
            "can_edit": is_self or may_change,
            "can_manage": may_change and person.is_manageable,
            # That the role and the record were made goes without saying.
            "changes": [
                change
                for change in recent_changes(*history)
                if change.fields or change.label == "Person"
            ],
        },
    )


# Adding and editing ---------------------------------------------------------------------------------------------


def person_create(request):
    roles = sorted(
        (group.name for group in assignable_roles(request.user)), key=lambda name: name != STUDENT
    )
    role = request.POST.get("role", request.GET.get("role", ""))
    if role not in roles:
        role = STUDENT
    form = (StudentForm if role == STUDENT else PersonForm)(request.POST or None, instance=User())
    if form.is_valid():
        try:
            person = add_person(role=role, profile=form.record, **form.person)
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            return _after_adding(request, person)
    return render(
        request, "accounts/people/form.html", {"form": form, "role": role, "roles": roles}
    )


def _after_adding(request, person):
    number = (
        f" with admission number {person.student_profile.admission_number}"
        if person.is_student
        else ""
    )
    is_mailed = _invite_by_mail(request, person)
    mailed = f" A link to set a password was sent to {person.email}." if is_mailed else ""
    messages.success(request, f"{person} added{number}.{mailed}")
    if "enroll" in request.POST:
        if not is_mailed:
            messages.info(
                request, f"A link for {person} to set a password can be had from their page."
            )
        return redirect(f"{reverse('finance:enrollment-create')}?student={person.pk}")
    return redirect(person) if is_mailed else _show_link(request, person)


@lock_on_post(User)
def person_update(request, pk):
    person = get_object_or_404(User.objects.visible_to(request.user).for_page(request.user), pk=pk)
    form_class = form_to_edit(person, request.user)
    name = str(person)
    form = form_class(request.POST or None, instance=person)
    if form.is_valid():
        try:
            update_person(person, profile=form.record, **form.person)
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            messages.success(request, f"{person} saved.")
            return redirect(person)
    return render(
        request,
        "accounts/people/form.html",
        {
            "form": form,
            "heading": f"Edit {name}",
            "back": person.get_absolute_url(),
            "back_label": name,
        },
    )


# What an Admin does with an account -----------------------------------------------------------------------------


def _person_in_reach(request, pk):
    """The person, for an act that would hand their rights on or take them: 403 when they have more than oneself."""
    person = get_object_or_404(User.objects.visible_to(request.user).for_page(request.user), pk=pk)
    if not person.is_manageable:
        raise PermissionDenied
    return person


def _invite_by_mail(request, person):
    """Whether a link to set the password went out by mail."""
    if not (settings.SENDS_MAIL and person.email):
        return False
    return emails.send_invitation(person, invitations.invitation_link(person, request))


def _show_link(request, person):
    """Leads to the page that shows a link to set the password, this once."""
    request.session["shows_link_of"] = person.pk
    return redirect("accounts:person-invite", person.pk)


def person_invite(request, pk):
    person = _person_in_reach(request, pk)
    if not person.is_active:
        messages.error(request, f"{person} is inactive. Activate them first.")
        return redirect(person)
    if request.method == "POST":
        if "show" in request.POST or not (settings.SENDS_MAIL and person.email):
            return _show_link(request, person)
        if _invite_by_mail(request, person):
            messages.success(request, f"A link to set a password was sent to {person.email}.")
            return redirect(person)
        messages.error(
            request,
            f"The mail to {person.email} did not go out. Show the link and pass it on yourself.",
        )
    is_shown = request.session.get("shows_link_of") == person.pk
    if is_shown:
        del request.session["shows_link_of"]
    return render(
        request,
        "accounts/people/invite.html",
        {
            "person": person,
            "link": invitations.invitation_link(person, request) if is_shown else "",
            "can_mail": settings.SENDS_MAIL and person.email,
            "days": settings.INVITATION_DAYS,
        },
    )


def person_role(request, pk):
    person = _person_in_reach(request, pk)
    refusal = ""
    try:
        check_can_change_role(person, by=request.user)
    except ValidationError as error:
        refusal = error.message
    form = RoleForm(
        request.POST or None,
        request=request,
        roles=assignable_roles(request.user).exclude(name=STUDENT),
        initial={"role": person.membership.group_id},
    )
    if not refusal and form.is_valid():
        try:
            change_role(person, form.cleaned_data["role"], by=request.user)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"{person} is now {form.cleaned_data['role']}.")
            return redirect(person)
    return render(
        request, "accounts/people/role.html", {"person": person, "form": form, "refusal": refusal}
    )


def person_deactivate(request, pk):
    person = _person_in_reach(request, pk)
    refusal = ""
    if request.method == "POST":
        try:
            deactivate(person, by=request.user)
        except ValidationError as error:
            refusal = error.message
        else:
            messages.success(request, f"{person} is inactive and cannot sign in any more.")
            return redirect(person)
    return render(
        request, "accounts/people/deactivate.html", {"person": person, "refusal": refusal}
    )


def person_activate(request, pk):
    person = _person_in_reach(request, pk)
    if request.method == "POST":
        activate(person)
        messages.success(request, f"{person} is active again.")
        return redirect(person)
    return render(request, "accounts/people/activate.html", {"person": person})
