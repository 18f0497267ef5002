from django.urls import path

from accounts.roles import requires

from .permissions import ADMIN_DASHBOARD
from .views import absent, dashboards, people, search, student_page

app_name = "dashboards"
urlpatterns = [
    path("", dashboards.home, name="home"),
    path("dashboard/", dashboards.dashboard, name="dashboard"),
    path(
        "dashboard/admin/",
        requires(ADMIN_DASHBOARD)(dashboards.admin_dashboard),
        name="admin-dashboard",
    ),
    path("dashboard/instructor/", dashboards.instructor_dashboard, name="instructor-dashboard"),
    path("dashboard/student/", dashboards.student_dashboard, name="student-dashboard"),
    path("people/", requires("accounts.view_user")(people.person_list), name="person-list"),
    path("students/<int:pk>/", student_page.student_page, name="student-page"),
    path("attendance/absent/", requires("attendance.view_sheet")(absent.absent), name="absent"),
    path(
        "students/<int:pk>/absent/<day:day>/tell/",
        requires("attendance.add_attendancereminder")(absent.remind),
        name="tell-of-absence",
    ),
    path("search/", requires("academics.view_enrollment")(search.search), name="search"),
    path(
        "search/suggestions/",
        requires("academics.view_enrollment")(search.search_suggestions),
        name="search-suggestions",
    ),
]
