"""Eight people at work at once: forms sent to a gunicorn of our own. What is sent is written."""

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from accounts.models import User

from .visitors import Visitor

CLIENTS = 8
#: How many forms each sends before the clock starts, so that every worker of the server is warm.
WARMING = 5


def per_second(port, forms, *, seconds, clients=CLIENTS):
    """How many of ``forms`` (addresses and their fields) are saved in a second for so many clients at once.

    Ends earlier where the forms do. Raises Refused when one is not taken.
    """
    admins = list(User.objects.filter(membership__group__name="Admin").order_by("pk")[:clients])
    desks = [
        Visitor(admin).through(port) for admin in itertools.islice(itertools.cycle(admins), clients)
    ]
    forms, lock = iter(forms), threading.Lock()

    def save(desk):
        """Send the next form; False at the end."""
        with lock:
            form = next(forms, None)
        if form:
            desk.send(*form)
        return bool(form)

    def save_until(end, desk):
        count = 0
        while time.perf_counter() < end and save(desk):
            count += 1
        return count

    for desk in desks * WARMING:
        save(desk)
    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        count = sum(pool.map(lambda desk: save_until(began + seconds, desk), desks))
    return count / (time.perf_counter() - began)
