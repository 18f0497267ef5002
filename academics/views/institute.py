from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect

from academics.forms.institute import InstituteForm
from academics.models import Institute
from academics.services.institute import save_institute
from coachmaster.core.concurrency import lock_on_post
from coachmaster.core.forms import add_errors
from coachmaster.core.history import recent_changes
from coachmaster.core.views import form_page


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
