from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied, ValidationError
from ninja import Field, Router, Schema
from pydantic import ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from accounts import known_devices, throttling, tokens
from accounts.forms.passwords import NewPasswordForm
from accounts.forms.people import PersonForm, StudentForm
from accounts.forms.registration import RegistrationForm
from accounts.roles import PERMISSIONS, STUDENT, assignable_roles
from accounts.services import invitations, registration, second_factors, sign_in
from accounts.services.people import add_person, unsaved_person
from accounts.services.registration import check_registration_open
from accounts.tokens import Token
from coachmaster.core.api import (
    ApiResponse,
    Message,
    cleaned,
    error_examples,
    responses,
)
from coachmaster.core.logs import log_event

from .people import PHONE_HELP, UserOut, user_json

auth = Router(tags=["Sign-in"])

#: Built-in roles that only people who may grant them can add.
OTHER_ROLES = {role.lower() for role in PERMISSIONS} - {STUDENT.lower()}


class RegisterIn(Schema):
    full_name: str = Field(description="Full name, as on receipts.", examples=["Asha Verma"])
    role: str = Field(
        description="Role of the person: student, or with an Admin's token also instructor, admin "
        "or the name of a custom role.",
        examples=["student"],
    )
    email: str = Field(
        "",
        validate_default=True,
        description="Email address. An Admin may leave out a student's.",
        examples=["asha@example.com"],
    )
    password: str | None = Field(
        None,
        validate_default=True,
        description="At least 12 characters, 8 for students. Required without an Admin's token.",
        examples=["seven green parrots"],
    )
    phone: str | None = Field(None, description=PHONE_HELP, examples=["98765 43210"])

    @field_validator("email", "password")
    @classmethod
    def _require(cls, value, info: ValidationInfo):
        # Checked here, so that the error comes together with those of other missing fields.
        # A role that the caller may not give is refused first, with 403.
        is_student = info.data.get("role") in (None, "student")
        if not value and is_student and not _may_add_people(info.context["request"]):
            raise PydanticCustomError("missing", "missing")
        return value


def _may_add_people(request):
    return request.user.has_perm("accounts.add_user")


class RegisterOut(Message):
    message: str = Field(description="What happened.", examples=["Asha Verma added."])
    user: UserOut
    set_password_url: str | None = Field(
        None,
        description="Link to set a password, if none was sent.",
        examples=["https://coachmaster.example/accounts/invitation/NDI-9xkQ/"],
    )


@auth.post(
    "/register",
    auth=Token(optional=True),
    response=responses(201, RegisterOut, 400, 401, 403, 429),
    operation_id="register",
    summary="Register",
    openapi_extra={
        "security": [{}],
        **error_examples(
            (400, "email", "Somebody has this email address already."), retry_after=True
        ),
    },
)
def register(request, payload: RegisterIn):
    """Register as a student, where registration is open. An Admin's token adds people of any role.

    Another role than student needs a token of the last ten minutes; with an older one the response
    is 403. An Admin may leave out the password. The response then contains `set_password_url`, the
    link where the person sets one. It is shown only once: pass it on.
    """
    if not _may_add_people(request):
        return _self_registration(request, payload)
    role = _role_named(payload.role)
    if role not in {group.name for group in assignable_roles(request.user)}:
        raise PermissionDenied
    if role != STUDENT:
        tokens.check_recent(request.api_token)
    form_class = StudentForm if role == STUDENT else PersonForm
    form = form_class(_person_fields(payload), instance=unsaved_person(role=role))
    cleaned(form)
    if payload.password is not None:
        _clean_with_password(NewPasswordForm, payload.password, user=form.instance)
    person = add_person(role=role, profile=form.record, password=payload.password, **form.person)
    data = {"message": f"{person} added.", "user": user_json(person)}
    if payload.password is None:
        data["set_password_url"] = invitations.invitation_link(person, by=request.user)
    return ApiResponse(data, 201)


def _role_named(name):
    groups = Group.objects.order_by("pk")
    for group in groups:
        if group.name.lower() == name:
            return group.name
    choices = ", ".join(group.name.lower() for group in groups)
    raise ValidationError({"role": f"No role has this name. Choose one of: {choices}."})


def _person_fields(payload):
    return {"full_name": payload.full_name, "email": payload.email, "phone": payload.phone or ""}


def _clean_with_password(form_class, password, fields=(), **kwargs):
    """Return the cleaned data of a form that asks for the password twice."""
    form = form_class({**dict(fields), "password": password, "password_again": password}, **kwargs)
    form.errors.pop("password_again", None)
    return {name: value for name, value in cleaned(form).items() if name != "password_again"}


def _self_registration(request, payload):
    if payload.role in OTHER_ROLES:
        raise PermissionDenied("Only an Admin can add people with that role.")
    if payload.role != "student":
        raise ValidationError({"role": "Choose “student”."})
    check_registration_open()  # before the form, which reveals whether an email is registered
    values = _clean_with_password(RegistrationForm, payload.password or "", _person_fields(payload))
    person = registration.register(address=throttling.client_address(request), **values)
    number = person.student_profile.admission_number
    message = f"Welcome, {person}. Your admission number is {number}."
    return ApiResponse({"message": message, "user": user_json(person)}, 201)


class LoginIn(Schema):
    email: str = Field(
        description="Email address or admission number.", examples=["asha@example.com"]
    )
    password: str = Field(description="Password.", examples=["seven green parrots"])
    code: str = Field(
        "",
        description="Code of the authenticator app, or a recovery code; only for people who have "
        "a second factor.",
        examples=["492039"],
    )


class LoginRefused(Message):
    message: str = Field(description="What went wrong.", examples=[sign_in.WRONG_CREDENTIALS])
    error: str | None = Field(
        None,
        description="second_factor: the password is right; send a valid `code` too.",
        examples=["second_factor"],
    )


class LoginOut(Schema):
    token: str = Field(description="Valid for 24 hours; shown only once.", examples=["kq3…"])
    user: UserOut


@auth.post(
    "/login",
    response={**responses(200, LoginOut, 400, 429), 401: LoginRefused},
    operation_id="login",
    summary="Sign in",
    openapi_extra=error_examples((400, "password", "This field is required."), retry_after=True),
)
def login(request, payload: LoginIn):
    """Return a token for the header `Authorization: Bearer …` of all other calls.

    It is valid for 24 hours, and ends with signing out, a new password, another role or
    deactivation. Tries are limited as on the sign-in page: too many return 429, with the seconds to
    wait in `Retry-After`. A program that keeps the cookies of the response and sends them with the
    next sign-in is not slowed down by wrong passwords of others.

    For a person with a second factor, the response without a valid `code` is 401 with `error`
    `second_factor`. A passkey cannot be used here; an authenticator app or a recovery code can.
    """
    name, password = payload.email.strip(), payload.password
    sent = {"email": name, "password": password.strip()}
    if missing := [field for field, text in sent.items() if not text]:
        raise ValidationError(dict.fromkeys(missing, "This field is required."))
    refused = ApiResponse({"message": sign_in.WRONG_CREDENTIALS}, 401)
    # Longer names and passwords do not exist; refuse them without a query or a hash.
    if len(name) > 254 or len(password) > 1000 or "\0" in name + password:
        return refused
    try:
        person = sign_in.authenticate_person(request, name, password)
    except ValidationError:
        return refused
    has_factor = second_factors.has_second_factor(person)
    if has_factor:
        try:
            _check_code(person, payload.code)
        except ValidationError as error:
            return ApiResponse({"message": error.message, "error": "second_factor"}, 401)
    token = tokens.issue(person, request=request, by_factor=has_factor)
    if token is None:
        return refused
    sign_in.record_last_sign_in(person)
    known_devices.remember(request, person)
    return ApiResponse({"token": token, "user": user_json(person)})


def _check_code(person, code):
    if not code.strip():
        raise ValidationError(
            "Send “code” too: that of your authenticator app, or a recovery code."
        )
    second_factors.check_code(person, code)


@auth.get(
    "/me",
    auth=Token(),
    response=responses(200, UserOut, 401),
    operation_id="me",
    summary="Get the signed-in person",
)
def me(request):
    """Return the person of the token."""
    return ApiResponse(user_json(request.user))


@auth.post(
    "/logout",
    auth=Token(ends_session=True),
    response=responses(200, Message, 401),
    operation_id="logout",
    summary="Sign out",
)
def logout(request):
    """End the token. Other tokens and browser sessions of the person continue."""
    request.api_token.delete()
    log_event("signed out", account=request.user.pk)
    return ApiResponse({"message": "You are signed out."})
