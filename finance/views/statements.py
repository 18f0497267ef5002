import itertools

from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from academics.models import Batch, Institute
from accounts.models import student_or_404
from coachmaster.core.archives import zip_response
from coachmaster.core.exports import requested_export
from coachmaster.core.logs import log_event
from coachmaster.core.qr import qr_svg
from finance.documents import pdf, statements
from finance.exports import STATEMENT

from .pdf_response import pdf_response


def statement(request, pk):
    student = student_or_404(request.user, pk)
    data = _statement_data(student)
    balances = itertools.accumulate(line.amount for line in data.lines)
    rows = zip(data.lines, balances, strict=True)
    if file := requested_export(request, f"statement-{student.admission_number}", STATEMENT, rows):
        return file
    return render(
        request,
        "finance/statements/detail.html",
        {
            "student": student,
            "statement": pdf.statement_context(data),
            "pay": data.upi,
            "code": qr_svg(data.upi.link, title="QR code to pay by UPI") if data.upi else "",
        },
    )


def _statement_data(student):
    institute = Institute.objects.cached()
    return statements.statement_data(student, institute, timezone.localdate())


def statement_pdf(request, pk):
    student = student_or_404(request.user, pk)
    content = pdf.statement_pdf(_statement_data(student))
    return pdf_response(content, f"statement-{student.admission_number}")


def batch_statements(request, pk):
    """Stream a ZIP with the statements of all past and present students of a batch."""
    batch = get_object_or_404(Batch.objects.visible_to(request.user), pk=pk)
    today = timezone.localdate()
    students = statements.students_with_fees(batch=batch)
    data = statements.statements_of(students, Institute.objects.cached(), today)
    log_event("statements exported", batch=batch.pk)
    name = pdf.safe_filename(f"statements-{batch.code or batch.name}-{today}")
    return zip_response(name, pdf.statement_pdfs(data))
