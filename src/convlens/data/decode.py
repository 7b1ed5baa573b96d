"""Decode a picture of any colour to uint8 (h, w, c), as a data set needs it: grey or RGB, transparent parts white."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["MAX_PIXELS", "BrokenPictureError", "Header", "decode", "decoders", "read_header"]

MAX_PIXELS = 64_000_000
# Only decoders that run inside Pillow. A decoder like EPS would run Ghostscript on an untrusted file.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
_GREY = ("1", "L", "LA", "La", "F")
_ORIENTATION = 0x0112
_DEPTHS = (255, 1023, 4095, 65535)  # the largest levels of 8, 10, 12 and 16 bits


class BrokenPictureError(ValueError):
    """The bytes are not a whole picture that can be decoded. The text says why and goes after the picture's name."""


class Header(NamedTuple):
    """What a picture is, without decoding it: its size as it is seen, and whether it is stored in colour."""

    h: int
    w: int
    colour: bool


def read_header(content: bytes) -> Header:
    """Return the size and colour of the picture in `content` from its header.

    Raises BrokenPictureError for bytes that are not a picture, and for a picture of more than MAX_PIXELS.
    """
    with _open(content) as image:
        w, h = image.size
        if (image.format != "PNG" or "exif" in image.info) and image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8):
            h, w = w, h
        return Header(h, w, not (image.mode in _GREY or image.mode.startswith("I")))


def decode(content: bytes, size: tuple[int, int], *, colour: bool, resize: bool = False) -> NDArray[np.uint8]:
    """Return the picture in `content` as uint8 (h, w, 3), or (h, w, 1) if `colour` is false.

    The first frame counts. The EXIF orientation is applied. Transparent parts show white. More than 8 bits are divided
    down to 8. size: (h, w). With `resize`, the picture is stretched to it (bilinear, over all pixels that a new pixel
    covers); otherwise it must have it.

    Raises BrokenPictureError for bytes that are not a whole picture of that size.
    """
    h, w = size
    with _open(content) as image:
        try:
            if resize and image.format == "JPEG":
                image.draft(None, (2 * w, 2 * h))
            image.load()
            plain = _oriented(_plain(image, "RGB" if colour else "L"), image.getexif().get(_ORIENTATION, 1))
            if resize and plain.size != (w, h):
                from PIL import Image

                plain = plain.resize((w, h), Image.Resampling.BILINEAR)
        except Exception as error:  # on damaged bytes the decoders raise almost any exception
            raise BrokenPictureError(f"is cut off or damaged ({_reason(error)})") from None
        if plain.size != (w, h):
            raise BrokenPictureError(f"is {plain.size[0]} x {plain.size[1]} pixels, but its header says {w} x {h}")
        return np.asarray(plain).reshape(h, w, 3 if colour else 1)


def decoders() -> str:
    """Return the versions of Pillow and of the libraries that decode for it; equal ones decode equal pixels."""
    import PIL
    from PIL import features

    names = ("jpg", "libjpeg_turbo", "jpg_2000", "libtiff", "webp", "zlib")
    found = [f"{name} {version}" for name in names if (version := features.version(name))]
    return ", ".join([f"Pillow {PIL.__version__}", *found])


def _open(content: bytes) -> Image.Image:
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(content), formats=_FORMATS)
    except UnidentifiedImageError:
        raise BrokenPictureError(_no_picture(content)) from None
    except Image.DecompressionBombError:
        raise BrokenPictureError(f"has more than twice the {MAX_PIXELS:,} pixels that a picture may have") from None
    except Exception as error:  # on damaged bytes the decoders raise almost any exception
        raise BrokenPictureError(f"is cut off or damaged ({_reason(error)})") from None
    if image.size[0] * image.size[1] > MAX_PIXELS:
        raise BrokenPictureError(f"has {image.size[0]} x {image.size[1]} pixels, more than {MAX_PIXELS:,}")
    return image


def _no_picture(content: bytes) -> str:
    from convlens.data.file_kinds import HEAD, PICTURES, kind_of

    kind = kind_of(content[:HEAD])
    if kind == "empty":
        return "is empty"
    if kind == "heic":
        return "is a HEIC or AVIF picture: convert it to PNG or JPEG"
    return "is cut off or damaged" if kind in PICTURES else f"is no picture ({', '.join(_FORMATS)})"


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0] or type(error).__name__


def _plain(image: Image.Image, mode: str) -> Image.Image:
    """Return the image in mode "L" or "RGB"."""
    from PIL import Image

    if image.mode == "F" or image.mode.startswith("I"):
        return Image.fromarray(_eight_bits(np.asarray(image, dtype=np.float64))).convert(mode)
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", colours.size, "white"), colours).convert("RGB")
    elif image.mode not in ("L", "RGB"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    return image if image.mode == mode else image.convert(mode)


def _eight_bits(level: NDArray[Any]) -> NDArray[np.uint8]:
    """Return grey levels as 8 bits: divided down from the least of 8, 10, 12 and 16 bits that holds them.

    Levels outside 0 … 65535 and fractions are scaled to their own range.
    """
    if not np.isfinite(level).all():
        raise ValueError("its pixels must be finite numbers")
    low, high = float(level.min()), float(level.max())
    if low < 0 or high > _DEPTHS[-1] or (level % 1).any():
        level, high = (level - low) / max(high - low, np.finfo(float).tiny), 1.0
        return np.rint(level * 255).astype(np.uint8)
    top = next(depth for depth in _DEPTHS if high <= depth)
    return np.rint(level * (255 / top)).astype(np.uint8)


def _oriented(image: Image.Image, orientation: int) -> Image.Image:
    """Return the image turned as the EXIF orientation (1 … 8) says."""
    from PIL import Image

    turn = Image.Transpose
    turns = {
        2: turn.FLIP_LEFT_RIGHT,
        3: turn.ROTATE_180,
        4: turn.FLIP_TOP_BOTTOM,
        5: turn.TRANSPOSE,
        6: turn.ROTATE_270,
        7: turn.TRANSVERSE,
        8: turn.ROTATE_90,
    }
    return image.transpose(turns[orientation]) if orientation in turns else image
