"""Second factors for tests."""

from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp_webauthn.models import WebAuthnCredential

from accounts.services import second_factors

from .factories import PASSWORD


def app_of(user):
    """Give the person an authenticator app and recovery codes; return both."""
    app = TOTPDevice.objects.create(user=user, name="Authenticator app")
    return app, second_factors.renew_recovery_codes(user)


def signed_in(client, person, app):
    """Sign in with password and code; return the client."""
    client.post("/accounts/login/", {"name": person.email, "password": PASSWORD})
    client.post("/accounts/login/second-step/", {"code": code_of(app)})
    return client


def passkey_of(user, **fields):
    """Give the person a passkey that no browser has."""
    return WebAuthnCredential.objects.create(
        user=user,
        name="Office laptop",
        credential_id=str(user.pk).encode(),
        public_key=b"key",
        **fields,
    )


def code_of(app, steps=0):
    """Return what the app shows now, or so many half minutes later."""
    return f"{totp(app.bin_key, t0=-steps * 30):06d}"
