from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from academics.forms.logos import LogoForm
from academics.models import Logo
from academics.services.logos import change_logo
from coachmaster.core.forms import add_errors
from coachmaster.core.views import form_page


def logo_update(request):
    form = LogoForm(request.POST, request.FILES) if request.method == "POST" else LogoForm()
    if form.is_valid():
        try:
            change_logo(form.cleaned_data["file"])
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(
                request, "Logo saved. It is on receipts from now on, and on printed lists."
            )
            return redirect("academics:logo-update")
    return form_page(
        request,
        form,
        title="Logo",
        lead="Printed on new receipts, statements and lists. Earlier receipts stay as they are.",
        template="academics/institute/logo.html",
        submit="Upload logo",
        back=reverse("academics:institute"),
        back_label="Institute",
    )


@require_POST
def logo_remove(request):
    change_logo(None)
    messages.success(request, "Logo removed. Earlier receipts keep it.")
    return redirect("academics:logo-update")


@require_safe
@cache_control(private=True, max_age=31536000, immutable=True)
def logo(request, digest):
    """Send a logo to people who are signed in; a new logo has a new address."""
    picture = Logo.objects.picture(digest)
    if picture is None:
        raise Http404("No such logo.")
    headers = {"X-Content-Type-Options": "nosniff", "Content-Disposition": "inline"}
    return HttpResponse(picture.png, content_type="image/png", headers=headers)
