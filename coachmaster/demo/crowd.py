"""Many batches with a term of sheets each, beside the demo institute: for measuring, millions of marks within a minute or
two. They cost nothing, so there is no money in them; the counts are kept by the product's own code."""

import datetime

from django.contrib.auth.models import Group
from django.db import connection, transaction

from academics.models import Batch, ClassTime, Course, Enrollment, Institute
from accounts.models import Membership, StudentProfile, User
from accounts.roles import INSTRUCTOR, STUDENT
from attendance.models import Mark, Sheet
from attendance.statistics import update_presences
from coachmaster.core.importers import in_chunks

STUDENTS_A_BATCH = 40
SHEETS_A_BATCH = 63
BATCHES_A_TEACHER = 10


def add(batches, *, today, progress=lambda steps, words: steps):
    """Add so many batches of `STUDENTS_A_BATCH`, with `SHEETS_A_BATCH` sheets each, the last one of ``today``."""
    course = Course.objects.create(name="Crowd", code="CROWD", total_fee=0)
    first_day = today - datetime.timedelta(days=SHEETS_A_BATCH - 1)
    groups = {name: Group.objects.get(name=name) for name in (INSTRUCTOR, STUDENT)}
    for numbers in progress(list(in_chunks(range(batches), 100)), "Batches"):
        with transaction.atomic():
            _add_some(numbers, course, first_day, groups)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _add_some(numbers, course, first_day, groups):
    """Add the batches of these ``numbers``, with people, sheets and marks."""
    teachers = {number // BATCHES_A_TEACHER: None for number in numbers}
    for key in teachers:
        teachers[key] = _person(f"Teacher {key}", f"teacher{key}@crowd.example")
    User.objects.bulk_create(teachers.values())
    Membership.objects.bulk_create(
        [Membership(user=user, group=groups[INSTRUCTOR]) for user in teachers.values()]
    )
    rows = [
        Batch(
            course=course,
            code=f"CROWD-{number}",
            name=f"Crowd {number:05}",
            instructor=teachers[number // BATCHES_A_TEACHER],
            starts_on=first_day,
        )
        for number in numbers
    ]
    Batch.objects.bulk_create(rows)
    ClassTime.objects.bulk_create([
        ClassTime(batch=row, weekday=day, starts_at=datetime.time(7 + row.pk % 12), ends_at=datetime.time(8 + row.pk % 12))
        for row in rows for day in range(7)
    ])  # fmt: skip
    names = [(row, f"{row.code}-{place}") for row in rows for place in range(STUDENTS_A_BATCH)]
    people = [
        _person(f"Pupil {name}", "", f"90000{n % 100_000:05}")
        for n, (_, name) in enumerate(names, rows[0].pk * 40)
    ]
    User.objects.bulk_create(people)
    Membership.objects.bulk_create(
        [Membership(user=user, group=groups[STUDENT]) for user in people]
    )
    profiles = [
        StudentProfile(user=user, admission_number=name)
        for user, (_, name) in zip(people, names, strict=True)
    ]
    StudentProfile.objects.bulk_create(profiles)
    exclusive = not Institute.objects.current().several_batches_at_once
    last_day = first_day + datetime.timedelta(days=SHEETS_A_BATCH - 1)
    enrollments = [
        Enrollment(
            student=profile, batch=row, enrolled_on=first_day, list_fee=0, agreed_fee=0, is_exclusive=exclusive,
            last_marked_on=last_day,
        )
        for profile, (row, _) in zip(profiles, names, strict=True)
    ]  # fmt: skip
    Enrollment.objects.bulk_create(enrollments)
    sheets = [
        Sheet(batch=row, held_on=first_day + datetime.timedelta(days=day), taken_by=row.instructor)
        for row in rows
        for day in range(SHEETS_A_BATCH)
    ]
    Sheet.objects.bulk_create(sheets)
    _mark(sheets[0].pk, sheets[-1].pk)
    update_presences([enrollment.pk for enrollment in enrollments])


def _person(name, email, phone=""):
    person = User(full_name=name, email=email, phone=phone)
    person.set_unusable_password()
    person.search_text = person.searchable_text()
    return person


# Seventy to ninety-nine of a hundred classes are attended, by the student's number; which ones, by both numbers.
_MARKS = """
    INSERT INTO {mark} (sheet_id, student_id, enrollment_id, status, note)
    SELECT sheet, student, enrollment,
           CASE WHEN dice < share - 3 THEN 'present' WHEN dice < share THEN 'late'
                WHEN dice >= 98 THEN 'excused' ELSE 'absent' END, ''
    FROM (SELECT s.id AS sheet, e.student_id AS student, e.id AS enrollment, 70 + e.id %% 30 AS share,
                 (s.id * 7919 + e.id * 104729 + s.id * e.id) %% 100 AS dice
          FROM {sheet} s JOIN {enrollment} e ON e.batch_id = s.batch_id
          WHERE s.id BETWEEN %s AND %s) AS throws
"""
_COUNTS = """
    UPDATE {sheet} SET present = c.present, absent = c.absent, late = c.late, excused = c.excused
    FROM (SELECT sheet_id, SUM(CASE WHEN status = 'present' THEN 1 ELSE 0 END) AS present,
                 SUM(CASE WHEN status = 'absent' THEN 1 ELSE 0 END) AS absent,
                 SUM(CASE WHEN status = 'late' THEN 1 ELSE 0 END) AS late,
                 SUM(CASE WHEN status = 'excused' THEN 1 ELSE 0 END) AS excused
          FROM {mark} WHERE sheet_id BETWEEN %s AND %s GROUP BY sheet_id) AS c
    WHERE {sheet}.id = c.sheet_id
"""


def _mark(first, last):
    """Mark everybody on the sheets with keys from ``first`` to ``last``."""
    models = {"mark": Mark, "sheet": Sheet, "enrollment": Enrollment}
    tables = {name: model._meta.db_table for name, model in models.items()}
    with connection.cursor() as cursor:
        for statement in (_MARKS, _COUNTS):
            cursor.execute(statement.format(**tables), [first, last])
