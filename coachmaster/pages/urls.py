"""The pages that draw on every app, and who may open them. Dashboards of one's own ask whose they are in the view."""

from django.urls import path

from accounts.roles import requires

from . import views

app_name = "pages"
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
    path("students/<int:pk>/", views.student_hub, name="student-hub"),
    path("search/", requires("academics.view_enrollment")(views.search), name="search"),
    path(
        "search/suggestions/",
        requires("academics.view_enrollment")(views.search_suggestions),
        name="search-suggestions",
    ),
]
