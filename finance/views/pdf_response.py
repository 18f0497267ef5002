from django.http import HttpResponse
from django.utils.http import content_disposition_header

from finance.documents.pdf import safe_filename


def pdf_response(content, name):
    """Return a response that shows a PDF in the browser; ``name`` is its file name if saved."""
    disposition = content_disposition_header(False, f"{safe_filename(name)}.pdf")
    return HttpResponse(
        content, content_type="application/pdf", headers={"Content-Disposition": disposition}
    )
