from django.conf import settings
from django.contrib import admin
from django.urls import include, path, register_converter

from coachmaster.core.converters import DateConverter, TimeConverter

register_converter(DateConverter, "day")
register_converter(TimeConverter, "time")

urlpatterns = [
    path("api/", include("coachmaster.api")),
    path("", include("coachmaster.dashboards.urls")),
    path("", include("coachmaster.imports.urls")),
    path("", include("accounts.urls")),
    path("", include("academics.urls")),
    path("", include("finance.urls")),
    path("", include("attendance.urls")),
    path(settings.ADMIN_PATH, admin.site.urls),
]

handler400 = "coachmaster.core.outages.bad_request"
handler500 = "coachmaster.core.outages.server_error"
