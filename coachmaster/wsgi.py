"""The WSGI application that gunicorn serves."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "coachmaster.settings")

application = get_wsgi_application()

# What was loaded to start with stays as long as the process: no round of garbage collection need look through it.
gc.collect()
gc.freeze()
