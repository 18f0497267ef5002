"""The pages of this app and who may open them."""

from django.urls import path, register_converter

from coachmaster.ground.days import DayConverter
from coachmaster.pending import pending

register_converter(DayConverter, "day")

app_name = "attendance"
urlpatterns = [
    path("attendance/", pending, name="day"),
    path("batches/<int:pk>/attendance/", pending, name="batch-attendance"),
    path("batches/<int:pk>/attendance/<day:held_on>/", pending, name="sheet"),
    path("students/<int:pk>/attendance/", pending, name="student-attendance"),
]
