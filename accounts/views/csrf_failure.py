from django.shortcuts import render

from accounts.unsaved_input import unsaved_input


def csrf_failure(request, reason=""):
    """Explain that a form was opened in another session, and offer its input again, unsaved."""
    text = ""
    if request.user.is_authenticated:
        text = unsaved_input(request, request.resolver_match.func)
    return render(request, "403_csrf.html", {"typed": text}, status=403)
