import functools

from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from accounts.forms.confirmation import ConfirmedForm
from accounts.services import sign_in
from coachmaster.core.views import form_page


def asks_again(when=lambda request, *args, **kwargs: True):
    """Decorator for views without a `ConfirmationMixin` whose POST gives rights.

    After ten minutes a page asks for the password or a code, and sends the same POST again. Put it
    outside of transactions.
    """

    def decorator(view):
        @functools.wraps(view)
        @sensitive_post_parameters()
        def inner(request, *args, **kwargs):
            is_asked = request.method == "POST" and not sign_in.is_confirmed(request)
            if is_asked and when(request, *args, **kwargs):
                form = ConfirmedForm(
                    request.POST if _has_answer(request) else None, request=request
                )
                if not form.is_valid():
                    return _confirmation_page(request, form)
            return view(request, *args, **kwargs)

        return inner

    return decorator


def _is_answer(name):
    return name.startswith(("own_password", "own_code"))


def _has_answer(request):
    return any(map(_is_answer, request.POST))


@never_cache
def _confirmation_page(request, form):
    sent = [
        (name, value)
        for name, values in request.POST.lists()
        for value in values
        if name != "csrfmiddlewaretoken" and not _is_answer(name)
    ]
    return form_page(
        request,
        form,
        title="Confirm that it is you",
        template="accounts/second_factors/confirm.html",
        submit="Continue",
        context={"sent": sent},
    )
