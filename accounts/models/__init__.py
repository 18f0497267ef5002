from .attempts import Attempts
from .calendar_links import CalendarLink
from .devices import ApiToken, Device
from .people import (
    AdmissionSeries,
    Membership,
    StudentProfile,
    User,
    as_instructor,
    matching_words,
    student_or_404,
)
from .sign_in_rules import SignInRules
