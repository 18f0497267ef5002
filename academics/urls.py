"""The pages of this app and who may open them."""

from django.urls import path

from accounts.roles import requires
from coachmaster.pending import pending

from . import views

app_name = "academics"
urlpatterns = [
    path("courses/", requires("academics.view_course")(views.course_list), name="course-list"),
    path("courses/add/", requires("academics.add_course")(views.course_create), name="course-create"),
    path("courses/<int:pk>/", requires("academics.view_course")(views.course_detail), name="course-detail"),
    path("courses/<int:pk>/edit/", requires("academics.change_course")(views.course_update), name="course-update"),
    path("batches/", pending, name="batch-list"),
    path("batches/add/", pending, name="batch-create"),
    path("batches/<int:pk>/", pending, name="batch-detail"),
    path("batches/<int:pk>/edit/", pending, name="batch-update"),
    path("batches/<int:pk>/students/", pending, name="batch-students"),
    path("students/<int:pk>/enrollment/", pending, name="student-enrollment"),
    path("institute/", pending, name="institute"),
    path("holidays/", pending, name="holiday-list"),
    path("holidays/add/", pending, name="holiday-create"),
    path("holidays/<int:pk>/delete/", pending, name="holiday-delete"),
]
