from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect

from academics.forms.institute import InstituteForm
from academics.models import Institute
from academics.services.institute import save_institute
from accounts.views.confirmation import asks_again
from coachmaster.core.concurrency import lock_on_post
from coachmaster.core.forms import add_errors
from coachmaster.core.history import recent_changes
from coachmaster.core.views import form_page


def _changes_whom_families_pay(request):
    form = InstituteForm(request.POST, instance=Institute.objects.current())
    return not {"upi_id", "gstin"}.isdisjoint(form.changed_data)


@asks_again(when=_changes_whom_families_pay)
@lock_on_post(Institute, pk=Institute.ONLY)
def institute(request):
    form = InstituteForm(request.POST or None, instance=Institute.objects.current())
    if form.is_valid():
        try:
            save_institute(form.instance)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, "Settings saved.")
            return redirect("academics:institute")
    return form_page(
        request,
        form,
        title="Institute",
        template="academics/institute/form.html",
        submit="Save settings",
        context={"changes": recent_changes(Institute.history.all(), limit=10)},
    )
