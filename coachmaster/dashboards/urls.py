"""The pages that draw on every app, and who may open them. Dashboards of one's own ask whose they are in the view."""

from django.urls import path

from accounts.roles import requires

from . import absent, views

app_name = "dashboards"
urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.health, name="health"),
    path("dashboard/", views.dashboard, name="dashboard"),
    path(
        "dashboard/admin/",
        requires("accounts.view_admin_dashboard")(views.admin_dashboard),
        name="admin-dashboard",
    ),
    path("dashboard/instructor/", views.instructor_dashboard, name="instructor-dashboard"),
    path("dashboard/student/", views.student_dashboard, name="student-dashboard"),
    path("students/<int:pk>/", views.student_page, name="student-page"),
    path("attendance/absent/", requires("attendance.view_sheet")(absent.absent), name="absent"),
    path(
        "students/<int:pk>/absent/<day:day>/tell/",
        requires("attendance.add_reminder")(absent.tell),
        name="tell-of-absence",
    ),
    path("search/", requires("academics.view_enrollment")(views.search), name="search"),
    path(
        "search/suggestions/",
        requires("academics.view_enrollment")(views.search_suggestions),
        name="search-suggestions",
    ),
]
