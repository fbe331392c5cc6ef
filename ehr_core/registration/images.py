"""A photo or a card as it may be stored: decoded, turned upright, made small and written anew without metadata."""

from __future__ import annotations

import base64
import binascii
import io
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

from ehr_core.kernel.errors import InvalidResource, Issue

LARGEST_FILE_BYTES = 10 * 1024 * 1024
MOST_PIXELS = 50_000_000
"""Of the picture that is sent: a small file can unpack to more memory than a server has."""
SMALLEST_SIDE = 48
PHOTO_SIDE, CARD_SIDE, BANNER_SIDE = 512, 1600, 96
"""Pixels of the longer side: a face and small print on a card as stored, and the face as the banner shows it."""
FORMATS = ("JPEG", "PNG")
STORED_TYPE, QUALITY = "image/jpeg", 85


def clean_image(data_base64: str, *, longest_side: int, field: str = "data_base64") -> bytes:
    """A JPEG of at most that size, without place, camera or time. Raises InvalidResource naming what is wrong."""
    sent = _decoded(data_base64, field)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(sent), formats=FORMATS)
            _check_size(picture, field)
            upright = ImageOps.exif_transpose(picture).convert("RGB")
    except InvalidResource:
        raise
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError, Warning):
        raise _refused(field, "This is not a picture that can be read. Send a JPEG or PNG file.") from None
    upright.thumbnail((longest_side, longest_side))
    made = io.BytesIO()
    upright.save(made, "JPEG", quality=QUALITY, optimize=True)
    return made.getvalue()


def _decoded(data_base64: str, field: str) -> bytes:
    try:
        sent = base64.b64decode(data_base64, validate=True)
    except (binascii.Error, ValueError):
        raise _refused(field, "The picture is not valid base64. Choose the file again.") from None
    if not sent:
        raise _refused(field, "The picture is empty. Choose the file again.")
    if len(sent) > LARGEST_FILE_BYTES:
        raise _refused(field, "The picture is larger than 10 MB. Take it at a lower resolution.")
    return sent


def _check_size(picture: Image.Image, field: str) -> None:
    if picture.width * picture.height > MOST_PIXELS:
        raise _refused(field, "The picture has more than 50 million pixels. Take it at a lower resolution.")
    if min(picture.size) < SMALLEST_SIDE:
        raise _refused(
            field, f"The picture is smaller than {SMALLEST_SIDE} pixels. Nobody could be known by it."
        )


def _refused(field: str, sentence: str) -> InvalidResource:
    return InvalidResource([Issue(field, sentence, "value")])
