from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect, render

from academics.forms.institute import InstituteForm
from academics.models import Institute
from academics.services.institute import save_institute
from coachmaster.core.concurrency import lock_on_post
from coachmaster.core.forms import add_errors
from coachmaster.core.history import recent_changes


@lock_on_post(Institute, pk=Institute.ONLY)
def institute(request):
    form = InstituteForm(request.POST or None, instance=Institute.objects.current())
    if form.is_valid():
        try:
            save_institute(form.instance)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, "Settings of the institute saved.")
            return redirect("academics:institute")
    return render(
        request,
        "academics/institute/form.html",
        {
            "form": form,
            "heading": "Institute",
            "submit": "Save settings",
            "changes": recent_changes(Institute.history.all(), limit=10),
        },
    )
