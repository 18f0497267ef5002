"""Mail to people about their own account: plain text, after the commit, and never a reason for a page to fail."""

import contextlib
import logging
import smtplib

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.http import HttpResponseRedirect
from django.template.loader import render_to_string

logger = logging.getLogger(__name__)


def compose_email(template, subject, to, **words):
    """A mail from the text ``template`` (without its ending), which knows ``site`` and ``words``; not sent yet."""
    text = render_to_string(f"{template}.txt", {"site": settings.SITE_URL, **words})
    return EmailMessage(subject, text, to=[to])


def send_email(message):
    """Whether the message went out; why not is in the log."""
    try:
        return bool(message.send())
    except OSError:  # smtplib's errors are OSErrors too
        logger.exception("mail to %s did not go out", message.to)
        return False


def send_invitation(user, link):
    """Send the link to set a password. Returns whether it went out."""
    days = settings.INVITATION_DAYS
    return send_email(
        compose_email(
            "accounts/emails/invitation",
            "Your CoachMaster account",
            user.email,
            user=user,
            link=link,
            days=days,
        )
    )


def password_reset_email(user, link):
    """The mail with the link to set a new password; it is not sent yet."""
    return compose_email(
        "accounts/emails/password_reset", "Set a new password", user.email, user=user, link=link
    )


def notify_account_changed(user, sentence, to=None):
    """Tell the owner of an account what changed, once it is committed. Nothing where no mail goes out."""
    address = to or user.email
    if settings.SENDS_MAIL and address:
        message = compose_email(
            "accounts/emails/account_changed",
            "Your CoachMaster account was changed",
            address,
            user=user,
            sentence=sentence,
        )
        transaction.on_commit(lambda: send_email(message))


def notify_email_changed(user, before):
    """Tell a person, at the address they had ``before``, that it is another one now."""
    if before and before != user.email:
        now = f"was changed to {user.email}" if user.email else "was taken out"
        notify_account_changed(user, f"The e-mail address of your account {now}.", to=before)


class RedirectAndSend(HttpResponseRedirect):
    """Leads on, and sends a message once that answer is out: how long it takes then says nothing about who exists."""

    message = None

    def close(self):
        super().close()
        if self.message:
            send_email(self.message)
            self.message = None


def send_all(messages):
    """Send ``messages`` over one connection, outside a transaction; for each whether it went out. Why not is in the log.

    One that the server refuses keeps none of the others back. When the server is gone, the rest is not tried: each
    would wait for it again.
    """
    went_out = [False] * len(messages)
    if not messages:
        return went_out
    connection = get_connection()
    try:
        connection.open()
        for place, message in enumerate(messages):
            try:
                went_out[place] = bool(connection.send_messages([message]))
            except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused):
                logger.exception("mail to %s was refused", message.to)
    except OSError:
        logger.exception("%s of %s mails did not go out", went_out.count(False), len(messages))
    finally:
        with contextlib.suppress(OSError):
            connection.close()
    return went_out
