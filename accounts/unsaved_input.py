"""What was typed on a page whose session had expired: it is carried through signing in, and shown again, not saved.

The sign-in form carries it in a hidden field, so that nothing is kept for people who are not signed in. Then it waits in
the session for the page that it was typed on, and for no other.
"""

from django.http import QueryDict

#: More is not carried: a sheet of two hundred students with a note each.
MAX_LENGTH = 100_000


_SESSION_KEY = "typed"


def restores_input(view):
    """Mark a page that shows again what `typed_before` has of it."""
    view.restores_input = True
    return view


def unsaved_input(request, view):
    """What was typed on a page that `comes_back`, as text; else ""."""
    if request.method != "POST" or not getattr(view, "restores_input", False):
        return ""
    typed = request.POST.copy()
    typed.pop("csrfmiddlewaretoken", None)
    text = typed.urlencode()
    return text if len(text) <= MAX_LENGTH else ""


def store_unsaved_input(request, path):
    """Keep what the sign-in form carried for the page at ``path``; call it once somebody is signed in."""
    if 0 < len(typed := request.POST.get("typed", "")) <= MAX_LENGTH:
        request.session[_SESSION_KEY] = [path, typed]


def restored_input(request):
    """What was typed on this page before signing in, as a form reads it, once; or None."""
    path, typed = request.session.get(_SESSION_KEY, [None, ""])
    if path != request.path:
        return None
    del request.session[_SESSION_KEY]
    return QueryDict(typed)
