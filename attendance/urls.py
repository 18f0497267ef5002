from django.urls import path

from accounts.roles import requires
from accounts.views.reminders import remind_by_email, remind_by_whatsapp
from attendance.services.reminders import SHORTAGE

from .views import (
    check_in,
    days,
    missing_registers,
    registers,
    sheets,
    shortage,
    student_attendance,
)

reminds = requires("attendance.add_attendancereminder")
keeps_sheets, sees_sheets = requires("attendance.add_sheet"), requires("attendance.view_sheet")

app_name = "attendance"
urlpatterns = [
    path("attendance/", sees_sheets(days.day), name="day"),
    path("attendance/missing/", sees_sheets(missing_registers.missing_list), name="missing"),
    path(
        "batches/<int:pk>/check-in/", keeps_sheets(check_in.instructor_page), name="check-in-screen"
    ),
    path(
        "batches/<int:pk>/check-in/now/",
        keeps_sheets(check_in.instructor_page_part),
        name="check-in-now",
    ),
    # A student checks in themselves: whose page it is, the view asks.
    path("check-in/", check_in.check_in, name="check-in"),
    path("check-in/<str:token>/", check_in.scan, name="check-in-scan"),
    path("attendance/shortage/", sees_sheets(shortage.shortage_list), name="shortage"),
    path(
        "attendance/shortage/remind/",
        reminds(remind_by_email),
        {"kind": SHORTAGE},
        name="remind-by-mail",
    ),
    path(
        "enrollments/<int:pk>/remind/",
        reminds(remind_by_whatsapp),
        {"kind": SHORTAGE},
        name="remind",
    ),
    path("batches/<int:pk>/attendance/", sees_sheets(registers.register), name="batch-attendance"),
    path("batches/<int:pk>/attendance/go/", keeps_sheets(sheets.sheet_go), name="sheet-go"),
    path("batches/<int:pk>/attendance/<day:held_on>/", keeps_sheets(sheets.sheet), name="sheet"),
    path(
        "batches/<int:pk>/attendance/<day:held_on>/history/",
        sees_sheets(sheets.sheet_history),
        name="sheet-history",
    ),
    path(
        "students/<int:pk>/attendance/",
        student_attendance.student_attendance,
        name="student-attendance",
    ),
]
