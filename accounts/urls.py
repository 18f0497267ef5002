"""The pages of this app and who may open them."""

from django.urls import path

from . import people, views
from .roles import requires

app_name = "accounts"
urlpatterns = [
    path("accounts/login/", views.sign_in, name="login"),
    path("accounts/logout/", views.sign_out, name="logout"),
    path("accounts/register/", views.register, name="register"),
    path("accounts/me/", views.me, name="me"),
    path("accounts/tokens/<int:pk>/revoke/", views.token_revoke, name="token-revoke"),
    path("accounts/calendar-link/", views.calendar_link_renew, name="calendar-link-renew"),
    path("accounts/password/", views.password_change, name="password-change"),
    path("accounts/reset/", views.password_reset, name="password-reset"),
    path("accounts/reset/sent/", views.password_reset_done, name="password-reset-done"),
    path("accounts/reset/<uidb64>/<token>/", views.password_reset_confirm, name="password-reset-confirm"),
    path("accounts/invitation/<str:token>/", views.invitation, name="invitation"),
    path("people/", requires("accounts.view_user")(people.person_list), name="person-list"),
    path("people/add/", requires("accounts.add_user")(people.person_create), name="person-create"),
    # Everybody has a page: whose one may see is a matter of rows.
    path("people/<int:pk>/", people.person_detail, name="person-detail"),
    path("people/<int:pk>/edit/", people.person_update, name="person-update"),
    path("people/<int:pk>/role/", requires("accounts.change_membership")(people.person_role), name="person-role"),
    path("people/<int:pk>/invite/", requires("accounts.change_user")(people.person_invite), name="person-invite"),
    path(
        "people/<int:pk>/deactivate/",
        requires("accounts.change_user")(people.person_deactivate),
        name="person-deactivate",
    ),
    path("people/<int:pk>/activate/", requires("accounts.change_user")(people.person_activate), name="person-activate"),
]
