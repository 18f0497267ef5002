"""The pages of this app and who may open them."""

from django.urls import path

from coachmaster.pending import pending

app_name = "accounts"
urlpatterns = [
    path("accounts/login/", pending, name="login"),
    path("accounts/logout/", pending, name="logout"),
    path("accounts/register/", pending, name="register"),
    path("accounts/me/", pending, name="me"),
    path("accounts/password/", pending, name="password-change"),
    path("accounts/reset/", pending, name="password-reset"),
    path("accounts/reset/sent/", pending, name="password-reset-done"),
    path("accounts/reset/<uidb64>/<token>/", pending, name="password-reset-confirm"),
    path("accounts/invitation/<str:token>/", pending, name="invitation"),
    path("people/", pending, name="person-list"),
    path("people/add/", pending, name="person-create"),
    path("people/<int:pk>/", pending, name="person-detail"),
    path("people/<int:pk>/edit/", pending, name="person-update"),
    path("people/<int:pk>/role/", pending, name="person-role"),
    path("people/<int:pk>/invite/", pending, name="person-invite"),
    path("people/<int:pk>/deactivate/", pending, name="person-deactivate"),
    path("people/<int:pk>/activate/", pending, name="person-activate"),
]
