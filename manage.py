#!/usr/bin/env python3
import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "coachmaster.settings")
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line

        try:
            execute_from_command_line(sys.argv)
        except ImproperlyConfigured as error:
            sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except ModuleNotFoundError as missing:
        package = str(missing.name).partition(".")[0]
        if os.path.exists(os.path.join(os.path.dirname(__file__), package)):
            raise  # A module of CoachMaster is missing, not a package.
        sys.exit(f"{missing}. Install what this version needs: make requirements")
