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
from finance.documents import pdf, receipts
from finance.forms.receipts import PaperSizeForm
from finance.gst import SAC
from finance.models import Payment
from finance.services.receipt_prints import record_print

from .pdf_response import pdf_response

CHECK_LIMIT = throttling.Limit("receipt check: address", 60, datetime.timedelta(hours=1))


def receipt(request, pk):
    payment = get_object_or_404(Payment.objects.visible_to(request.user).for_receipt(), pk=pk)
    code = qr_svg(receipts.check_url(payment), title="QR code to check this receipt")
    institute = Institute.objects.cached()
    return render(
        request,
        "finance/receipts/detail.html",
        {
            "payment": payment,
            "student": payment.student,
            "tax": receipts.included_tax(payment),
            "sac": SAC,
            "reference": receipts.reference_label(payment),
            "clearing": receipts.clearing_note(payment),
            "refunds": receipts.refunds_of(payment),
            "whatsapp": receipts.receipt_whatsapp_link(payment, institute),
            "code": code,
        },
    )


@require_safe
def receipt_pdf(request, pk):
    """Send the receipt on A5, or A4 with ``?size=a4``; later prints are marked as duplicates."""
    form = PaperSizeForm(request.GET)
    if not form.is_valid():
        raise Http404("Receipts are printed on A5 or A4.")
    payment = get_object_or_404(Payment.objects.visible_to(request.user).for_receipt(), pk=pk)
    is_duplicate = request.method == "HEAD" or record_print(payment, by=request.user) > 1
    data = receipts.receipt_data(payment, is_duplicate=is_duplicate)
    content = pdf.receipt_pdf(data, paper=form.cleaned_data["size"])
    return pdf_response(content, f"receipt-{payment}")


@require_POST
def receipt_printed(request, pk):
    payment = get_object_or_404(Payment.objects.visible_to(request.user), pk=pk)
    record_print(payment, by=request.user)
    return HttpResponse(status=204)


@login_not_required
@never_cache
@throttling.throttled
def receipt_check(request, token):
    """Show whether a receipt is genuine, and nothing that is not printed on it."""
    throttling.count_tries((CHECK_LIMIT, throttling.client_address(request)))
    payments = Payment.objects.select_related("student__user", "reversal", "clearing")
    payment = payments.with_refunded().filter(pk=verification.payment_id_from_token(token)).first()
    first_name = payment.student.user.full_name.partition(" ")[0] if payment else ""
    return render(
        request,
        "finance/receipts/check.html",
        {"payment": payment, "first_name": first_name},
        status=200 if payment else 404,
    )
