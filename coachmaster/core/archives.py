"""Many files as one ZIP that is sent while they are still being made."""

import zipfile
from collections.abc import Iterable, Iterator

from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header


class _Outlet:
    """A file that only takes: what was written to it is handed on and forgotten."""

    def __init__(self):
        self._written: list[bytes] = []

    def write(self, part: bytes) -> int:
        self._written.append(bytes(part))
        return len(part)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def take(self):
        taken = b"".join(self._written)
        self._written.clear()
        return taken


def zip_chunks(files: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """The ZIP of ``files`` (pairs of a name and the content) in chunks, one a file; no more than one is held at a time.

    They are stored as they are: a PDF is compressed already. A name that comes twice is numbered the second time.
    """
    outlet = _Outlet()
    names: set[str] = set()
    now = timezone.localtime().timetuple()[:6]
    with zipfile.ZipFile(outlet, "w") as archive:
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(_free(name, names), now), content)
            yield outlet.take()
    yield outlet.take()


def _free(name, names):
    """``name``, or with a number before its suffix when it is among the ``names`` already; it is then among them."""
    stem, dot, suffix = name.rpartition(".") if "." in name else (name, "", "")
    free, count = name, 1
    while free in names:
        count += 1
        free = f"{stem}-{count}{dot}{suffix}"
    names.add(free)
    return free


def zip_response(name: str, files: Iterable[tuple[str, bytes]]) -> StreamingHttpResponse:
    """The response that downloads ``files`` as ``name``.zip; the name is the server's own."""
    answer = StreamingHttpResponse(zip_chunks(files), content_type="application/zip")
    answer["Content-Disposition"] = content_disposition_header(True, f"{name}.zip")
    return answer
