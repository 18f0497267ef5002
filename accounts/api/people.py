from datetime import datetime
from typing import Annotated

from django.contrib.auth.models import Group
from django.shortcuts import get_object_or_404
from ninja import Field, Path, Query, Router, Schema

from accounts import tokens
from accounts.forms.people import form_to_edit
from accounts.models import User
from accounts.services.people import update_person
from accounts.tokens import Token
from coachmaster.core.api import (
    ApiResponse,
    Id,
    Paging,
    ResultPage,
    cleaned,
    error_examples,
    list_response,
    responses,
    sent_values,
)

users = Router(tags=["People"])

PHONE_HELP = "Ten digits, or with a country code."

UserId = Annotated[Id, Field(description="Id of the person.")]
UserPath = Annotated[Id, Path(description="Id of the person.")]
StudentPath = Annotated[Id, Path(description="Id of the student.")]


class UserOut(Schema):
    """A person. Fields that the caller may not see are null."""

    id: UserId = Field(examples=[42])
    admission_number: str | None = Field(
        description="Admission number of a student; null for others.", examples=["26-00042"]
    )
    email: str | None = Field(
        description="Email address; empty for a student without one.", examples=["asha@example.com"]
    )
    full_name: str = Field(description="Full name.", examples=["Asha Verma"])
    role: str = Field(
        description="admin, instructor, student, or the name of a custom role in lower case.",
        examples=["student"],
    )
    phone: str | None = Field(description="Phone number.", examples=["9876543210"])
    created_at: datetime | None = Field(
        description="When the person was added.", examples=["2026-06-01T10:00:00+05:30"]
    )


def user_json(person, *, phone=True, everything=True):
    """Return a person, loaded with the role or from `for_api`, as JSON."""
    return {
        "id": person.pk,
        "admission_number": person.admission_number,
        "email": person.email if everything else None,
        "full_name": person.full_name,
        "role": person.role.lower(),
        "phone": person.phone if phone else None,
        "created_at": person.created_at if everything else None,
    }


def sees_all_details(user, person):
    if person.pk == user.pk:
        return True
    visible = User.objects.visible_to(user).filter(pk=person.pk)
    return user.has_perm("accounts.view_user") and visible.exists()


class UserList(ResultPage):
    users: list[UserOut] = Field(description="People on this page.")


class UserQuery(Schema):
    role: str = Field(
        "",
        description="Only people with this role, as in the field `role` of a person. An unknown "
        "role filters nothing.",
    )


@users.get(
    "",
    auth=Token("accounts.view_user"),
    response=responses(200, UserList, 400, 401, 403),
    operation_id="list_users",
    summary="List people",
)
def list_users(request, paging: Query[Paging], query: Query[UserQuery]):
    """Return people, by name.

    Admins see everybody, other roles themselves and the students of their batches.
    """
    people = User.objects.visible_to(request.user).for_api().order_by("full_name", "pk")
    if group := Group.objects.filter(name__iexact=query.role).first():
        people = people.filter(membership__group=group)
    return list_response(request, paging, "users", people, user_json)


def _visible_person(request, pk):
    return get_object_or_404(User.objects.visible_to(request.user).for_page(request.user), pk=pk)


@users.get(
    "/{int:user_id}",
    auth=Token(),
    response=responses(200, UserOut, 401, 404),
    operation_id="get_user",
    summary="Get a person",
)
def get_user(request, user_id: UserPath):
    """Return a person.

    Admins see everybody, instructors the students of their batches, others themselves.
    """
    person = _visible_person(request, user_id)
    return ApiResponse(user_json(person, everything=sees_all_details(request.user, person)))


class UserIn(Schema):
    """Changes to a person. Fields that are left out do not change."""

    full_name: str | None = Field(
        None, description="Full name, as on receipts.", examples=["Asha Verma"]
    )
    phone: str | None = Field(None, description=PHONE_HELP, examples=["98765 43210"])
    email: str | None = Field(
        None,
        description="Email address. Only an Admin can change it; from others it is ignored.",
        examples=["asha@example.com"],
    )


@users.put(
    "/{int:user_id}",
    auth=Token(),
    response=responses(200, UserOut, 400, 401, 403, 404),
    operation_id="update_user",
    summary="Edit a person",
    openapi_extra=error_examples((400, "email", "Somebody has this email address already.")),
)
def update_user(request, user_id: UserPath, payload: UserIn):
    """Change one's own name and phone.

    An Admin can change those of everybody without more permissions, and email addresses. A
    changed email address needs a token of the last ten minutes; with an older one the response is
    403. Fields that the caller cannot change are ignored.
    """
    person = _visible_person(request, user_id)
    form_class = form_to_edit(person, request.user)
    changes = {name: value or "" for name, value in sent_values(payload).items()}
    form = form_class({**form_class(instance=person).initial, **changes}, instance=person)
    if "email" in form.changed_data:
        tokens.check_recent(request.api_token)
    cleaned(form)
    update_person(person, by=request.user, profile=form.record, **form.person)
    return ApiResponse(user_json(person))
