from django.urls import path

from accounts.roles import requires

from . import views

app_name = "imports"

# The views also ask for the permissions of the kind of file, such as finance.add_payment.
_import = requires("imports.add_import")

urlpatterns = [
    path("imports/", _import(views.import_list), name="import-list"),
    path("imports/<int:pk>/", _import(views.import_detail), name="import-detail"),
    path("imports/<int:pk>/sheet/", _import(views.import_sheet), name="import-sheet"),
    path("imports/<int:pk>/columns/", _import(views.import_columns), name="import-columns"),
    path("imports/<int:pk>/correct/", _import(views.import_correct), name="import-correct"),
    path("imports/<int:pk>/apply/", _import(views.import_apply), name="import-apply"),
    path("imports/<int:pk>/progress/", _import(views.import_progress), name="import-progress"),
    path("imports/<int:pk>/discard/", _import(views.import_discard), name="import-discard"),
    path("imports/<int:pk>/problems/", _import(views.import_problems), name="import-problems"),
    path("imports/examples/<slug:kind>/", _import(views.import_example), name="import-example"),
]
