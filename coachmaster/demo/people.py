from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from simple_history.utils import bulk_create_with_history

from accounts.models import AdmissionSeries, Membership, StudentProfile, User
from accounts.roles import ADMIN, INSTRUCTOR, STUDENT

from . import names
from .academy import CHUNK, DAY


def create_staff(academy):
    joined_on = academy.today - 400 * DAY
    admin, *_ = academy.passwords
    staff = [
        _user(academy, "Anita Rao", admin, ADMIN, joined_on, password=academy.passwords[admin]),
        _user(academy, "Sameer Joshi", "desk@coachmaster.example", ADMIN, joined_on + 30 * DAY),
    ]
    staff[0].is_superuser = True
    for copy in range(academy.scale):
        for number, name in enumerate(names.INSTRUCTORS):
            staff.append(_instructor(academy, name, copy, number, joined_on))
    _create_users(staff)
    academy.owner, academy.desk, *academy.instructors = staff


def _instructor(academy, name, copy, number, joined_on):
    _, demo_instructor, _ = academy.passwords
    if copy == number == 0:
        email, password = demo_instructor, academy.passwords[demo_instructor]
    else:
        email = f"instructor{copy * len(names.INSTRUCTORS) + number}@example.com"
        password = None
    full_name = name if copy == 0 else names.family(academy.rng)[0]
    return _user(academy, full_name, email, INSTRUCTOR, joined_on, password=password)


def _user(academy, full_name, email, role, joined_on, *, phone="", password=None):
    user = User(
        full_name=full_name,
        email=email,
        phone=phone or names.phone(academy.rng),
        password=make_password(password),
        created_at=academy.desk_hour(joined_on),
    )
    user.new_role = role
    return user


def _create_users(users):
    for user in users:
        user._history_date = user.created_at
    bulk_create_with_history(users, User, batch_size=CHUNK)
    groups = {group.name: group for group in Group.objects.all()}
    memberships = [Membership(user=user, group=groups[user.new_role]) for user in users]
    for membership in memberships:
        membership._history_date = membership.user.created_at
    bulk_create_with_history(memberships, Membership, batch_size=CHUNK)


def create_students(academy, students):
    series = {}
    users = []
    for student in students:
        year = student.admitted_on.year
        if year not in series:
            series[year] = AdmissionSeries.objects.get_or_create(year=year)[0]
        series[year].last_number += 1
        user = _user(
            academy,
            student.full_name,
            student.email,
            STUDENT,
            student.admitted_on,
            phone=student.phone,
            password=student.password,
        )
        number = f"{year % 100:02d}-{series[year].last_number:05d}"
        student.profile = _profile(academy, student, user, number)
        users.append(user)
    for row in series.values():
        row.save()
    _create_users(users)
    for student in students:
        student.profile.user = student.profile.user  # copies the id that the user has now
    bulk_create_with_history(
        [student.profile for student in students],
        StudentProfile,
        batch_size=CHUNK,
        default_user=academy.desk,
    )


def _profile(academy, student, user, admission_number):
    rng = academy.rng
    birth_on = academy.today - rng.randrange(15 * 365, 18 * 365) * DAY
    guardian_phone = names.phone(rng)
    has_guardian_email = student.email and rng.random() < 0.3
    profile = StudentProfile(
        user=user,
        admission_number=admission_number,
        birth_on=birth_on,
        guardian_name=student.guardian,
        guardian_phone=guardian_phone,
        guardian_email=f"parent.of.{student.email}" if has_guardian_email else "",
        address=names.address(rng),
    )
    profile._history_date = user.created_at
    return profile
