"""The JSON API about people: signing in, and operations 1 to 7."""

from datetime import datetime
from typing import Literal

from django.core.exceptions import PermissionDenied, ValidationError
from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router, Schema
from pydantic import ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from accounts.forms.passwords import NewPasswordForm
from accounts.forms.people import PersonForm, StudentForm, form_to_edit
from accounts.forms.registration import RegisterForm
from accounts.services.people import add_person, update_person
from accounts.services.registration import check_registration_open
from coachmaster.core.api import (
    ApiResponse,
    Id,
    Message,
    Paging,
    ResultPage,
    cleaned,
    list_response,
    responses,
    sent_values,
)

from . import throttling, tokens
from .models import User
from .roles import ADMIN, INSTRUCTOR, STUDENT, roles_within
from .services import invitations, registration, sign_in
from .tokens import Token

auth = Router(tags=["Signing in"])
users = Router(tags=["People"])

ROLES = {"admin": ADMIN, "instructor": INSTRUCTOR, "student": STUDENT}


class UserOut(Schema):
    """A person. What is not the caller's to see is null."""

    id: Id = Field(examples=[42])
    email: str | None = Field(
        description="Empty for a student without one.", examples=["asha@example.com"]
    )
    full_name: str = Field(examples=["Asha Verma"])
    role: str = Field(
        description="admin, instructor, student; or in small letters the name of a role that the institute made.",
        examples=["student"],
    )
    phone: str | None = Field(examples=["9876543210"])
    created_at: datetime | None = Field(examples=["2026-06-01T10:00:00+05:30"])


def user_json(person, *, phone=True, everything=True):
    """A person as the API says them; ``person`` comes with the role, or `in_brief`."""
    return {
        "id": person.pk,
        "email": person.email if everything else None,
        "full_name": person.full_name,
        "role": person.role.lower(),
        "phone": person.phone if phone else None,
        "created_at": person.created_at if everything else None,
    }


def sees_all_details(user, person):
    """Whether ``user`` may see of ``person`` what the page of a person keeps from instructors."""
    return person.pk == user.pk or user.has_perm("accounts.view_user")


# Signing in ------------------------------------------------------------------------------------------------------


class RegisterIn(Schema):
    """A new person."""

    full_name: str = Field(examples=["Asha Verma"])
    email: str = Field(
        description="An Admin may leave it empty for a student without one.",
        examples=["asha@example.com"],
    )
    role: Literal["admin", "instructor", "student"]
    password: str | None = Field(
        None,
        validate_default=True,
        description="Needed without an Admin's token.",
        examples=["seven green parrots"],
    )
    phone: str | None = Field(None, examples=["98765 43210"])

    @field_validator("password")
    @classmethod
    def _named_with_the_rest(cls, password, info: ValidationInfo):
        # The form would miss it only when nothing else is missing. Which roles are not for nobody is said first.
        if (
            not password
            and info.data.get("role") in (None, "student")
            and not _may_add_people(info.context["request"])
        ):
            raise PydanticCustomError("missing", "missing")
        return password


def _may_add_people(request):
    return request.user.has_perm("accounts.add_user")


class RegisterOut(Message):
    """The new person, and what comes next."""

    message: str = Field(description="What happened.", examples=["Asha Verma added."])
    user: UserOut
    set_password_url: str | None = Field(
        None,
        description="Where they set a password, when none was sent.",
        examples=["https://coachmaster.example/accounts/invitation/NDI-9xkQ/"],
    )


@auth.post(
    "/register",
    auth=Token(optional=True),
    response=responses(201, RegisterOut, 400, 401, 403, 429),
    operation_id="register",
    summary="Register",
    openapi_extra={"security": [{}]},
)
def register(request, payload: RegisterIn):
    """Anybody may register as a student, where the institute has that open. An Admin's token adds people of any role.

    An Admin may leave the password out: the answer then carries `set_password_url`, the link by which the person sets
    one. It is told this once; pass it on.
    """
    if not _may_add_people(request):
        return _self_registration(request, payload)
    role = ROLES[payload.role]
    if role not in {group.name for group in roles_within(request.user)}:
        raise PermissionDenied
    form = (StudentForm if role == STUDENT else PersonForm)(
        _person_fields(payload), instance=User()
    )
    cleaned(form)
    if payload.password is not None:
        _clean_with_password(NewPasswordForm, payload.password, user=form.instance)
    person = add_person(role=role, profile=form.record, password=payload.password, **form.person)
    answer = {"message": f"{person} added.", "user": user_json(person)}
    if payload.password is None:
        answer["set_password_url"] = invitations.link_for(person, request)
    return ApiResponse(answer, 201)


def _person_fields(payload):
    return {"full_name": payload.full_name, "email": payload.email, "phone": payload.phone or ""}


def _clean_with_password(form_class, password, fields=(), **kwargs):
    """The clean values of a form with a new password, which a program sends once."""
    form = form_class({**dict(fields), "password": password, "password_again": password}, **kwargs)
    form.errors.pop("password_again", None)
    return {name: value for name, value in cleaned(form).items() if name != "password_again"}


def _self_registration(request, payload):
    if payload.role != "student":
        raise PermissionDenied("Only an Admin adds people of that role.")
    check_registration_open()  # before the form, which tells whose e-mail addresses are taken
    values = _clean_with_password(RegisterForm, payload.password or "", _person_fields(payload))
    person = registration.register(address=throttling.client_address(request), **values)
    number = person.student_profile.admission_number
    return ApiResponse(
        {
            "message": f"Welcome, {person}. Your admission number is {number}.",
            "user": user_json(person),
        },
        201,
    )


class LoginIn(Schema):
    """Name and password."""

    email: str = Field(
        description="An e-mail address or an admission number.", examples=["asha@example.com"]
    )
    password: str = Field(examples=["seven green parrots"])


class LoginOut(Schema):
    """The token, told this once, and whose it is."""

    token: str = Field(description="In force for 24 hours.", examples=["kq3…"])
    user: UserOut


@auth.post(
    "/login",
    response=responses(200, LoginOut, 400, 401, 429),
    operation_id="login",
    summary="Sign in",
)
def login(request, payload: LoginIn):
    """Answers a token for the header `Authorization: Bearer …` of every other call.

    It lasts 24 hours, and ends at once with signing out, a new password, another role or the closing of the account.
    Tries are limited as on the login page: too many answer 429, and `Retry-After` says in how many seconds to try again.
    """
    name = payload.email.strip()
    missing = {
        field: "This field is required."
        for field in ("email", "password")
        if not getattr(payload, field).strip()
    }
    if missing:
        raise ValidationError(missing)
    # No name and no password is as long as this; no database is asked, and nothing hashed.
    is_sensible = (
        len(name) <= 254 and len(payload.password) <= 1000 and "\0" not in name + payload.password
    )
    person = sign_in.person_by_password(request, name, payload.password) if is_sensible else None
    token = person and tokens.issue(person)
    if token is None:
        return ApiResponse({"message": sign_in.WRONG}, 401)
    sign_in.note_last_sign_in(person)
    return ApiResponse({"token": token, "user": user_json(person)})


@auth.get(
    "/me",
    auth=Token(),
    response=responses(200, UserOut, 401),
    operation_id="me",
    summary="Who am I",
)
def me(request):
    """The person whose token it is."""
    return ApiResponse(user_json(request.user))


@auth.post(
    "/logout",
    auth=Token(),
    response=responses(200, Message, 401),
    operation_id="logout",
    summary="Sign out",
)
def logout(request):
    """The token is dead from now on; other tokens and open pages of the person stay."""
    request.api_token.delete()
    return ApiResponse({"message": "You are logged out."})


# People ----------------------------------------------------------------------------------------------------------


class UserList(ResultPage):
    """A page of people."""

    users: list[UserOut]


class UserQuery(Schema):
    """Which people."""

    role: Literal["admin", "instructor", "student"] | None = Field(
        None, description="Only people of that role."
    )


@users.get(
    "",
    auth=Token("accounts.view_user"),
    response=responses(200, UserList, 400, 401, 403),
    operation_id="list_users",
    summary="List people",
)
def list_users(request, paging: Query[Paging], asked: Query[UserQuery]):
    """Everybody, by name."""
    found = User.objects.in_brief().order_by("full_name", "pk")
    if asked.role:
        found = found.filter(membership__group__name=ROLES[asked.role])
    return list_response(request, paging, "users", found, user_json)


def _visible_person(request, pk):
    return get_object_or_404(User.objects.visible_to(request.user).for_page(request.user), pk=pk)


@users.get(
    "/{int:user_id}",
    auth=Token(),
    response=responses(200, UserOut, 401, 404),
    operation_id="get_user",
    summary="One person",
)
def get_user(request, user_id: Id):
    """An Admin sees everybody, an instructor the students of their batches (without e-mail), everybody themselves."""
    person = _visible_person(request, user_id)
    return ApiResponse(user_json(person, everything=sees_all_details(request.user, person)))


class UserIn(Schema):
    """What changes; what is left out stays."""

    full_name: str | None = Field(None, examples=["Asha Verma"])
    phone: str | None = Field(None, examples=["98765 43210"])
    email: str | None = Field(None, description="By an Admin only.", examples=["asha@example.com"])


@users.put(
    "/{int:user_id}",
    auth=Token(),
    response=responses(200, UserOut, 400, 401, 403, 404),
    operation_id="update_user",
    summary="Edit a person",
)
def update_user(request, user_id: Id, payload: UserIn):
    """One's own name and phone; an Admin those of everybody, and their e-mail address."""
    person = _visible_person(request, user_id)
    form_class = form_to_edit(person, request.user)
    changes = {name: value or "" for name, value in sent_values(payload).items()}
    if "email" not in form_class.base_fields and changes.get("email", person.email) != person.email:
        raise PermissionDenied("Only an Admin changes an e-mail address.")
    form = form_class({**form_class(instance=person).initial, **changes}, instance=person)
    cleaned(form)
    update_person(person, profile=form.record, **form.person)
    return ApiResponse(user_json(person))
