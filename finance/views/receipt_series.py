"""The number that the receipts of a financial year start with."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from academics.models import Institute
from coachmaster.core.dates import financial_year
from coachmaster.core.forms import add_errors
from finance.forms.receipt_series import ReceiptStartForm
from finance.models import ReceiptSeries
from finance.services.receipt_series import start_series


def receipt_start(request):
    """Where this year's receipts start, until the first one is given out."""
    today = timezone.localdate()
    series = ReceiptSeries.objects.filter(
        kind=ReceiptSeries.Kind.RECEIPT, year=financial_year(today)
    ).first()
    if series is None:
        series = ReceiptSeries(
            year=financial_year(today), prefix=Institute.objects.current().receipt_prefix
        )
    elif series.last_number >= series.first_number:
        messages.error(
            request,
            f"{series} has receipts already, so its numbers go on from {series.last_number + 1}.",
        )
        return redirect("academics:institute")
    form = ReceiptStartForm(request.POST or None, initial={"first_number": series.first_number})
    if form.is_valid():
        try:
            series = start_series(first_number=form.cleaned_data["first_number"], day=today)
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            messages.success(
                request, f"The first receipt will be {series.number(series.first_number)}."
            )
            return redirect("academics:institute")
    return render(
        request,
        "form_page.html",
        {
            "form": form,
            "heading": "Where receipt numbers start",
            "lead": f"Until the first receipt of this financial year: now it would be {series.number(series.first_number)}.",
            "submit": "Save",
            "back": reverse("academics:institute"),
            "back_label": "Institute",
        },
    )
