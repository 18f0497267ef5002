import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "coachmaster.settings")

application = get_wsgi_application()

# Objects that were loaded at the start stay, and need no garbage collection.
gc.collect()
gc.freeze()
