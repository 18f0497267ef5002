from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from attendance.services.register_reminders import send_register_reminders

_OUTCOMES = {
    "sent": "email sent",
    "already_sent": "an email was already sent today",
    "failed": "the email was not sent, see the log",
    "no_email": "has no email address",
}


class Command(BaseCommand):
    help = (
        "Email each instructor the list of missing registers. Run it every evening; "
        "running it again sends no second email."
    )

    def add_arguments(self, parser):
        parser.add_argument("--dry-run", action="store_true", help="show the emails, but send none")

    def handle(self, *, dry_run, verbosity, **options):
        if not settings.SENDS_MAIL and not dry_run:
            raise CommandError("Set EMAIL_URL to send email. No email was sent.", returncode=2)
        results = send_register_reminders(timezone.now(), dry_run=dry_run)
        for result in results:
            self._write_result(result, dry_run=dry_run, lists_registers=dry_run or verbosity > 1)
        sent = sum(result.outcome == "sent" for result in results)
        verb = "Would send" if dry_run else "Sent"
        self.stdout.write(self.style.SUCCESS(f"{verb} {sent} email{'s' if sent != 1 else ''}."))
        if any(result.outcome == "failed" for result in results):
            raise CommandError(
                "Some emails were not sent. Run the command again: it skips those already sent.",
                returncode=1,
            )

    def _write_result(self, result, *, dry_run, lists_registers):
        number = len(result.rows)
        would_send = dry_run and result.outcome == "sent"
        outcome = "would get an email" if would_send else _OUTCOMES[result.outcome]
        registers = f"{number} missing register{'s' if number > 1 else ''}"
        self.stdout.write(f"{result.instructor}, {registers}: {outcome}.")
        if lists_registers:
            for row in result.rows:
                self.stdout.write(f"  {row.day:%Y-%m-%d} {row.batch}")
