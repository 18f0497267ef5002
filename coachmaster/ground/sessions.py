"""Sessions in the database, as Django keeps them: each request reads one, so the SQL of that is written once."""

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.utils import timezone

from .prepared import Prepared


@Prepared
def _in_force(*, key, now):
    return SessionStore.get_model_class().objects.filter(session_key=key, expire_date__gt=now)


class SessionStore(DatabaseSessionStore):
    """Finds a session as the database's store does, and is that store otherwise."""

    def _get_session_from_db(self):
        session = _in_force.first(key=self.session_key, now=timezone.now())
        if session is None:
            self._session_key = None
        return session
