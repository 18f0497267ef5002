from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from accounts.forms.people import PersonForm, RoleForm, StudentForm, form_to_edit
from accounts.models import User
from accounts.roles import STUDENT, assignable_roles
from accounts.services import emails, invitations
from accounts.services.people import (
    activate,
    add_person,
    batches_without_teacher,
    change_role,
    check_can_change_role,
    deactivate,
    last_email_change,
    update_person,
)
from accounts.services.second_factors import has_second_factor
from accounts.views.confirmation import asks_again
from coachmaster.core.concurrency import lock_on_post
from coachmaster.core.forms import add_errors
from coachmaster.core.history import recent_changes
from coachmaster.core.text import name_list
from coachmaster.core.views import form_page


def person_detail(request, pk):
    person = _visible_person(request, pk)
    is_self = person.pk == request.user.pk
    may_change = request.user.has_perm("accounts.change_user")
    shows_everything = is_self or request.user.has_perm("accounts.view_user")
    context = {
        "person": person,
        "is_self": is_self,
        "shows_everything": shows_everything,
        "can_edit": is_self or (may_change and person.is_manageable),
        "can_manage": may_change and person.is_manageable,
        "has_second_factor": may_change and has_second_factor(person),
        "devices": _devices(request.user, person),
        "changes": _changes(person) if may_change and shows_everything else [],
    }
    return render(request, "accounts/people/detail.html", context)


def _visible_person(request, pk):
    return get_object_or_404(User.objects.visible_to(request.user).for_page(request.user), pk=pk)


def _devices(user, person):
    """Return where others are signed in; one's own devices have a page."""
    if person.pk == user.pk or not (person.is_manageable and user.has_perm("accounts.view_device")):
        return []
    return person.devices.signed_in()


def _changes(person):
    history = [person.history.all(), person.membership.history.select_related("group")]
    if person.is_student:
        history.append(person.student_profile.history.all())
    # Leave out that the role and the student's record were added with the person.
    return [
        change for change in recent_changes(*history) if change.fields or change.label == "Person"
    ]


# Adding and editing ----------------------------------------------------------------------------


def _gives_a_role(request):
    return request.POST.get("role", request.GET.get("role", STUDENT)) != STUDENT


@asks_again(when=_gives_a_role)
def person_create(request):
    roles = [group.name for group in assignable_roles(request.user)]
    roles.sort(key=lambda name: name != STUDENT)
    role = request.POST.get("role", request.GET.get("role", ""))
    if role not in roles:
        role = STUDENT
    form_class = StudentForm if role == STUDENT else PersonForm
    form = form_class(request.POST or None, instance=User())
    if form.is_valid():
        try:
            person = add_person(role=role, profile=form.record, **form.person)
        except ValidationError as error:
            add_errors(form, error)
        else:
            return _after_adding(request, person)
    return form_page(
        request,
        form,
        title="Add person",
        template="accounts/people/form.html",
        lead="They get a link to set their own password.",
        back=reverse("dashboards:person-list"),
        back_label="People",
        context={"role": role, "roles": roles},
    )


def _after_adding(request, person):
    message = f"{person} added."
    if person.is_student:
        number = person.student_profile.admission_number
        message = f"{person} added with admission number {number}."
    is_invited = _email_invitation(person, by=request.user)
    if is_invited:
        message += f" A link to set a password was sent to {person.email}."
    messages.success(request, message)
    if not User.objects.visible_to(request.user).filter(pk=person.pk).exists():
        return redirect("accounts:person-create")
    if "enroll" in request.POST:
        if not is_invited:
            messages.info(request, f"Open {person}’s page to get a link to set a password.")
        return redirect(f"{reverse('finance:enrollment-create')}?student={person.pk}")
    return redirect(person) if is_invited else _show_link(request, person)


def _changes_email(request, pk):
    """Whoever may change the address to sign in with can take over the account."""
    person = _visible_person(request, pk)
    form = form_to_edit(person, request.user)(request.POST, instance=person)
    return "email" in form.changed_data


@asks_again(when=_changes_email)
@lock_on_post(User)
def person_update(request, pk):
    person = _visible_person(request, pk)
    form_class = form_to_edit(person, request.user)
    name = str(person)
    form = form_class(request.POST or None, instance=person)
    if form.is_valid():
        try:
            update_person(person, by=request.user, profile=form.record, **form.person)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"{person} saved.")
            return redirect(person)
    return form_page(
        request,
        form,
        title=f"Edit {name}",
        template="accounts/people/form.html",
        back=person.get_absolute_url(),
        back_label=name,
    )


# Account management ----------------------------------------------------------------------------


def manageable_person(request, pk):
    person = _visible_person(request, pk)
    if not person.is_manageable:
        raise PermissionDenied
    return person


def _email_invitation(person, *, by):
    if not (settings.SENDS_MAIL and person.email):
        return False
    return emails.send_invitation(person, invitations.invitation_link(person, by=by))


def _show_link(request, person):
    request.session["shows_link_of"] = person.pk
    return redirect("accounts:person-invite", person.pk)


@asks_again()
def person_invite(request, pk):
    person = manageable_person(request, pk)
    if not person.is_active:
        messages.error(request, f"{person} is inactive. Activate them first.")
        return redirect(person)
    can_email = settings.SENDS_MAIL and person.email
    if request.method == "POST":
        if "show" in request.POST or not can_email:
            return _show_link(request, person)
        if _email_invitation(person, by=request.user):
            messages.success(request, f"A link to set a password was sent to {person.email}.")
            return redirect(person)
        messages.error(
            request,
            f"The email to {person.email} was not sent. Show the link and pass it on yourself.",
        )
    shows_link = request.session.get("shows_link_of") == person.pk
    if shows_link:
        del request.session["shows_link_of"]
    context = {
        "person": person,
        "link": invitations.invitation_link(person, by=request.user) if shows_link else "",
        "can_email": can_email,
        "days": settings.INVITATION_DAYS,
    }
    return render(request, "accounts/people/invite.html", context)


def person_role(request, pk):
    person = manageable_person(request, pk)
    reason = ""
    try:
        check_can_change_role(person, by=request.user)
    except ValidationError as error:
        reason = error.message
    form = RoleForm(
        request.POST or None,
        request=request,
        roles=assignable_roles(request.user).exclude(name=STUDENT),
        initial={"role": person.membership.group_id},
    )
    if not reason and form.is_valid():
        try:
            change_role(person, form.cleaned_data["role"], by=request.user)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"{person} is now {form.cleaned_data['role']}.")
            _warn_of_batches(request, person)
            return redirect(person)
    context = {
        "person": person,
        "form": form,
        "reason_not_allowed": reason,
        "email_entry": person.email and last_email_change(person),
    }
    return render(request, "accounts/people/role.html", context)


def _warn_of_batches(request, person):
    if batches := batches_without_teacher(person):
        messages.warning(
            request,
            f"{person} is still the instructor of {name_list(batches, most=3)}, but the new role "
            "cannot teach. Choose another instructor.",
        )


@asks_again()
def person_deactivate(request, pk):
    person = manageable_person(request, pk)
    reason = ""
    if request.method == "POST":
        try:
            deactivate(person, by=request.user)
        except ValidationError as error:
            reason = error.message
        else:
            messages.success(request, f"{person} was deactivated and cannot sign in any more.")
            return redirect(person)
    context = {"person": person, "reason_not_allowed": reason}
    return render(request, "accounts/people/deactivate.html", context)


@asks_again()
def person_activate(request, pk):
    person = manageable_person(request, pk)
    if request.method == "POST":
        activate(person)
        messages.success(request, f"{person} was activated and can sign in.")
        return redirect(person)
    return render(request, "accounts/people/activate.html", {"person": person})
