"""manage.py bench: which pages are measured, against which floor, in the process, through gunicorn and under load."""
