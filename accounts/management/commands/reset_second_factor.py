from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from accounts.services.second_factors import remove_second_factor


class Command(BaseCommand):
    help = "Remove the second factor of a person who lost the phone and the recovery codes."

    def add_arguments(self, parser):
        parser.add_argument("email", help="Email address of the person.")

    def handle(self, *, email, **options):
        try:
            person = User.objects.get_by_natural_key(email)
        except User.DoesNotExist:
            raise CommandError(f"Nobody has the email address {email}.") from None
        if not remove_second_factor(person):
            raise CommandError(f"{person} has no second factor.")
        message = f"{person} was signed out, and needs only the password now."
        self.stdout.write(self.style.SUCCESS(message))
