"""The pages that draw on every app, and who may open them. Dashboards of one's own ask whose they are in the view."""

from django.urls import path

from accounts.roles import requires

from . import absent, imports, views

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
    # A kind of file asks for its own right besides: who may not add payments cannot bring them in.
    path("imports/", requires("pages.add_import")(imports.import_list), name="import-list"),
    path("imports/<int:pk>/", requires("pages.add_import")(imports.import_detail), name="import-detail"),
    path("imports/<int:pk>/sheet/", requires("pages.add_import")(imports.import_sheet), name="import-sheet"),
    path("imports/<int:pk>/columns/", requires("pages.add_import")(imports.import_columns), name="import-columns"),
    path("imports/<int:pk>/correct/", requires("pages.add_import")(imports.import_correct), name="import-correct"),
    path("imports/<int:pk>/apply/", requires("pages.add_import")(imports.import_apply), name="import-apply"),
    path("imports/<int:pk>/progress/", requires("pages.add_import")(imports.import_progress), name="import-progress"),
    path("imports/<int:pk>/discard/", requires("pages.add_import")(imports.import_discard), name="import-discard"),
    path("imports/<int:pk>/problems/", requires("pages.add_import")(imports.import_problems), name="import-problems"),
    path("imports/examples/<slug:kind>/", requires("pages.add_import")(imports.import_example), name="import-example"),
]
