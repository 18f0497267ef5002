"""What was typed on a page whose session had expired: it is carried through signing in, and shown again, not saved.

The sign-in form carries it in a hidden field, so that nothing is kept for people who are not signed in. Then it waits in
the session for the page that it was typed on, and for no other.
"""

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import QueryDict
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

#: More is not carried: a sheet of two hundred students with a note each.
LONGEST = 100_000
_KEPT = "typed"


def comes_back(view):
    """Mark a page that shows again what `typed_before` has of it."""
    view.comes_back = True
    return view


class SignInFirst(LoginRequiredMiddleware):
    """To the sign-in page; with what was typed, where a form was sent and not by a script, which keeps it itself."""

    def handle_no_permission(self, request, view_func):
        by_script = request.headers.get("X-Requested-With") == "fetch"
        if not by_script and (typed := _typed(request, view_func)):
            return _sign_in_page(request, next=request.path, typed=typed)
        return super().handle_no_permission(request, view_func)


def form_without_token(request, reason=""):
    """A form whose token is not that of this session: it was opened before its owner signed in anew, or is not ours.

    Who is signed in may open the page again with what was typed there; it is not saved.
    """
    typed = _typed(request, request.resolver_match.func) if request.user.is_authenticated else ""
    return render(request, "403_csrf.html", {"typed": typed}, status=403)


def _typed(request, view):
    """What was typed on a page that `comes_back`, as text; else ""."""
    if request.method != "POST" or not getattr(view, "comes_back", False):
        return ""
    typed = request.POST.copy()
    typed.pop("csrfmiddlewaretoken", None)
    text = typed.urlencode()
    return text if len(text) <= LONGEST else ""


@never_cache
@sensitive_post_parameters()
def _sign_in_page(request, **carried):
    from .sign_in import sign_in_page

    return sign_in_page(request, **carried)


def keep_typed(request, path):
    """Keep what the sign-in form carried for the page at ``path``; call it once somebody is signed in."""
    if 0 < len(typed := request.POST.get("typed", "")) <= LONGEST:
        request.session[_KEPT] = [path, typed]


def typed_before(request):
    """What was typed on this page before signing in, as a form reads it, once; or None."""
    path, typed = request.session.get(_KEPT, [None, ""])
    if path != request.path:
        return None
    del request.session[_KEPT]
    return QueryDict(typed)
