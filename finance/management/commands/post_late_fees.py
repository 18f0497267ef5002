import datetime

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from coachmaster.core.dates import format_date, validate_date
from coachmaster.core.money import ZERO, display, grouped
from finance.services.late_fees import post_late_fees


class Command(BaseCommand):
    help = "Post late fees by the active rules. Run it every morning; it posts nothing twice."

    def add_arguments(self, parser):
        parser.add_argument(
            "--on", metavar="DATE", help="as of this day, like 2026-11-24 (default: today)"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="show the late fees without posting them"
        )

    def handle(self, **options):
        on = self._day(options["on"])
        with transaction.atomic():
            posted = post_late_fees(on=on)
            if options["dry_run"]:
                transaction.set_rollback(True)
        if options["verbosity"] > 1 or options["dry_run"]:
            for charge in posted:
                self.stdout.write(f"{charge.student}  {display(charge.amount)}  {charge.label}")
        verb = "would be posted" if options["dry_run"] else "posted"
        amount = display(sum((charge.amount for charge in posted), ZERO))
        fees = f"{grouped(len(posted))} late fee{'s' if len(posted) != 1 else ''}"
        summary = f"{fees} {verb} as of {format_date(on)}, total {amount}."
        self.stdout.write(self.style.SUCCESS(summary))

    def _day(self, text):
        today = timezone.localdate()
        if text is None:
            return today
        try:
            day = datetime.date.fromisoformat(text)
            validate_date(day)
        except Exception as error:
            raise CommandError(
                f"{text} is not a date. Write it like {today}.", returncode=2
            ) from error
        if day > today:
            raise CommandError(
                f"{format_date(day)} is in the future. Choose today or an earlier day.",
                returncode=2,
            )
        return day
