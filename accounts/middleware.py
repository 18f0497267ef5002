from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from .unsaved_input import unsaved_input


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Carry the unsaved input of a form to the sign-in page; scripts keep theirs."""

    def handle_no_permission(self, request, view_func):
        by_script = request.headers.get("X-Requested-With") == "fetch"
        if not by_script and (text := unsaved_input(request, view_func)):
            return _sign_in_page(request, next=request.path, unsaved=text)
        return super().handle_no_permission(request, view_func)


@never_cache
@sensitive_post_parameters()
def _sign_in_page(request, **context):
    from accounts.views.sign_in import sign_in_page

    return sign_in_page(request, **context)
