"""The pages of this app and who may open them."""

from django.urls import path

from coachmaster.pending import pending

from . import views

app_name = "accounts"
urlpatterns = [
    path("accounts/login/", views.sign_in, name="login"),
    path("accounts/logout/", views.sign_out, name="logout"),
    path("accounts/register/", views.register, name="register"),
    path("accounts/me/", views.me, name="me"),
    path("accounts/password/", views.password_change, name="password-change"),
    path("accounts/reset/", views.password_reset, name="password-reset"),
    path("accounts/reset/sent/", views.password_reset_done, name="password-reset-done"),
    path("accounts/reset/<uidb64>/<token>/", views.password_reset_confirm, name="password-reset-confirm"),
    path("accounts/invitation/<str:token>/", views.invitation, name="invitation"),
    path("people/", pending, name="person-list"),
    path("people/add/", pending, name="person-create"),
    path("people/<int:pk>/", pending, name="person-detail"),
    path("people/<int:pk>/edit/", pending, name="person-update"),
    path("people/<int:pk>/role/", pending, name="person-role"),
    path("people/<int:pk>/invite/", pending, name="person-invite"),
    path("people/<int:pk>/deactivate/", pending, name="person-deactivate"),
    path("people/<int:pk>/activate/", pending, name="person-activate"),
]
