"""The pages of this app and who may open them."""

app_name = "finance"
urlpatterns = []
