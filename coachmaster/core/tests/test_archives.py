"""Many files as one ZIP."""

import io
import zipfile

from coachmaster.core.archives import zip_chunks, zip_response


def opened(files):
    return zipfile.ZipFile(io.BytesIO(b"".join(zip_chunks(files))))


def test_a_zip_gives_every_file_back():
    archive = opened([("a.pdf", b"first"), ("आरव.pdf", b"\0" * 5000)])
    assert archive.testzip() is None
    assert {name: archive.read(name) for name in archive.namelist()} == {
        "a.pdf": b"first",
        "आरव.pdf": b"\0" * 5000,
    }


def test_a_name_that_comes_again_is_numbered():
    assert opened(
        [("a.b.pdf", b""), ("a.b.pdf", b""), ("a.b.pdf", b""), ("c", b""), ("c", b"")]
    ).namelist() == [
        "a.b.pdf",
        "a.b-2.pdf",
        "a.b-3.pdf",
        "c",
        "c-2",
    ]


def test_a_zip_of_nothing_is_a_zip():
    assert opened([]).namelist() == []


def test_a_file_is_sent_before_the_next_is_made():
    made = []
    chunks = zip_chunks(
        (made.append(number) or f"{number}.pdf", b"x" * 100) for number in range(10)
    )
    assert b"x" * 100 in next(chunks)
    assert made == [0]


def test_the_zip_is_downloaded_under_the_servers_name():
    answer = zip_response("statements-2026-04-05", [("a.pdf", b"first")])
    assert answer["Content-Type"] == "application/zip"
    assert answer["Content-Disposition"] == 'attachment; filename="statements-2026-04-05.zip"'
    assert zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))).read("a.pdf") == b"first"
