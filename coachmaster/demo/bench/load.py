"""Eight clients that save forms at the same time."""

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from accounts.models import User

from .requesters import Requester

CLIENTS = 8
#: Forms that each client sends before the clock starts, to warm up every worker.
WARM_UP_FORMS = 5


def saves_per_second(port, forms, *, seconds, clients=CLIENTS):
    """Return how many of ``forms`` the server on ``port`` saves in a second.

    Stop early when there are no more forms. Raise UnexpectedResponse if one is refused.
    """
    admins = list(User.objects.filter(membership__group__name="Admin").order_by("pk")[:clients])
    desks = [
        Requester(admin).http_client(port)
        for admin in itertools.islice(itertools.cycle(admins), clients)
    ]
    forms, lock = iter(forms), threading.Lock()

    def save(desk):
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

    for desk in desks * WARM_UP_FORMS:
        save(desk)
    start = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        count = sum(pool.map(lambda desk: save_until(start + seconds, desk), desks))
    return count / (time.perf_counter() - start)
