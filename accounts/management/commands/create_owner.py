import getpass
import os
import sys

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from accounts.roles import ADMIN
from accounts.services import invitations
from accounts.services.people import add_person, unsaved_person


class Command(BaseCommand):
    help = "Add the first Admin, with all permissions in Django admin."

    def add_arguments(self, parser):
        parser.add_argument("--email", required=True, help="Email address to sign in with.")
        parser.add_argument("--name", required=True, help="Full name.")
        parser.add_argument(
            "--password-stdin", action="store_true", help="Read the password from standard input."
        )
        parser.add_argument(
            "--link", action="store_true", help="Do not set a password; print a link to set it."
        )

    def handle(self, *, email, name, password_stdin, link, **options):
        person = unsaved_person(role=ADMIN, full_name=name, email=email)
        password = None if link else self.read_password(person, password_stdin)
        try:
            owner = add_person(full_name=name, email=email, role=ADMIN, password=password)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        owner.is_superuser = True
        owner.save(update_fields=["is_superuser"])
        message = f"{owner} added as owner. Sign in with {owner.email}."
        self.stdout.write(self.style.SUCCESS(message))
        if password is None:
            self.stdout.write(f"Set the password within {settings.INVITATION_DAYS} days:")
            self.stdout.write(invitations.invitation_link(owner, by=None))

    def read_password(self, person, from_stdin):
        """Read it from standard input, OWNER_PASSWORD or the terminal; return None without any."""
        if from_stdin:
            password = sys.stdin.readline().rstrip("\r\n")
        elif "OWNER_PASSWORD" in os.environ:
            password = os.environ["OWNER_PASSWORD"]
        elif sys.stdin.isatty():
            password = getpass.getpass("Password: ")
            if getpass.getpass("Password again: ") != password:
                raise CommandError("The two passwords differ. Nothing was added.")
        else:
            return None
        try:
            validate_password(password, person)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        return password
