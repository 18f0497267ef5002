from django.core.management.base import BaseCommand
from django.utils import timezone

from coachmaster.core.dates import format_date
from coachmaster.core.money import ZERO, display
from coachmaster.core.text import plural
from finance.services.late_fees import prepare_late_fees


class Command(BaseCommand):
    help = (
        "Calculate the late fees by the active rules, and tell the desk. Charges nobody: that is "
        "done on the page “Late fees”. Run it every morning."
    )

    def handle(self, **options):
        today = timezone.localdate()
        fees = prepare_late_fees(on=today)
        students = plural(len({fee.installment.student_id for fee in fees}), "student")
        amount = display(sum((fee.amount for fee in fees), ZERO))
        if options["verbosity"] > 1:
            for fee in fees:
                late_on = f"{fee.rule} on {fee.installment}"
                self.stdout.write(f"{fee.installment.student}  {display(fee.amount)}  {late_on}")
        self.stdout.write(
            self.style.SUCCESS(
                f"{plural(len(fees), 'late fee')} of {amount} for {students} can be charged "
                f"as of {format_date(today)}."
            )
        )
