from django.urls import path

from accounts.roles import requires
from coachmaster.core.querysets import SEE_WHOLE_INSTITUTE

from .views import (
    batches,
    class_changes,
    courses,
    drops,
    enrollments,
    holidays,
    institute,
    logos,
    timetable,
)

changes_classes = requires("academics.add_classchange")
changes_institute = requires([SEE_WHOLE_INSTITUTE, "academics.change_institute"])

app_name = "academics"
urlpatterns = [
    path("courses/", requires("academics.view_course")(courses.course_list), name="course-list"),
    path(
        "courses/add/",
        requires("academics.add_course")(courses.course_create),
        name="course-create",
    ),
    path(
        "courses/<int:pk>/",
        requires("academics.view_course")(courses.course_detail),
        name="course-detail",
    ),
    path(
        "courses/<int:pk>/edit/",
        requires("academics.change_course")(courses.course_update),
        name="course-update",
    ),
    path("batches/", requires("academics.view_batch")(batches.batch_list), name="batch-list"),
    path(
        "batches/add/", requires("academics.add_batch")(batches.batch_create), name="batch-create"
    ),
    path(
        "batches/<int:pk>/",
        requires("academics.view_batch")(batches.batch_detail),
        name="batch-detail",
    ),
    path(
        "batches/<int:pk>/edit/",
        requires("academics.change_batch")(batches.batch_update),
        name="batch-update",
    ),
    path(
        "batches/<int:pk>/students/",
        requires("academics.view_enrollment")(batches.batch_students),
        name="batch-students",
    ),
    path("calendar/", requires("academics.view_batch")(timetable.week), name="calendar"),
    path("calendar/feed/<int:pk>/<str:token>.ics", timetable.calendar_feed, name="calendar-feed"),
    path(
        "batches/<int:pk>/classes/add/", changes_classes(class_changes.class_add), name="class-add"
    ),
    path(
        "batches/<int:pk>/classes/<day:day>/<time:starts_at>/move/",
        changes_classes(class_changes.class_move),
        name="class-move",
    ),
    path(
        "batches/<int:pk>/classes/<day:day>/<time:starts_at>/cancel/",
        changes_classes(class_changes.class_cancel),
        name="class-cancel",
    ),
    path(
        "class-changes/<int:pk>/undo/",
        requires("academics.delete_classchange")(class_changes.class_change_undo),
        name="class-change-undo",
    ),
    path(
        "enrollments/dropped/",
        requires("academics.view_enrollment")(drops.drop_list),
        name="drop-list",
    ),
    # No permission: the view decides, since students may see their own enrollment.
    path(
        "students/<int:pk>/enrollment/", enrollments.student_enrollment, name="student-enrollment"
    ),
    path(
        "institute/",
        changes_institute(institute.institute),
        name="institute",
    ),
    path("institute/logo/", changes_institute(logos.logo_update), name="logo-update"),
    path("institute/logo/remove/", changes_institute(logos.logo_remove), name="logo-remove"),
    path("logos/<str:digest>/", logos.logo, name="logo"),
    path(
        "holidays/", requires("academics.view_holiday")(holidays.holiday_list), name="holiday-list"
    ),
    path(
        "holidays/add/",
        requires("academics.add_holiday")(holidays.holiday_create),
        name="holiday-create",
    ),
    path(
        "holidays/<int:pk>/edit/",
        requires("academics.change_holiday")(holidays.holiday_update),
        name="holiday-update",
    ),
    path(
        "holidays/<int:pk>/delete/",
        requires("academics.delete_holiday")(holidays.holiday_delete),
        name="holiday-delete",
    ),
]
