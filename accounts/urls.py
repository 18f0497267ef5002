from django.urls import path

from .roles import requires
from .views import (
    devices,
    passwords,
    people,
    profile,
    registration,
    second_factors,
    sign_in,
    sign_in_rules,
)

app_name = "accounts"
urlpatterns = [
    path("accounts/login/", sign_in.sign_in, name="login"),
    path("accounts/login/second-step/", sign_in.second_step, name="second-step"),
    path("accounts/logout/", sign_in.sign_out, name="logout"),
    path("accounts/register/", registration.register, name="register"),
    path("accounts/me/", profile.me, name="me"),
    path("accounts/devices/", devices.device_list, name="device-list"),
    path("accounts/devices/sign-out/", devices.sign_out_others, name="sign-out-others"),
    path("accounts/devices/<int:pk>/sign-out/", devices.device_sign_out, name="device-sign-out"),
    path("accounts/calendar-link/", profile.calendar_link_renew, name="calendar-link-renew"),
    path("accounts/password/", profile.password_change, name="password-change"),
    path("accounts/reset/", passwords.password_reset, name="password-reset"),
    path("accounts/reset/sent/", passwords.password_reset_done, name="password-reset-done"),
    path(
        "accounts/reset/<str:token>/",
        passwords.password_reset_confirm,
        name="password-reset-confirm",
    ),
    path("accounts/invitation/<str:token>/", passwords.invitation, name="invitation"),
    path("accounts/second-factor/", second_factors.second_factor, name="second-factor"),
    path("accounts/second-factor/app/", second_factors.app_add, name="app-add"),
    path("accounts/second-factor/app/remove/", second_factors.app_remove, name="app-remove"),
    path(
        "accounts/second-factor/codes/",
        second_factors.recovery_codes,
        name="recovery-codes",
    ),
    path(
        "accounts/second-factor/codes/renew/",
        second_factors.recovery_codes_renew,
        name="recovery-codes-renew",
    ),
    path("accounts/second-factor/passkeys/add/", second_factors.passkey_add, name="passkey-add"),
    path(
        "accounts/second-factor/passkeys/<int:pk>/",
        second_factors.passkey_update,
        name="passkey-update",
    ),
    path(
        "accounts/second-factor/passkeys/<int:pk>/remove/",
        second_factors.passkey_remove,
        name="passkey-remove",
    ),
    path(
        "accounts/sign-in-rules/",
        requires("accounts.change_signinrules")(sign_in_rules.sign_in_rules),
        name="sign-in-rules",
    ),
    path("people/add/", requires("accounts.add_user")(people.person_create), name="person-create"),
    # The querysets decide which people are visible.
    path("people/<int:pk>/", people.person_detail, name="person-detail"),
    path("people/<int:pk>/edit/", people.person_update, name="person-update"),
    path(
        "people/<int:pk>/role/",
        requires("accounts.change_membership")(people.person_role),
        name="person-role",
    ),
    path(
        "people/<int:pk>/invite/",
        requires("accounts.change_user")(people.person_invite),
        name="person-invite",
    ),
    path(
        "people/<int:pk>/second-factor/",
        requires("accounts.change_user")(second_factors.person_second_factor_remove),
        name="person-second-factor-remove",
    ),
    path(
        "people/<int:pk>/sign-out/",
        requires("accounts.delete_device")(devices.person_sign_out),
        name="person-sign-out",
    ),
    path(
        "people/<int:pk>/deactivate/",
        requires("accounts.change_user")(people.person_deactivate),
        name="person-deactivate",
    ),
    path(
        "people/<int:pk>/activate/",
        requires("accounts.change_user")(people.person_activate),
        name="person-activate",
    ),
]
