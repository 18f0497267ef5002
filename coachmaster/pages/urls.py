"""The pages that draw on every app."""

app_name = "pages"
urlpatterns = []
