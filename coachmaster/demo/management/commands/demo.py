from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm

from coachmaster.demo.crowd import add_crowd
from coachmaster.demo.institute import create_demo, is_empty, working_logins


class Command(BaseCommand):
    help = (
        "Fill an empty database with an invented institute: 240 students, three months of "
        "attendance and payments."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--scale", type=int, default=1, metavar="N", help="Make it N times larger."
        )
        parser.add_argument(
            "--crowd",
            type=int,
            default=0,
            metavar="N",
            help="For measuring, add N batches of 40 students with 63 sheets each.",
        )
        parser.add_argument("--force", action="store_true", help="Also if DEBUG is off.")
        parser.add_argument(
            "--if-empty",
            action="store_true",
            help="Do nothing if the database has data in it.",
        )

    def handle(self, *, scale, crowd, force, if_empty, **options):
        if not settings.DEBUG and not force:
            raise CommandError(
                "DEBUG is off, so this may be the database of a real institute. Use --force to "
                "fill it with invented people."
            )
        if scale < 1:
            raise CommandError("--scale requires a whole number from 1.")
        if is_empty():
            today = timezone.localdate()
            create_demo(scale=scale, today=today, progress=self._progress)
            if crowd:
                add_crowd(crowd, today=today, progress=self._progress)
        elif not if_empty:
            raise CommandError(
                "There is data in this database. Use an empty one (DATABASE_URL) for the demo."
            )
        if logins := working_logins():
            width = max(len(email) for email, _ in logins)
            self.stdout.write("The demo institute; sign in with:")
            for email, password in logins:
                self.stdout.write(f"{email:<{width}}  {password}")

    def _progress(self, steps, label):
        return tqdm(steps, desc=label, disable=None, leave=False)
