"""Who is short of attendance, who would be after the next absence, and who has stayed away: the list and its files."""

from dataclasses import dataclass
from functools import partial

from django import forms
from django.db.models import Case, Count, F, IntegerField, OuterRef, Q, Subquery, Value, When
from django.utils import timezone

from academics.choices import choices_of
from accounts.models import User
from accounts.scopes import scope_of
from coachmaster.ground.forms import FilterForm
from coachmaster.ground.importing import in_chunks
from coachmaster.ground.listing import Found
from coachmaster.ground.prepared import Prepared, sums
from coachmaster.ground.reminders import whatsapp_phone
from coachmaster.ground.tables import Column, Kind

from .models import Expected, Limits, Presence, Reminder

#: The ways to be on the list, as the address says them.
KINDS = {"short": "is_short", "edge": "is_on_the_edge", "away": "is_away"}
ANY_KIND = Q(is_short=True) | Q(is_on_the_edge=True) | Q(is_away=True)

SORTS = {
    "share": ["share"],
    "name": ["enrollment__student__user__full_name"],
    "away": ["absences_in_a_row", "share"],
    "back": ["to_catch_up", "share"],
}


def presences_of(user):
    """The counts of the enrollments that a list of ``user`` is about."""
    return Presence.objects.kept_in(scope_of(user))


class ShortageFilter(FilterForm):
    """Whose attendance, and what is wrong with it; of the batches that are not over, for who is not staff those they teach."""

    show = forms.ChoiceField(label="Show")
    course = forms.TypedChoiceField(coerce=int, empty_value=None)
    batch = forms.TypedChoiceField(coerce=int, empty_value=None)
    instructor = forms.TypedChoiceField(coerce=int, empty_value=None)

    def __init__(self, data, *, user, institute):
        super().__init__(data)
        self.fields["q"].label = "Student"
        self.fields["show"].choices = [
            ("", "All"),
            ("short", "Short of attendance"),
            ("edge", "Short after the next absence"),
            ("away", f"Absent {institute.absences_in_a_row} times in a row or more"),
        ]
        scope = scope_of(user)
        choices_of(self.data, not_over_on=timezone.localdate(), scope=scope).offer_in(self)
        if scope is not None:
            del self.fields["instructor"]

    def narrow(self, presences):
        """Those of the students, batches, courses and instructors that were asked for."""
        for name, path in (("course", "batch__course"), ("batch", "batch"), ("instructor", "batch__instructor")):
            if key := self.value(name):
                presences = presences.filter(**{f"enrollment__{path}": key})
        if words := self.value("q"):
            presences = presences.filter(enrollment__student__user__in=User.objects.search(words).order_by())
        return presences

    @property
    def kinds(self):
        """The condition of the list."""
        if asked := KINDS.get(self.value("show")):
            return Q(**{asked: True})
        return ANY_KIND


def sorted_by(presences):
    """With what the list is sorted by: the ``share`` in hundredths of a per cent, and the classes ``to_catch_up``."""
    lack = F("expected") * F("counted") - 100 * F("attended")
    never = When(expected=100, then=Value(1_000_000))
    return presences.annotate(
        share=Case(When(counted__gt=0, then=F("attended") * 10_000 / F("counted")), default=Value(10_000)),
        to_catch_up=Case(
            When(~Q(is_short=True), then=Value(0)),
            never,
            default=(lack + 99 - F("expected")) / (100 - F("expected")),
            output_field=IntegerField(),
        ),
    )


def with_people(presences):
    """With the student, batch and course of each, and when the last reminder was sent (``reminded_at``)."""
    reminders = Reminder.objects.filter(enrollment=OuterRef("pk")).order_by("-sent_at").values("sent_at")
    return presences.select_related("enrollment__student__user", "enrollment__batch__course").annotate(
        reminded_at=Subquery(reminders[:1])
    )


#: The counts of these keys, `with_people`.
ROWS = Prepared(lambda keys: with_people(Presence.objects.filter(pk__in=keys)))


@Prepared
def _slipping(limits, *, students, scope):
    presences = Presence.objects.kept_in(scope).filter(enrollment__student__in=students)
    return with_people(presences.slipping(limits)).order_by("pk")


def slipping_among(students, user, institute):
    """A Watched for each enrollment of ``students`` (keys) that a list of ``user`` would have. One query."""
    return watched(_slipping(Limits.of(institute), students=students, scope=scope_of(user)), institute)


@Prepared
def _totals_of_all(limits, *, scope):
    return _counted(Presence.objects.kept_in(scope).slipping(limits))


@Prepared
def _keys_of_all(limits, columns, first, last, *, scope):
    found = sorted_by(Presence.objects.kept_in(scope).slipping(limits))
    return found.order_by(*columns).values_list("pk", flat=True)[first:last]


def everybody(user, institute):
    """``(keys, totals)``: the whole list of ``user`` as `listing` takes it, and its `Totals`."""
    limits, scope = Limits.of(institute), scope_of(user)
    totals = Totals(*_totals_of_all.first(limits, scope=scope))
    return Found(partial(_keys_of_all, limits, scope=scope), totals.listed), totals


def _counted(presences, kinds=None):
    """The fields of `Totals`, as a queryset of one row; without ``kinds`` all are listed."""
    return sums(
        presences,
        listed=Count("pk", filter=kinds),
        **{name: Count("pk", filter=Q(**{condition: True})) for name, condition in KINDS.items()},
    )


@dataclass
class Totals:
    """How many enrollments are on the list, and how many for which reason."""

    listed: int
    short: int
    edge: int
    away: int


def totals(presences, kinds):
    """The Totals of ``presences``, of which those that meet ``kinds`` are listed. One query."""
    return Totals(*_counted(presences, kinds).get())


@dataclass
class Watched:
    """One enrollment on the list."""

    presence: Presence
    expected: Expected
    #: So many absences in a row are told of.
    absences: int

    @property
    def reminded_at(self):
        """When the family was last reminded, or None."""
        return self.presence.reminded_at

    @property
    def may_be_messaged(self):
        """Whether there is a mobile number to write to."""
        return bool(whatsapp_phone(self.student))

    @property
    def enrollment(self):
        """Whom it is about, and where."""
        return self.presence.enrollment

    @property
    def student(self):
        """Whom it is about."""
        return self.presence.enrollment.student

    @property
    def tally(self):
        """The marks, counted."""
        return self.presence.tally

    @property
    def is_short(self):
        """Whether it lies below what is expected."""
        return self.expected.is_short(self.tally)

    @property
    def is_on_the_edge(self):
        """Whether the next absence would bring it below."""
        return self.expected.is_on_the_edge(self.tally)

    @property
    def to_catch_up(self):
        """How many classes in a row bring it back, 0 when it is not short; None when none can."""
        return self.tally.classes_to_reach(self.expected.percent) if self.is_short else 0

    @property
    def is_away(self):
        """Whether it was absent as often in a row as the institute is to be told of."""
        return self.presence.absences_in_a_row >= self.absences

    @property
    def state(self):
        """In words."""
        return "Short" if self.is_short else "Short after the next absence" if self.is_on_the_edge else ""

    @property
    def reasons_words(self):
        """Why it is on the list, in words: `28 of 40 · 70 %, short, absent 3 times in a row`."""
        away = f"absent {self.presence.absences_in_a_row} times in a row" if self.is_away else ""
        return ", ".join(filter(None, [str(self.tally), self.state.lower(), away]))


def watched(presences, institute):
    """A Watched for each of ``presences``, loaded `with_people`."""
    return [
        Watched(one, Expected.of(one.enrollment.batch.course, institute), institute.absences_in_a_row)
        for one in presences
    ]


def all_watched(presences, institute):
    """The Watched of a long queryset, loaded by the hundred."""
    for keys in in_chunks(presences.values_list("pk", flat=True), 500):
        rows = {row.pk: row for row in ROWS(keys=keys)}
        yield from watched([rows[key] for key in keys if key in rows], institute)


COLUMNS = [
    Column("Student", Kind.TEXT, lambda one: one.student.user.full_name),
    Column("Admission number", Kind.TEXT, lambda one: one.student.admission_number),
    Column("Batch", Kind.TEXT, lambda one: one.enrollment.batch.name),
    Column("Course", Kind.TEXT, lambda one: one.enrollment.batch.course.name),
    Column("Guardian", Kind.TEXT, lambda one: one.student.guardian_name),
    Column("Phone", Kind.TEXT, lambda one: one.student.phone_to_call),
    Column("Attended", Kind.NUMBER, lambda one: one.tally.attended),
    Column("Of classes", Kind.NUMBER, lambda one: one.tally.counted),
    Column("Per cent", Kind.NUMBER, lambda one: one.tally.percentage),
    Column("Expected per cent", Kind.NUMBER, lambda one: one.expected.percent),
    Column("State", Kind.TEXT, lambda one: one.state),
    Column("Classes to get back", Kind.NUMBER, lambda one: one.to_catch_up),
    Column("Absent in a row", Kind.NUMBER, lambda one: one.presence.absences_in_a_row),
    Column("Last reminder", Kind.MOMENT, lambda one: one.reminded_at),
]
