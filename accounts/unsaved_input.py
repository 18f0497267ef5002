"""Input of a form sent after the session expired.

The sign-in form carries it in a hidden field; after sign-in the session keeps it for its page.
"""

from django.http import QueryDict

#: Enough for an attendance sheet of 200 students with a note each.
MAX_LENGTH = 100_000

_SESSION_KEY = "typed"


def restores_input(view):
    view.restores_input = True
    return view


def unsaved_input(request, view):
    """Return the posted form as text, if ``view`` restores input; otherwise an empty string."""
    if request.method != "POST" or not getattr(view, "restores_input", False):
        return ""
    data = request.POST.copy()
    data.pop("csrfmiddlewaretoken", None)
    text = data.urlencode()
    return text if len(text) <= MAX_LENGTH else ""


def posted_input(request):
    """Return the unsaved input that the sign-in form carries."""
    text = request.POST.get("typed", "")
    return text if len(text) <= MAX_LENGTH else ""


def store_unsaved_input(request, path, text):
    if text:
        request.session[_SESSION_KEY] = [path, text]


def restored_input(request):
    """Return the stored input of this page as a QueryDict, once; otherwise None."""
    path, text = request.session.get(_SESSION_KEY, [None, ""])
    if path != request.path:
        return None
    del request.session[_SESSION_KEY]
    return QueryDict(text)
