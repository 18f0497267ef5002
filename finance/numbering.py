"""The number that the receipts of a financial year start with."""

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from academics.models import Institute
from coachmaster.core.dates import financial_year
from coachmaster.core.forms import WholeNumberField, show_refusal

from .locks import lock_series
from .models import ReceiptSeries

#: A receipt number has five digits for its count; a year that starts here still has ten thousand to give.
HIGHEST_START = 90_000


@transaction.atomic
def start_at(*, first_number, day):
    """Let the receipts of the financial year of ``day`` start with ``first_number``; returns the series.

    Raises ValidationError when the year has a receipt already.
    """
    series = lock_series(day)
    if series.payments.exists():
        raise ValidationError(f"{series} has receipts already, so its numbers go on from {series.last_number + 1}.")
    series.first_number, series.last_number = first_number, first_number - 1
    series.save(update_fields=["first_number", "last_number"])
    return series


class StartForm(forms.Form):
    """The first number of a year."""

    first_number = WholeNumberField(
        label="First number",
        least=1,
        most=HIGHEST_START,
        help_text="The one after the last receipt that was written elsewhere. It is fixed with the year’s first receipt.",
    )


def receipt_start(request):
    """Where this year's receipts start, until the first one is given out."""
    today = timezone.localdate()
    series = ReceiptSeries.objects.filter(kind=ReceiptSeries.Kind.RECEIPT, year=financial_year(today)).first()
    if series is None:
        series = ReceiptSeries(year=financial_year(today), prefix=Institute.objects.current().receipt_prefix)
    elif series.last_number >= series.first_number:
        messages.error(request, f"{series} has receipts already, so its numbers go on from {series.last_number + 1}.")
        return redirect("academics:institute")
    form = StartForm(request.POST or None, initial={"first_number": series.first_number})
    if form.is_valid():
        try:
            series = start_at(first_number=form.cleaned_data["first_number"], day=today)
        except ValidationError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, f"The first receipt will be {series.number(series.first_number)}.")
            return redirect("academics:institute")
    return render(
        request,
        "_form_page.html",
        {
            "form": form,
            "heading": "Where receipt numbers start",
            "lead": f"Until the first receipt of this financial year: now it would be {series.number(series.first_number)}.",
            "submit": "Save",
            "back": reverse("academics:institute"),
            "back_label": "Institute",
        },
    )
