import io
import zipfile

from coachmaster.core.archives import zip_chunks, zip_response


def opened(files):
    return zipfile.ZipFile(io.BytesIO(b"".join(zip_chunks(files))))


def test_zip_contains_every_file():
    archive = opened([("a.pdf", b"first"), ("आरव.pdf", b"\0" * 5000)])
    assert archive.testzip() is None
    assert {name: archive.read(name) for name in archive.namelist()} == {
        "a.pdf": b"first",
        "आरव.pdf": b"\0" * 5000,
    }


def test_repeated_name_is_numbered():
    assert opened(
        [("a.b.pdf", b""), ("a.b.pdf", b""), ("a.b.pdf", b""), ("c", b""), ("c", b"")]
    ).namelist() == [
        "a.b.pdf",
        "a.b-2.pdf",
        "a.b-3.pdf",
        "c",
        "c-2",
    ]


def test_zip_without_files_is_valid():
    assert opened([]).namelist() == []


def test_each_file_is_sent_before_the_next_is_made():
    made = []
    chunks = zip_chunks(
        (made.append(number) or f"{number}.pdf", b"x" * 100) for number in range(10)
    )
    assert b"x" * 100 in next(chunks)
    assert made == [0]


def test_zip_response_has_the_given_name():
    answer = zip_response("statements-2026-04-05", [("a.pdf", b"first")])
    assert answer["Content-Type"] == "application/zip"
    assert answer["Content-Disposition"] == 'attachment; filename="statements-2026-04-05.zip"'
    assert zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))).read("a.pdf") == b"first"
