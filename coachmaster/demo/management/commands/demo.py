"""`manage.py demo`: fill an empty database with an invented institute, to try CoachMaster out."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm

from coachmaster.demo import crowd as crowds
from coachmaster.demo import institute


class Command(BaseCommand):
    help = "Fill an empty database with an invented institute: 240 students, three months of attendance and payments."

    def add_arguments(self, parser):
        parser.add_argument(
            "--scale", type=int, default=1, metavar="N", help="Make it N times larger."
        )
        parser.add_argument(
            "--crowd",
            type=int,
            default=0,
            metavar="N",
            help="Beside it, N batches of 40 students with 63 sheets each, for measuring: 2000 are five million marks.",
        )
        parser.add_argument("--force", action="store_true", help="Also where DEBUG is off.")
        parser.add_argument(
            "--if-empty",
            action="store_true",
            help="Leave a database with data in it alone, without complaint.",
        )

    def handle(self, *, scale, crowd, force, if_empty, **options):
        if not settings.DEBUG and not force:
            raise CommandError(
                "This is not a place for invented people: DEBUG is off. If it is one after all, add --force."
            )
        if scale < 1:
            raise CommandError("--scale takes a whole number from 1 on.")
        if institute.is_empty():
            institute.make(scale=scale, today=timezone.localdate(), progress=self._progress)
            if crowd:
                crowds.add(crowd, today=timezone.localdate(), progress=self._progress)
        elif not if_empty:
            raise CommandError(
                "There is data in this database, and the demo would mix with it. Use an empty one (DATABASE_URL)."
            )
        if logins := institute.working_logins():
            width = max(len(email) for email, _ in logins)
            self.stdout.write("The demo institute; sign in with:")
            for email, password in logins:
                self.stdout.write(f"{email:<{width}}  {password}")

    def _progress(self, steps, words):
        return tqdm(steps, desc=words, disable=None, leave=False)
