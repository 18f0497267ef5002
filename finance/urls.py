"""The pages of this app and who may open them."""

from django.urls import path

from coachmaster.pending import pending

app_name = "finance"
urlpatterns = [
    path("enrollments/add/", pending, name="enrollment-create"),
    path("enrollments/<int:pk>/complete/", pending, name="enrollment-complete"),
    path("enrollments/<int:pk>/drop/", pending, name="enrollment-drop"),
    path("enrollments/<int:pk>/transfer/", pending, name="enrollment-transfer"),
    path("batches/<int:pk>/enroll/", pending, name="batch-enroll"),
    path("batches/<int:pk>/complete/", pending, name="batch-complete"),
    path("payments/", pending, name="payment-list"),
    path("payments/add/", pending, name="payment-create"),
    path("payments/<int:pk>/", pending, name="receipt"),
    path("payments/<int:pk>/void/", pending, name="payment-void"),
    path("students/<int:pk>/payments/", pending, name="student-payments"),
    path("students/<int:pk>/fees/", pending, name="student-fees"),
    path("dues/", pending, name="dues"),
]
