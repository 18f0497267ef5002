import datetime
import io
import struct
import zlib

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone
from PIL import Image, PngImagePlugin

from academics.models import Institute, Logo
from finance import checks
from finance.models import Letterhead
from finance.tests.factories import paid

pytestmark = pytest.mark.django_db
PAGE = reverse("academics:logo-update")
NOT_A_PICTURE = "This is not a PNG or JPEG picture. Choose another file."
DAMAGED = "The picture is damaged. Open it in a picture program and save it again as PNG."
TOO_WIDE = "The picture has more than 4000 pixels in width or height. Save it smaller."


def picture(file_format="PNG", size=(300, 100), mode="RGB", color="#3451b2", **options):
    out = io.BytesIO()
    Image.new(mode, size, color).save(out, file_format, **options)
    return out.getvalue()


def chunk(kind, content):
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def huge_png(width, height):
    """A few bytes that claim to be a picture of this size."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def with_scans(count):
    """A JPEG that repeats its last scan."""
    content = picture("JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * count + content[-2:]


def with_text_as_resolution():
    """A JPEG that was held upright, whose EXIF has text where a number belongs."""
    held = struct.pack("<HHII", 0x0112, 3, 1, 6)
    resolution = struct.pack("<HHI4s", 0x011A, 2, 4, b"abc\0")
    entries = struct.pack("<H", 2) + held + resolution + struct.pack("<I", 0)
    return picture("JPEG", exif=b"Exif\0\0II*\0" + struct.pack("<I", 8) + entries)


def upload(client, content, name="logo.png"):
    return client.post(PAGE, {"file": SimpleUploadedFile(name, content)})


def stored():
    """Return the bytes of the current logo, as they are served."""
    return bytes(Logo.objects.get(digest=Institute.objects.current().logo).png)


@pytest.mark.parametrize("file_format, mode", [("PNG", "RGB"), ("PNG", "P"), ("JPEG", "CMYK")])
def test_logo_is_written_anew_and_served_as_png(client_of, admin, file_format, mode):
    client, sent = client_of(admin), picture(file_format, mode=mode, color=0)

    assert upload(client, sent).status_code == 302

    served = client.get(Logo.objects.get().get_absolute_url())
    assert served.content == stored() != sent
    assert served["Content-Type"] == "image/png"
    assert served["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in served["Content-Security-Policy"]
    assert "private" in served["Cache-Control"]
    with Image.open(io.BytesIO(served.content)) as image:
        assert (image.format, image.size) == ("PNG", (300, 100))


def test_large_picture_is_made_smaller_and_transparency_stays(client_of, admin):
    upload(client_of(admin), picture(size=(3000, 1000), mode="RGBA", color=(255, 0, 0, 0)))

    with Image.open(io.BytesIO(stored())) as image:
        assert (image.size, image.mode, image.getpixel((0, 0))[3]) == ((600, 200), "RGBA", 0)


def test_nothing_but_the_pixels_is_kept(client_of, admin):
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "Home at 18.52 N", 6  # description; turned by 90°
    jpeg = picture("JPEG", size=(40, 20), exif=exif.tobytes(), comment=b"secret comment")
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", "secret author")
    png = picture(pnginfo=texts, icc_profile=b"secret profile") + b"<script>secret tail</script>"
    client = client_of(admin)

    upload(client, jpeg)
    turned = stored()
    upload(client, png)

    assert b"Home at" not in turned and b"secret" not in turned + stored()
    with Image.open(io.BytesIO(turned)) as image:
        assert image.size == (20, 40)


HOSTILE = {
    "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', NOT_A_PICTURE),
    "GIF": (picture("GIF"), NOT_A_PICTURE),
    "GIF that is a script too": (b"GIF89a/*" + picture("GIF")[8:] + b"*/=1;", NOT_A_PICTURE),
    "TIFF": (picture("TIFF"), NOT_A_PICTURE),
    "HTML": (b"<!doctype html><script>alert(1)</script>", NOT_A_PICTURE),
    "ZIP": (b"PK\x03\x04" + b"\0" * 100, NOT_A_PICTURE),
    "20000 x 20000": (huge_png(20_000, 20_000), TOO_WIDE),
    "4001 x 1": (huge_png(4001, 1), TOO_WIDE),
    "0 x 0": (huge_png(0, 0), NOT_A_PICTURE),
    "truncated PNG": (picture(size=(500, 500), mode="RGB")[:200], DAMAGED),
    "truncated JPEG": (picture("JPEG", size=(500, 500))[:-3000], DAMAGED),
    "text in the EXIF where a number belongs": (with_text_as_resolution(), DAMAGED),
    "a thousand scans": (
        with_scans(1000),
        "The picture is too complicated. Save it again as PNG.",
    ),
    "rows missing": (huge_png(2000, 2000), DAMAGED),
    "head only": (b"\x89PNG\r\n\x1a\n", NOT_A_PICTURE),
    "2 MB": (
        picture() + b"\0" * 2_000_000,
        "The file has more than 1 MB. Save the picture smaller.",
    ),
    "empty": (b"", "The file is empty."),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_other_files_are_refused(client_of, admin, name):
    content, message = HOSTILE[name]

    answer = upload(client_of(admin), content)

    assert answer.context["form"].errors["file"] == [message]
    assert (Logo.objects.count(), Institute.objects.current().logo) == (0, "")


def test_logo_of_the_scans_that_programs_write_is_taken(client_of, admin):
    upload(client_of(admin), picture("JPEG", progressive=True))

    assert Logo.objects.count() == 1


def test_logo_is_changed_at_most_twenty_times_an_hour(client_of, admin, time_machine):
    client = client_of(admin)
    for number in range(20):
        upload(client, picture(color=(number, 0, 0)))

    answer = upload(client, picture(color=(99, 0, 0)))

    assert "The logo was changed 20 times in an hour. Try again later." in answer.content.decode()
    assert Logo.objects.count() == 20
    time_machine.move_to(timezone.now() + datetime.timedelta(hours=1, minutes=1))
    upload(client_of(admin), picture(color=(99, 0, 0)))
    assert Logo.objects.count() == 21


def test_form_without_a_file_is_refused(client_of, admin):
    answer = client_of(admin).post(PAGE, {})

    assert answer.context["form"].errors["file"] == ["Choose a file."]


def test_logo_is_seen_by_everybody_who_is_signed_in(client, client_of, admin, student):
    upload(client_of(admin), picture())
    path = Logo.objects.get().get_absolute_url()

    assert client_of(student.user).get(path).status_code == 200
    client.logout()
    assert client.get(path).status_code == 302
    assert client_of(admin).get(reverse("academics:logo", args=["0" * 64])).status_code == 404
    assert client_of(admin).post(path).status_code == 405


def test_logo_is_changed_by_those_who_edit_the_institute(client_of, student, instructor):
    for user in (student.user, instructor):
        assert upload(client_of(user), picture()).status_code == 403
        assert client_of(user).post(reverse("academics:logo-remove")).status_code == 403
    assert not Logo.objects.exists()


def test_removed_logo_stays_stored_and_the_change_is_in_the_history(client_of, admin):
    client = client_of(admin)
    upload(client, picture())
    upload(client, picture())  # the same again changes nothing
    shown = client.get(PAGE).content.decode()

    client.post(reverse("academics:logo-remove"))

    logo = Logo.objects.get()
    assert f'src="{logo.get_absolute_url()}"' in shown
    assert logo.digest not in client.get(PAGE).content.decode()
    reasons = Institute.history.order_by("-history_id").values_list(
        "history_change_reason", "history_user"
    )
    assert list(reasons[:2]) == [("Logo removed", admin.pk), ("Logo changed", admin.pk)]
    assert "Logo removed" in client.get(reverse("academics:institute")).content.decode()


def test_verify_reports_a_logo_that_is_missing_or_changed(student):
    Logo.objects.create(digest="0" * 64, png=b"png", width=1, height=1)
    Institute.objects.update(logo="1" * 64)
    cache.clear()
    paid(student=student, amount="1.00")

    assert list(checks.logos()) == [
        f"Logo {Logo.objects.get().pk}: the picture is not the one that was stored.",
        f"Letterhead {Letterhead.objects.get().pk}: its logo is missing.",
        "The institute: its logo is missing.",
    ]
