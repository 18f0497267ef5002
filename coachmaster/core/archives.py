"""ZIP archives that are sent while their files are still being made."""

import zipfile
from collections.abc import Iterable, Iterator

from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header


class _WriteBuffer:
    def __init__(self):
        self._parts: list[bytes] = []

    def write(self, part: bytes) -> int:
        self._parts.append(bytes(part))
        return len(part)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def take(self):
        written = b"".join(self._parts)
        self._parts.clear()
        return written


def zip_chunks(files: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """Yield an uncompressed ZIP, one chunk a file. A repeated name gets a number."""
    buffer = _WriteBuffer()
    names: set[str] = set()
    now = timezone.localtime().timetuple()[:6]
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files:
            unique = _unique_name(name, names)
            names.add(unique)
            archive.writestr(zipfile.ZipInfo(unique, now), content)
            yield buffer.take()
    yield buffer.take()


def _unique_name(name, names):
    stem, dot, suffix = name.rpartition(".") if "." in name else (name, "", "")
    unique, count = name, 1
    while unique in names:
        count += 1
        unique = f"{stem}-{count}{dot}{suffix}"
    return unique


def zip_response(filename: str, files: Iterable[tuple[str, bytes]]) -> StreamingHttpResponse:
    response = StreamingHttpResponse(zip_chunks(files), content_type="application/zip")
    response["Content-Disposition"] = content_disposition_header(True, f"{filename}.zip")
    return response
