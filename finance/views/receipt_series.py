from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from academics.models import Institute
from coachmaster.core.dates import financial_year
from coachmaster.core.forms import add_errors
from coachmaster.core.views import form_page
from finance.forms.receipt_series import ReceiptStartForm
from finance.models import ReceiptSeries
from finance.services.receipt_series import start_series


def receipt_start(request):
    """Set the first receipt number of this financial year, or show the next one."""
    today = timezone.localdate()
    year = financial_year(today)
    series = ReceiptSeries.objects.filter(kind=ReceiptSeries.Kind.RECEIPT, year=year).first()
    if series is None:
        series = ReceiptSeries(year=year, prefix=Institute.objects.current().receipt_prefix)
    elif request.method != "POST" and series.last_number >= series.first_number:
        numbers = {
            "First receipt of this financial year": series.number(series.first_number),
            "Last receipt": series.number(series.last_number),
            "Next receipt": series.number(series.last_number + 1),
        }
        return render(request, "finance/receipt_series/detail.html", {"numbers": numbers})
    form = ReceiptStartForm(request.POST or None, initial={"first_number": series.first_number})
    if form.is_valid():
        try:
            series = start_series(first_number=form.cleaned_data["first_number"], day=today)
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            number = series.number(series.first_number)
            messages.success(request, f"The first receipt will be {number}.")
            return redirect("academics:institute")
    return form_page(
        request,
        form,
        title="First receipt number",
        lead=f"Can be changed until the first receipt of this financial year. "
        f"Now: {series.number(series.first_number)}.",
        back=reverse("academics:institute"),
        back_label="Institute",
    )
