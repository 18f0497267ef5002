import itertools

from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from academics.models import Batch, Institute
from accounts.models import student_or_404
from coachmaster.core.archives import zip_response
from coachmaster.core.exports import requested_export
from coachmaster.core.qr import qr_svg
from finance.documents import pdf as pdf_pdf
from finance.documents import statements
from finance.documents.pdf import safe_filename, statement_context, statement_pdfs
from finance.exports import STATEMENT

from .pdf_response import pdf_response


def statement(request, pk):
    """Everything that was charged, taken off, paid and given back until today, with the balance after each."""
    student = student_or_404(request.user, pk)
    data = statements.statement_data(student, Institute.objects.cached(), timezone.localdate())
    balances = itertools.accumulate(line.amount for line in data.lines)
    if file := requested_export(
        request,
        f"statement-{student.admission_number}",
        STATEMENT,
        zip(data.lines, balances, strict=True),
    ):
        return file
    return render(
        request,
        "finance/statements/detail.html",
        {
            "student": student,
            "statement": statement_context(data),
            "pay": data.upi,
            "code": qr_svg(data.upi.link, title="QR code to pay by UPI") if data.upi else "",
        },
    )


def statement_pdf(request, pk):
    """The same on paper."""
    student = student_or_404(request.user, pk)
    data = statements.statement_data(student, Institute.objects.cached(), timezone.localdate())
    return pdf_response(pdf_pdf.statement_pdf(data), f"statement-{student.admission_number}")


def batch_statements(request, pk):
    """The statements of all who are or were in a batch, as a ZIP of PDFs that is sent while it is made."""
    batch = get_object_or_404(Batch.objects.visible_to(request.user), pk=pk)
    today = timezone.localdate()
    made = statements.statements_of(
        statements.students_with_fees(batch=batch), Institute.objects.cached(), today
    )
    return zip_response(
        safe_filename(f"statements-{batch.code or batch.name}-{today}"), statement_pdfs(made)
    )
