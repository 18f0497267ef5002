import datetime

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from academics.models import Institute
from accounts import throttling
from coachmaster.core.qr import qr_svg
from finance import verification
from finance.documents import pdf as pdf_pdf
from finance.documents import receipts
from finance.forms.receipts import PaperSizeForm
from finance.gst import SAC
from finance.models import Payment
from finance.services import receipt_prints

from .pdf_response import pdf_response


def receipt(request, pk):
    payment = get_object_or_404(Payment.objects.visible_to(request.user).for_receipt(), pk=pk)
    return render(
        request,
        "finance/receipts/detail.html",
        {
            "payment": payment,
            "student": payment.student,
            "tax": receipts.included_tax(payment),
            "sac": SAC,
            "reference": receipts.reference_label(payment),
            "refunds": receipts.refunds_of(payment),
            "whatsapp": receipts.receipt_whatsapp_link(payment, Institute.objects.cached()),
            "code": qr_svg(
                receipts.check_url(payment), title="QR code of the page that checks this receipt"
            ),
        },
    )


@require_safe
def receipt_pdf(request, pk):
    """The receipt on A5, or with ``?size=a4`` on A4; from the second printing on it says "Duplicate"."""
    form = PaperSizeForm(request.GET)
    if not form.is_valid():
        raise Http404("Receipts are printed on A5 or A4.")
    payment = get_object_or_404(Payment.objects.visible_to(request.user).for_receipt(), pk=pk)
    is_duplicate = (
        receipt_prints.record_print(payment, by=request.user) > 1
        if request.method == "GET"
        else True
    )
    data = receipts.receipt_data(payment, is_duplicate=is_duplicate)
    return pdf_response(
        pdf_pdf.receipt_pdf(data, paper=form.cleaned_data["size"]), f"receipt-{payment}"
    )


@require_POST
def receipt_printed(request, pk):
    """The page of the receipt is being printed: its script says so."""
    payment = get_object_or_404(Payment.objects.visible_to(request.user), pk=pk)
    receipt_prints.record_print(payment, by=request.user)
    return HttpResponse(status=204)


CHECKS = throttling.Limit("receipt check: address", 60, datetime.timedelta(hours=1))


@login_not_required
@never_cache
@throttling.throttled
def receipt_check(request, token):
    """Whether a receipt is genuine and stands, for anyone who holds it; it tells no more than the paper in their hand."""
    throttling.count_tries((CHECKS, throttling.client_address(request)))
    payments = Payment.objects.select_related("student__user", "reversal").with_refunded()
    payment = payments.filter(pk=verification.payment_id_from_token(token)).first()
    first_name = payment.student.user.full_name.partition(" ")[0] if payment else ""
    return render(
        request,
        "finance/receipts/check.html",
        {"payment": payment, "first_name": first_name},
        status=200 if payment else 404,
    )
