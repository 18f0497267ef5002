"""Uploaded pictures, which are stored and served only as they are written anew here."""

import base64
import io
import struct
import zlib
from typing import NamedTuple

from django.core.exceptions import ValidationError
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ["PNG", "JPEG"]
MOST_BYTES = 1024 * 1024
#: What Pillow raises for damaged files, also for damaged EXIF.
_DAMAGED = (
    ArithmeticError, EOFError, LookupError, MemoryError, OSError, SyntaxError, TypeError,
    ValueError, struct.error, zlib.error,
)  # fmt: skip
#: The longest side. Checked in the head of the file: a small file can hold a huge picture.
MOST_PIXELS = 4000


#: A JPEG can repeat a scan of a few bytes, each of which is work for every pixel. Programs write
#: about ten.
MOST_SCANS = 100


class Picture(NamedTuple):
    png: bytes
    width: int
    height: int


def read_picture(file, *, fit_in):
    """Return an uploaded PNG or JPEG as a new PNG of at most ``fit_in`` (width, height).

    Only the pixels are kept: no metadata, and nothing that follows the picture in the file.
    Raise ValidationError if it is no such picture, or too large.
    """
    if file.size > MOST_BYTES:
        raise ValidationError("The file has more than 1 MB. Save the picture smaller.")
    if _has_many_scans(file.read()):
        raise ValidationError("The picture is too complicated. Save it again as PNG.")
    file.seek(0)
    try:
        return _read(file, fit_in)
    except UnidentifiedImageError:
        raise ValidationError("This is not a PNG or JPEG picture. Choose another file.") from None
    except Image.DecompressionBombError:
        raise _too_many_pixels() from None
    except _DAMAGED:
        message = "The picture is damaged. Open it in a picture program and save it again as PNG."
        raise ValidationError(message) from None


def _has_many_scans(content):
    # Within the data of a picture, FF is followed by other bytes than DA.
    return content.startswith(b"\xff\xd8") and content.count(b"\xff\xda") > MOST_SCANS


def _read(file, fit_in):
    with Image.open(file, formats=FORMATS) as opened:
        if max(opened.size) > MOST_PIXELS:
            raise _too_many_pixels()
        # As the camera was held, which the file says beside the pixels.
        upright = ImageOps.exif_transpose(opened)
        mode = "RGBA" if upright.has_transparency_data else "RGB"
        pixels = upright.convert(mode)
    pixels.thumbnail(fit_in)
    clean = Image.new(mode, pixels.size)
    clean.paste(pixels)
    out = io.BytesIO()
    clean.save(out, "PNG", optimize=True)
    return Picture(out.getvalue(), *clean.size)


def _too_many_pixels():
    return ValidationError(
        f"The picture has more than {MOST_PIXELS} pixels in width or height. Save it smaller."
    )


def png_as_svg(picture):
    """Return an SVG with the picture in it, for documents whose data are text."""
    encoded = base64.b64encode(picture.png).decode()
    size = f'width="{picture.width}" height="{picture.height}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
        f'<image {size} href="data:image/png;base64,{encoded}"/></svg>'
    )
