"""People: the user, the group that is their role, and what is known of a student besides."""

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import Group, PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q, Value
from django.db.models.functions import Coalesce, Lower
from django.http import Http404
from django.urls import reverse
from django.utils import timezone
from simple_history.models import HistoricalRecords

from coachmaster.core.compiled import compiled
from coachmaster.core.constraints import date_bounds
from coachmaster.core.fields import (
    BoundedDateField,
    LowercaseEmailField,
    MultiLineField,
    PhoneField,
    SingleLineField,
)
from coachmaster.core.querysets import ScopedQuerySet, restricted_id
from coachmaster.core.states import State
from coachmaster.core.text import folded

from .roles import ADMIN, assignable_roles


class UserQuerySet(ScopedQuerySet):
    def owned_by(self, key):
        """Oneself, and the students of one's own batches."""
        return self.filter(Q(pk=key) | Q(pk__in=StudentProfile.objects.taught_by(key).values("pk")))

    def matching(self, words):
        """Those in whose name, phone, e-mail or admission number every one of the words occurs: for people who are few."""
        found = self
        for word in folded(words).split():
            found = found.filter(search_text__contains=word)
        return found

    def search(self, words):
        """The same of everybody, as a set of keys: the table is read once, whatever the people are then sorted by."""
        return self.filter(
            pk__in=self.model._default_manager.order_by().matching(words).values("pk")
        )

    def enrolled(self):
        """Students with an active enrollment, whether they may sign in or not."""
        # Straight from the enrollments: by way of the students' records each of these is looked up besides.
        enrollments = StudentProfile._meta.get_field("enrollments").related_model
        return self.filter(pk__in=enrollments.objects.active().values("student"))

    def with_role(self):
        """With the group that is their role, in the same query."""
        return self.select_related("membership__group")

    def for_api(self):
        """What the API says of a person, as rows: a thousand of them take a third of the time of a thousand people."""
        named = self.annotate(role=Coalesce("membership__group__name", Value("")))
        return named.values_list(
            "pk", "email", "full_name", "role", "phone", "created_at", named=True
        )

    def with_permission(self, codename):
        """Active people whose role has that right."""
        return self.filter(
            is_active=True,
            pk__in=Membership.objects.filter(group__permissions__codename=codename).values("user"),
        )

    def able_to_teach(self):
        """Active people who may be a batch's instructor."""
        return self.with_permission("teach_batch")

    def for_list(self):
        """Everything one row of the list of people shows."""
        return self.select_related("membership__group", "student_profile")

    def for_page(self, user):
        """With what the page of a person shows ``user``, and whether the person is within reach (``is_manageable``)."""
        reached = self.model.objects.manageable_by(user).filter(pk=OuterRef("pk"))
        return self.for_list().annotate(is_manageable=Exists(reached))

    def manageable_by(self, user):
        """People who have no right that ``user`` lacks: the others' accounts are not for ``user`` to hand out or close."""
        if user.is_superuser:
            return self
        return self.filter(is_superuser=False, membership__group__in=assignable_roles(user))


class UserManager(BaseUserManager.from_queryset(UserQuerySet)):
    def get_by_natural_key(self, email):
        return self.get(email=email.lower())

    @transaction.atomic
    def create_user(self, *, full_name, role, email="", password=None, phone="", **fields):
        """A person with the role named; without a password they need an invitation to set one.

        Raises ValidationError when a field is bad or the e-mail is taken, Group.DoesNotExist for an unknown role.
        """
        user = self.model(full_name=full_name, email=email, phone=phone, **fields)
        user.set_password(password)
        user.full_clean()
        user.save()
        Membership.objects.create(user=user, group=Group.objects.get(name=role))
        return user

    def create_superuser(self, *, full_name, email, password=None, **fields):
        """The owner: an Admin who may also do everything in Django admin."""
        return self.create_user(
            full_name=full_name,
            role=ADMIN,
            email=email,
            password=password,
            is_superuser=True,
            **fields,
        )


class SearchField(models.TextField):
    """The casefolded text a person is found by: SQLite alone would ignore case for ASCII only."""

    def pre_save(self, instance, add):
        setattr(instance, self.attname, instance.searchable_text())
        return instance.search_text


class User(AbstractBaseUser, PermissionsMixin):
    """A person who can sign in. Their role is the one group they are in."""

    full_name = SingleLineField("full name", max_length=150)
    email = LowercaseEmailField(
        "e-mail", blank=True, help_text="May be left empty for a student without one."
    )
    phone = PhoneField()
    groups = models.ManyToManyField(
        Group,
        through="Membership",
        related_name="user_set",
        related_query_name="user",
        verbose_name="role",
    )
    is_active = models.BooleanField(
        "active", default=True, help_text="Off: the person cannot sign in."
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
            ("enter_admin", "Can enter Django admin"),
            ("view_admin_dashboard", "Can see the institute's dashboard"),
        ]
        indexes = [
            models.Index(fields=["full_name", "id"], name="user_by_name"),
            models.Index(fields=["-created_at", "-id"], name="user_by_newest"),
            # With the password, so that who has none is found and counted in the index alone.
            models.Index(fields=["is_active", "full_name", "id", "password"], name="user_by_state"),
        ]
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                condition=~Q(email=""),
                name="user_email_unique",
                violation_error_message="Somebody has this e-mail address already.",
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
        """What search looks through; of a student also the admission number and the guardian's phone."""
        words = [self.full_name, self.phone, self.email]
        if profile := getattr(self, "student_profile", None):
            words += [profile.admission_number, profile.guardian_phone]
        return folded("\n".join(words))

    def validate_constraints(self, exclude=None):
        try:
            super().validate_constraints(exclude)
        except ValidationError as error:
            # The only one without a field of its own is that of the e-mail address.
            raise ValidationError({"email": error.messages}) from error

    def save(self, *, update_fields=None, **kwargs):
        if update_fields is not None and {"full_name", "phone", "email"} & set(update_fields):
            update_fields = {*update_fields, "search_text"}
        super().save(update_fields=update_fields, **kwargs)

    @property
    def role(self):
        """The name of the group that is this person's role."""
        membership = getattr(self, "membership", None)
        return membership.group.name if membership else ""

    @property
    def is_staff(self):
        """Whether Django admin lets this person in."""
        return self.has_perm("accounts.enter_admin")

    @property
    def is_student(self):
        """Whether this person has a student's record."""
        return hasattr(self, "student_profile")

    @property
    def is_invited(self):
        """Whether this person may sign in, but never set a password."""
        return self.is_active and not self.has_usable_password()


class Membership(models.Model):
    """The one group a person is in. One to one, so that the database holds "exactly one role"."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True)
    group = models.ForeignKey(Group, on_delete=models.PROTECT, verbose_name="role", db_index=False)

    history = HistoricalRecords()

    class Meta:
        verbose_name = "role"
        # The people of a role are found, and somebody's role is looked up, in the index alone.
        indexes = [models.Index(fields=["group", "user"], name="membership_by_role")]

    def __str__(self):
        return f"{self.user}: {self.group}"


class AdmissionSeries(models.Model):
    """The counter that admission numbers of a year are drawn from."""

    year = models.PositiveSmallIntegerField(primary_key=True)
    last_number = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "admission series"

    def __str__(self):
        return f"{self.year}: {self.last_number}"


class StudentProfileQuerySet(ScopedQuerySet):
    def owned_by(self, key):
        """Oneself, and the students of one's own batches."""
        return self.filter(Q(pk=key) | Q(pk__in=self.model.objects.taught_by(key).values("pk")))

    def taught_by(self, user):
        """Students who are, or have been, enrolled in a batch that ``user`` (a person or a key) teaches."""
        return self.filter(enrollments__batch__instructor=user).order_by().distinct()


# 1.4 ms becomes 0.2 for a student or an instructor, 0.6 becomes 0.2 for who sees everybody.
@compiled
def _student(*, pk, scope):
    # `user__id`, since Django looks at the size of a number only where it compares with a number of the table itself.
    return StudentProfile.objects.restricted_to(scope).filter(user__id=pk).select_related("user")


def student_or_404(user, pk):
    """Return the student with that id and their person; raise Http404 if ``user`` may not see such a student."""
    for student in _student(pk=pk, scope=restricted_id(user)):
        return student
    raise Http404


class StudentProfile(models.Model):
    """What is known of a student beyond the person; it shares the person's key."""

    user = models.OneToOneField(
        User, on_delete=models.PROTECT, primary_key=True, related_name="student_profile"
    )
    admission_number = SingleLineField(
        max_length=20,
        unique=True,
        error_messages={"unique": "Another student has this admission number."},
    )
    birth_on = BoundedDateField("date of birth", null=True, blank=True)
    guardian_name = SingleLineField(max_length=150, blank=True)
    guardian_phone = PhoneField("guardian's phone")
    guardian_email = LowercaseEmailField("guardian's e-mail", blank=True)
    address = MultiLineField(max_length=300, blank=True)
    state = models.CharField(
        max_length=2,
        choices=State.choices,
        blank=True,
        help_text="Where the student lives, if it is not the institute’s own state: with a GSTIN, the tax is IGST then.",
    )

    objects = StudentProfileQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name = "student"
        # Siblings are found by it.
        indexes = [models.Index(fields=["guardian_phone"], name="student_by_guardian_phone")]
        constraints = [
            models.CheckConstraint(
                condition=~Q(admission_number=""), name="student_admission_number_given"
            ),
            *date_bounds("student", "birth_on"),
        ]

    def __str__(self):
        return self.user.full_name

    def get_absolute_url(self):
        return reverse("dashboards:student-page", args=[self.pk])

    @property
    def contact_phone(self):
        """The number of who answers for the student: the guardian's, else their own; "" without one."""
        return self.guardian_phone or self.user.phone

    @property
    def contact_email(self):
        """The address of who answers for the student: the guardian's, else their own; "" without one."""
        return self.guardian_email or self.user.email


class ApiTokenQuerySet(models.QuerySet):
    def valid(self):
        """Tokens whose time is not over, of people who may sign in."""
        return self.filter(expires_at__gt=timezone.now(), user__is_active=True)


class ApiToken(models.Model):
    """What vouches for a person on the JSON API for a day. Only a digest is kept; to revoke it is to delete the row."""

    digest = models.CharField(max_length=64, unique=True, editable=False)
    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="api_tokens", verbose_name="person"
    )
    created_at = models.DateTimeField("signed in", default=timezone.now, editable=False)
    expires_at = models.DateTimeField("ends", editable=False, db_index=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        ordering = ["-created_at", "-pk"]

    def __str__(self):
        return f"{self.user}, {timezone.localtime(self.created_at):%d %b %Y %H:%M}"


class CalendarLink(models.Model):
    """A person's secret link to their classes, for the calendar on a phone. The link is told from ``seed`` and the
    site's key, so that whoever reads the database alone does not have it; a new seed ends the link."""

    user = models.OneToOneField(
        User,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="calendar_link",
        verbose_name="person",
    )
    seed = models.CharField(max_length=64, editable=False)
    made_at = models.DateTimeField("made", default=timezone.now, editable=False)

    class Meta:
        ordering = ["-made_at"]

    def __str__(self):
        return f"{self.user}, {timezone.localtime(self.made_at):%d %b %Y %H:%M}"


class Attempts(models.Model):
    """How often something that is slowed down was tried: one row a limit and key, in the database that all processes share."""

    key = models.CharField(max_length=64, primary_key=True)
    what = models.CharField(max_length=40)
    count = models.PositiveIntegerField()
    ends_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "attempts"

    def __str__(self):
        return f"{self.what}: {self.count}"
