"""Plain-text emails to people about their account. A failed email never fails a page."""

import contextlib
import logging
import smtplib

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.http import HttpResponseRedirect
from django.template.loader import render_to_string

from coachmaster.core.outages import forbid_repeat

logger = logging.getLogger(__name__)


def compose_email(template, subject, to, **context):
    text = render_to_string(f"{template}.txt", {"site": settings.SITE_URL, **context})
    return EmailMessage(subject, text, to=[to])


def send_email(message):
    forbid_repeat()
    try:
        return bool(message.send())
    except OSError as error:  # includes the errors of smtplib
        logger.error("email not sent: %s", _reason(error))
        return False


def _reason(error):
    """Return the error without the addresses that mail servers repeat in their answers."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = {code for code, _ in error.recipients.values()}
        return f"SMTPRecipientsRefused {' '.join(map(str, sorted(codes)))}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{type(error).__name__} {error.smtp_code}"
    return f"{type(error).__name__} {error.strerror or ''}".strip()


def send_invitation(user, link):
    message = compose_email(
        "accounts/emails/invitation",
        "Your CoachMaster account",
        user.email,
        user=user,
        link=link,
        days=settings.INVITATION_DAYS,
    )
    return send_email(message)


def password_reset_email(user, link):
    return compose_email(
        "accounts/emails/password_reset", "Set a new password", user.email, user=user, link=link
    )


def _account_changed_email(user, message, to):
    return compose_email(
        "accounts/emails/account_changed",
        "Your CoachMaster account was changed",
        to,
        user=user,
        message=message,
    )


def notify_account_changed(user, message):
    """Email the person, after the commit, what changed in their account."""
    if settings.SENDS_MAIL and user.email:
        email = _account_changed_email(user, message, user.email)
        transaction.on_commit(lambda: send_email(email))


def notify_email_changed(user, old_email):
    notify_emails_changed([(user, old_email)])


def notify_emails_changed(users_and_old_emails):
    """Tell people at their old address, after the commit, that another one counts now."""
    if not settings.SENDS_MAIL:
        return
    messages = []
    for user, old_email in users_and_old_emails:
        if old_email and old_email != user.email:
            change = f"was changed to {user.email}" if user.email else "was removed"
            message = f"The email address of your account {change}."
            messages.append(_account_changed_email(user, message, old_email))
    transaction.on_commit(lambda: send_all(messages))


class RedirectAndSend(HttpResponseRedirect):
    """Write and send an email after the response, so that its time reveals nothing.

    ``compose`` returns the email, or None.
    """

    def __init__(self, redirect_to, *, compose):
        super().__init__(redirect_to)
        self.compose = compose

    def close(self):
        compose, self.compose = self.compose, None
        try:
            message = compose and compose()
        finally:
            super().close()
        if message:
            send_email(message)


def send_all(messages):
    """Send ``messages`` over one connection; return for each whether it was sent. Log errors.

    Call it outside of a transaction. A refused message does not stop the others; a lost connection
    does.
    """
    sent = [False] * len(messages)
    if not messages:
        return sent
    forbid_repeat()
    connection = get_connection()
    try:
        connection.open()
        for index, message in enumerate(messages):
            try:
                sent[index] = bool(connection.send_messages([message]))
            except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as error:
                logger.error("email refused: %s", _reason(error))
    except OSError as error:
        unsent = sent.count(False)
        logger.error("%s of %s emails not sent: %s", unsent, len(messages), _reason(error))
    finally:
        with contextlib.suppress(OSError):
            connection.close()
    return sent
