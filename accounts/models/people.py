import string

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import Group, PermissionsMixin
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q, Value
from django.db.models.functions import Coalesce, Lower
from django.http import Http404
from django.urls import reverse
from django.utils import timezone
from simple_history.models import HistoricalRecords

from accounts.roles import ADMIN, FAMILY_ROLES, assignable_roles
from coachmaster.core.compiled import compiled
from coachmaster.core.constraints import date_bounds, errors_by_field
from coachmaster.core.fields import (
    BoundedDateField,
    LowercaseEmailField,
    MultiLineField,
    PhoneField,
    SingleLineField,
)
from coachmaster.core.querysets import (
    SEE_WHOLE_INSTITUTE,
    ScopedQuerySet,
    owned_through,
    restricted_id,
)
from coachmaster.core.states import State
from coachmaster.core.text import folded

_TEACH = "teach_batch"


def _with_permission(codename):
    """Return the ids of people whose role has the permission."""
    return Membership.objects.filter(group__permissions__codename=codename).values("user")


def as_instructor(user_id):
    """Return the id in a query, without a row if the person's role cannot teach.

    The instructor of a batch sees its rows only with a role that can teach.
    """
    return _with_permission(_TEACH).filter(user=user_id)


def matching_words(text, *, by_email=False):
    """Return the condition of people in whose search text each word of ``text`` occurs."""
    found = Q()
    for word in folded(text).split():
        with_word = Q(search_text__contains=word)
        found &= with_word | Q(email__contains=word) if by_email else with_word
    return found


class UserQuerySet(ScopedQuerySet):
    def owned_by(self, user_id):
        students = StudentProfile.objects.taught_by(user_id)
        return self.filter(Q(pk=user_id) | Q(pk__in=students.values("pk")))

    def matching(self, text, *, by_email=False):
        """Filter few people by the words in ``text``; each must occur in the search text.

        Only those who may see email addresses may search ``by_email``.
        """
        return self.filter(matching_words(text, by_email=by_email))

    def search(self, text, *, by_email=False):
        """Filter many people by the words in ``text``, with one scan for any order."""
        matches = self.model._default_manager.order_by().matching(text, by_email=by_email)
        return self.filter(pk__in=matches.values("pk"))

    def enrolled(self):
        # By way of students' records, each of these would be looked up too.
        enrollments = StudentProfile._meta.get_field("enrollments").related_model
        return self.filter(pk__in=enrollments.objects.active().values("student"))

    def with_role(self):
        return self.select_related("membership__group")

    def for_api(self):
        """Return named rows; a thousand take a third of the time of model instances."""
        people = self.annotate(
            role=Coalesce("membership__group__name", Value("")),
            admission_number=F("student_profile__admission_number"),
        )
        return people.values_list(
            "pk",
            "admission_number",
            "email",
            "full_name",
            "role",
            "phone",
            "created_at",
            named=True,
        )

    def with_permission(self, codename):
        return self.filter(is_active=True, pk__in=_with_permission(codename))

    def able_to_teach(self):
        return self.with_permission(_TEACH)

    def for_list(self):
        return self.select_related("membership__group", "student_profile")

    def for_page(self, user):
        manageable = self.model.objects.manageable_by(user).filter(pk=OuterRef("pk"))
        return self.for_list().annotate(is_manageable=Exists(manageable))

    def manageable_by(self, user):
        if user.is_superuser:
            return self
        return self.filter(is_superuser=False, membership__group__in=assignable_roles(user))


class UserManager(BaseUserManager.from_queryset(UserQuerySet)):
    def get_by_natural_key(self, email):
        return self.get(email=email.lower())

    @transaction.atomic
    def create_user(self, *, full_name, role, email="", password=None, phone="", **fields):
        user = self.model(full_name=full_name, email=email, phone=phone, **fields)
        user.set_password(password)
        user.full_clean()
        user.save()
        Membership.objects.create(user=user, group=Group.objects.get(name=role))
        return user

    def create_superuser(self, *, full_name, email, password=None, **fields):
        return self.create_user(
            full_name=full_name,
            role=ADMIN,
            email=email,
            password=password,
            is_superuser=True,
            **fields,
        )


class SearchField(models.TextField):
    """Case-folded text for search; SQLite ignores the case of ASCII letters only."""

    def pre_save(self, instance, add):
        setattr(instance, self.attname, instance.searchable_text())
        return instance.search_text


class User(AbstractBaseUser, PermissionsMixin):
    """A person with an account. Their only group is their role."""

    full_name = SingleLineField("full name", max_length=150)
    email = LowercaseEmailField("email", blank=True, help_text="Optional for students.")
    phone = PhoneField()
    groups = models.ManyToManyField(
        Group,
        through="Membership",
        related_name="user_set",
        related_query_name="user",
        verbose_name="role",
    )
    is_active = models.BooleanField(
        "active", default=True, help_text="Inactive people cannot sign in."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    search_text = SearchField(editable=False, default="")

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["full_name"]

    objects = UserManager()
    history = HistoricalRecords(excluded_fields=["password", "last_login", "search_text"])

    class Meta:
        verbose_name = "person"
        verbose_name_plural = "people"
        ordering = ["full_name", "pk"]
        permissions = [
            ("see_whole_institute", "Can see everybody's records, not only their own"),
            ("enter_admin", "Can open Django admin"),
            ("view_admin_dashboard", "Can see the institute's dashboard"),
        ]
        indexes = [
            models.Index(fields=["full_name", "id"], name="user_by_name"),
            models.Index(fields=["-created_at", "-id"], name="user_by_newest"),
            # With the password, so that the index alone finds and counts people without one.
            models.Index(fields=["is_active", "full_name", "id", "password"], name="user_by_state"),
        ]
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                condition=~Q(email=""),
                name="user_email_unique",
                violation_error_message="Somebody has this email address already.",
            ),
        ]

    def __str__(self):
        return self.full_name

    def get_absolute_url(self):
        return reverse("accounts:person-detail", args=[self.pk])

    def get_full_name(self):
        return self.full_name

    def get_short_name(self):
        return self.full_name.split()[0] if self.full_name else ""

    def searchable_text(self):
        """Return the text to search, without the email: see `matching_words`."""
        words = [self.full_name, self.phone]
        if profile := getattr(self, "student_profile", None):
            words += [profile.admission_number, profile.guardian_name, profile.guardian_phone]
        return folded("\n".join(words))

    def validate_constraints(self, exclude=None):
        try:
            super().validate_constraints(exclude)
        except ValidationError as error:
            # The only constraint without a field of its own is that of the email address.
            raise ValidationError({"email": error.messages}) from error

    def save(self, *, update_fields=None, **kwargs):
        if update_fields is not None and {"full_name", "phone"} & set(update_fields):
            update_fields = {*update_fields, "search_text"}
        super().save(update_fields=update_fields, **kwargs)

    @property
    def role(self):
        membership = getattr(self, "membership", None)
        return membership.group.name if membership else ""

    @property
    def is_staff(self):
        """Return whether the person may open Django admin, which shows the rows of everybody."""
        return self.has_perms(["accounts.enter_admin", SEE_WHOLE_INSTITUTE])

    @property
    def is_student(self):
        return hasattr(self, "student_profile")

    @property
    def admission_number(self):
        return self.student_profile.admission_number if self.is_student else None

    @property
    def is_employee(self):
        """Return whether the strict rules of sign-in for staff apply: to everybody but families."""
        return self.is_superuser or self.role not in FAMILY_ROLES

    @property
    def is_invited(self):
        """Return whether the person is active and has not set a password."""
        return self.is_active and not self.has_usable_password()


class Membership(models.Model):
    """The role of a person; one to one, so that everybody has at most one."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True)
    group = models.ForeignKey(Group, on_delete=models.PROTECT, verbose_name="role", db_index=False)

    objects = owned_through("user")
    history = HistoricalRecords()

    class Meta:
        verbose_name = "role"
        # Finds the people of a role, and the role of a person, in the index alone.
        indexes = [models.Index(fields=["group", "user"], name="membership_by_role")]

    def __str__(self):
        return f"{self.user}: {self.group}"


class AdmissionSeries(models.Model):
    year = models.PositiveSmallIntegerField(primary_key=True)
    last_number = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "admission series"

    def __str__(self):
        return f"{self.year}: {self.last_number}"


#: SQLite changes the case of ASCII letters only.
_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


class StudentProfileQuerySet(ScopedQuerySet):
    def owned_by(self, user_id):
        students = self.model.objects.taught_by(user_id)
        return self.filter(Q(pk=user_id) | Q(pk__in=students.values("pk")))

    def taught_by(self, user_id):
        instructor = as_instructor(user_id)
        return self.filter(enrollments__batch__instructor__in=instructor).order_by().distinct()

    def numbered(self, numbers):
        """Limit to students with these admission numbers, in any letter case."""
        lowered = {text for n in numbers for text in (n.lower(), n.translate(_ASCII_LOWER))}
        students = self.alias(lower_number=Lower("admission_number"))
        return students.filter(lower_number__in=lowered)


# 1.4 ms becomes 0.2 for a student or an instructor, 0.6 becomes 0.2 for others.
@compiled
def _student(*, pk, user_id):
    # `user__id`, since for an integer field of its own table Django checks the range of the value.
    students = StudentProfile.objects.restricted_to(user_id)
    return students.filter(user__id=pk).select_related("user")


def student_or_404(user, pk):
    """Return the student that ``user`` may see, with their person, or raise Http404."""
    for student in _student(pk=pk, user_id=restricted_id(user)):
        return student
    raise Http404


class StudentProfile(models.Model):
    """A student's record. Its id is that of the person."""

    user = models.OneToOneField(
        User, on_delete=models.PROTECT, primary_key=True, related_name="student_profile"
    )
    admission_number = SingleLineField(
        max_length=20,
        # It could be the email address by which somebody else signs in.
        validators=[
            RegexValidator("@", "An admission number cannot contain @.", inverse_match=True)
        ],
    )
    birth_on = BoundedDateField("date of birth", null=True, blank=True)
    guardian_name = SingleLineField(max_length=150, blank=True)
    guardian_phone = PhoneField("guardian's phone")
    guardian_email = LowercaseEmailField("guardian's email", blank=True)
    address = MultiLineField(max_length=300, blank=True)
    state = models.CharField(
        max_length=2,
        choices=State.choices,
        blank=True,
        help_text="State of residence, if it is not the institute’s: with a GSTIN, IGST applies.",
    )

    objects = StudentProfileQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name = "student"
        # Finds siblings.
        indexes = [models.Index(fields=["guardian_phone"], name="student_by_guardian_phone")]
        constraints = [
            models.UniqueConstraint(
                Lower("admission_number"),
                name="student_admission_number_unique",
                violation_error_message="Another student has this admission number.",
            ),
            models.CheckConstraint(
                condition=~Q(admission_number=""), name="student_admission_number_given"
            ),
            *date_bounds("student", "birth_on"),
        ]

    def __str__(self):
        return self.user.full_name

    def get_absolute_url(self):
        return reverse("dashboards:student-page", args=[self.pk])

    def validate_constraints(self, exclude=None):
        with errors_by_field(self, student_admission_number_unique="admission_number"):
            super().validate_constraints(exclude)

    @property
    def contact_phone(self):
        return self.guardian_phone or self.user.phone

    @property
    def contact_email(self):
        return self.guardian_email or self.user.email
