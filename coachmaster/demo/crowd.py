"""Many batches beside the demo institute, for measuring millions of marks.

The course is free, so there is no money; statistics are updated by the services.
"""

import datetime
from dataclasses import dataclass

from django.contrib.auth.models import Group
from django.db import connection, transaction
from simple_history.utils import bulk_create_with_history

from academics.models import Batch, ClassTime, Course, Enrollment, Institute
from accounts.models import Membership, StudentProfile, User
from accounts.roles import INSTRUCTOR, STUDENT
from attendance.models import Mark, Sheet
from attendance.statistics import update_presences
from coachmaster.core.chunks import in_chunks

BATCHES_AN_INSTRUCTOR = 10


@dataclass(frozen=True)
class CrowdSize:
    students: int = 40
    sheets: int = 63


def add_crowd(batches, *, today, size=CrowdSize(), progress=lambda steps, label: steps):
    """Add ``batches`` batches of that size each; the last sheet is of ``today``."""
    course = Course.objects.create(name="Crowd", code="CROWD", total_fee=0)
    first_day = today - datetime.timedelta(days=size.sheets - 1)
    for numbers in progress(list(in_chunks(range(batches), 100)), "Batches"):
        with transaction.atomic():
            rows = _add_batches(numbers, course, first_day)
            enrollments = _enroll(rows, size, first_day, today)
            _add_sheets(rows, enrollments, size, first_day)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _add_batches(numbers, course, first_day):
    instructors = {
        key: _person(f"Instructor {key}", f"instructor{key}@crowd.example")
        for key in sorted({number // BATCHES_AN_INSTRUCTOR for number in numbers})
    }
    _add_people(list(instructors.values()), INSTRUCTOR)
    batches = [
        Batch(
            course=course,
            code=f"CROWD-{number}",
            name=f"Crowd {number:05}",
            instructor=instructors[number // BATCHES_AN_INSTRUCTOR],
            starts_on=first_day,
        )
        for number in numbers
    ]
    bulk_create_with_history(batches, Batch)
    ClassTime.objects.bulk_create(
        ClassTime(
            batch=batch,
            weekday=weekday,
            starts_at=datetime.time(7 + batch.pk % 12),
            ends_at=datetime.time(8 + batch.pk % 12),
        )
        for batch in batches
        for weekday in range(7)
    )
    return batches


def _add_people(people, role):
    bulk_create_with_history(people, User)
    group = Group.objects.get(name=role)
    memberships = [Membership(user=user, group=group) for user in people]
    bulk_create_with_history(memberships, Membership)


def _person(name, email, phone=""):
    person = User(full_name=name, email=email, phone=phone)
    person.set_unusable_password()
    person.search_text = person.searchable_text()
    return person


def _enroll(batches, size, first_day, last_day):
    places = [(batch, f"{batch.code}-{n}") for batch in batches for n in range(size.students)]
    people = [
        _person(f"Student {name}", "", f"90000{number % 100_000:05}")
        for number, (_, name) in enumerate(places, batches[0].pk * size.students)
    ]
    _add_people(people, STUDENT)
    profiles = [
        StudentProfile(user=user, admission_number=name)
        for user, (_, name) in zip(people, places, strict=True)
    ]
    bulk_create_with_history(profiles, StudentProfile)
    is_exclusive = not Institute.objects.current().several_batches_at_once
    enrollments = [
        Enrollment(
            student=profile,
            batch=batch,
            enrolled_on=first_day,
            list_fee=0,
            agreed_fee=0,
            is_exclusive=is_exclusive,
            last_marked_on=last_day,
        )
        for profile, (batch, _) in zip(profiles, places, strict=True)
    ]
    bulk_create_with_history(enrollments, Enrollment)
    return enrollments


def _add_sheets(batches, enrollments, size, first_day):
    sheets = [
        Sheet(
            batch=batch,
            held_on=first_day + datetime.timedelta(days=day),
            taken_by=batch.instructor,
        )
        for batch in batches
        for day in range(size.sheets)
    ]
    Sheet.objects.bulk_create(sheets)
    _mark(sheets[0].pk, sheets[-1].pk)
    update_presences([enrollment.pk for enrollment in enrollments])


# Each student attends 70 to 99 percent of the classes, depending on the enrollment's id.
_MARKS = """
    INSERT INTO {mark} (sheet_id, student_id, enrollment_id, status, note)
    SELECT sheet, student, enrollment,
           CASE WHEN dice < share - 3 THEN 'present' WHEN dice < share THEN 'late'
                WHEN dice >= 98 THEN 'excused' ELSE 'absent' END, ''
    FROM (SELECT s.id AS sheet, e.student_id AS student, e.id AS enrollment,
                 70 + e.id %% 30 AS share,
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
    models = {"mark": Mark, "sheet": Sheet, "enrollment": Enrollment}
    tables = {name: model._meta.db_table for name, model in models.items()}
    with connection.cursor() as cursor:
        for statement in (_MARKS, _COUNTS):
            cursor.execute(statement.format(**tables), [first, last])
