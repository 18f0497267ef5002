from django.shortcuts import render

from accounts.unsaved_input import unsaved_input


def csrf_failure(request, reason=""):
    """A form whose token is not that of this session: it was opened before its owner signed in anew, or is not ours.

    Who is signed in may open the page again with what was typed there; it is not saved.
    """
    typed = (
        unsaved_input(request, request.resolver_match.func) if request.user.is_authenticated else ""
    )
    return render(request, "403_csrf.html", {"typed": typed}, status=403)
