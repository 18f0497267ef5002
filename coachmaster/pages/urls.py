"""The pages that draw on every app."""

from django.urls import path

from coachmaster.pending import pending

app_name = "pages"
urlpatterns = [
    path("", pending, name="home"),
    path("healthz", pending, name="health"),
    path("dashboard/", pending, name="dashboard"),
    path("dashboard/admin/", pending, name="admin-dashboard"),
    path("dashboard/instructor/", pending, name="instructor-dashboard"),
    path("dashboard/student/", pending, name="student-dashboard"),
    path("students/<int:pk>/", pending, name="student-hub"),
    path("search/", pending, name="search"),
    path("search/suggestions/", pending, name="search-suggestions"),
]
