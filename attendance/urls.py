"""The pages of this app and who may open them."""

from django.urls import path

from accounts.roles import requires
from accounts.views.reminders import remind_by_mail, remind_by_whatsapp

from . import arriving, views, watching
from .reminders import SHORTAGE

reminds = requires("attendance.add_reminder")
keeps_sheets, sees_sheets = requires("attendance.add_sheet"), requires("attendance.view_sheet")

app_name = "attendance"
urlpatterns = [
    path("attendance/", sees_sheets(views.day), name="day"),
    path("attendance/missing/", sees_sheets(views.missing_list), name="missing"),
    path("batches/<int:pk>/check-in/", keeps_sheets(arriving.screen), name="check-in-screen"),
    path("batches/<int:pk>/check-in/now/", keeps_sheets(arriving.arrivals), name="check-in-now"),
    # A student checks in themselves: whose page it is, the view asks.
    path("check-in/", arriving.check_in, name="check-in"),
    path("check-in/<str:token>/", arriving.scanned, name="check-in-scan"),
    path("attendance/shortage/", sees_sheets(watching.shortage_list), name="shortage"),
    path("attendance/shortage/remind/", reminds(remind_by_mail), {"kind": SHORTAGE}, name="remind-by-mail"),
    path("enrollments/<int:pk>/remind/", reminds(remind_by_whatsapp), {"kind": SHORTAGE}, name="remind"),
    path("batches/<int:pk>/attendance/", sees_sheets(views.register), name="batch-attendance"),
    path("batches/<int:pk>/attendance/go/", keeps_sheets(views.sheet_go), name="sheet-go"),
    path("batches/<int:pk>/attendance/<day:held_on>/", keeps_sheets(views.sheet), name="sheet"),
    path("batches/<int:pk>/attendance/<day:held_on>/history/", sees_sheets(views.sheet_history), name="sheet-history"),
    path("students/<int:pk>/attendance/", views.student_attendance, name="student-attendance"),
]
