"""`manage.py remind_registers`: mails instructors which registers they have to take."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from attendance.services.register_reminders import send_register_reminders

_OUTCOMES = {
    "mailed": "mailed",
    "told": "was mailed today already",
    "failed": "the mail did not go out, see the log",
    "unreachable": "has no e-mail address",
}


class Command(BaseCommand):
    """Mails each instructor one list a day; meant to run every evening. Running it again mails nobody twice."""

    help = "Mails each instructor the list of classes without attendance. Safe to run as often as you like."

    def add_arguments(self, parser):
        parser.add_argument(
            "--dry-run", action="store_true", help="say who would be mailed what, and mail nobody"
        )

    def handle(self, **options):
        dry_run = options["dry_run"]
        if not settings.SENDS_MAIL and not dry_run:
            raise CommandError(
                "No mail leaves this site: set EMAIL_URL first. Nobody was mailed.", returncode=2
            )
        told = send_register_reminders(timezone.now(), dry_run=dry_run)
        for one in told:
            number = len(one.rows)
            outcome = (
                "would be mailed" if dry_run and one.outcome == "mailed" else _OUTCOMES[one.outcome]
            )
            self.stdout.write(
                f"{one.instructor}, {number} register{'s' if number > 1 else ''}: {outcome}."
            )
            if dry_run or options["verbosity"] > 1:
                for row in one.rows:
                    self.stdout.write(f"  {row.day:%Y-%m-%d} {row.batch}")
        mailed = sum(one.outcome == "mailed" for one in told)
        verb = "would be mailed" if dry_run else "mailed"
        self.stdout.write(
            self.style.SUCCESS(f"{mailed} instructor{'s' if mailed != 1 else ''} {verb}.")
        )
        if any(one.outcome == "failed" for one in told):
            raise CommandError(
                "Not every mail went out. Run it again: who was mailed is left out.", returncode=1
            )
