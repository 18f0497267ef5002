"""The pages of imports, and who may open them."""

from django.urls import path

from accounts.roles import requires

from . import views

app_name = "imports"
urlpatterns = [
    # A kind of file asks for its own right besides: who may not add payments cannot bring them in.
    path("imports/", requires("imports.add_import")(views.import_list), name="import-list"),
    path(
        "imports/<int:pk>/",
        requires("imports.add_import")(views.import_detail),
        name="import-detail",
    ),
    path(
        "imports/<int:pk>/sheet/",
        requires("imports.add_import")(views.import_sheet),
        name="import-sheet",
    ),
    path(
        "imports/<int:pk>/columns/",
        requires("imports.add_import")(views.import_columns),
        name="import-columns",
    ),
    path(
        "imports/<int:pk>/correct/",
        requires("imports.add_import")(views.import_correct),
        name="import-correct",
    ),
    path(
        "imports/<int:pk>/apply/",
        requires("imports.add_import")(views.import_apply),
        name="import-apply",
    ),
    path(
        "imports/<int:pk>/progress/",
        requires("imports.add_import")(views.import_progress),
        name="import-progress",
    ),
    path(
        "imports/<int:pk>/discard/",
        requires("imports.add_import")(views.import_discard),
        name="import-discard",
    ),
    path(
        "imports/<int:pk>/problems/",
        requires("imports.add_import")(views.import_problems),
        name="import-problems",
    ),
    path(
        "imports/examples/<slug:kind>/",
        requires("imports.add_import")(views.import_example),
        name="import-example",
    ),
]
