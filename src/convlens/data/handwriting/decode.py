"""Decode a photograph to colours. It may have any size, depth, transparency and rotation, and lack its last rows."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["MAX_PIXELS", "Colours", "Picture", "read_picture"]

Colours = NDArray[np.uint8]

MAX_PIXELS = 64_000_000
MOST_MISSING = 0.25  # the largest part of a JPEG's rows that may be missing at its end
# Only decoders that run inside Pillow. A decoder like EPS would run Ghostscript on an untrusted file.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
_DEPTHS = (8, 10, 12, 14, 16)  # bits that a camera or a scanner fills


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture: `pixels` uint8 (h, w, 3) in red, green, blue, and what the reader should know about it."""

    pixels: Colours
    remarks: tuple[str, ...] = ()


def read_picture(path: str | os.PathLike[str]) -> Picture:
    """Read the picture at `path`. Grey pictures have three equal channels.

    A file with several frames gives the first one. The EXIF orientation is applied. More than 8 bits are scaled to 8 by
    the smallest usual depth (8, 10, 12, 14, 16 bits) that holds the largest value; floating-point numbers outside 0 … 1
    by their own range. Transparent parts get the colour of the paper. If less than half of the picture is visible, the
    visible part counts as ink, and transparent parts become black or white, whichever is farther from the ink. A JPEG
    that lacks at most a quarter of its rows at its end is read, with a remark; its last row is repeated.

    Raises FileNotFoundError, or ValueError for a file that is not a whole picture of at most MAX_PIXELS. The text names
    `path`.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path, formats=_FORMATS) as image:
                _check_size(path, image.size)
                remarks = _load(image)
                if getattr(image, "n_frames", 1) > 1:
                    remarks += (f"the first of {image.n_frames} frames",)  # type: ignore[attr-defined]
                return Picture(_colours(ImageOps.exif_transpose(image)), remarks)
        except Image.DecompressionBombError:
            raise ValueError(f"{path} must have at most {MAX_PIXELS:,} pixels; it has over twice as many") from None
        except PermissionError:
            raise
        except _SizeError as error:
            raise ValueError(str(error)) from None
        except UnidentifiedImageError:
            raise ValueError(f"{path} must be a picture ({', '.join(_FORMATS)}); {_what_it_is(path)}") from None
        except Exception as error:  # on damaged bytes the decoders raise almost any exception
            reason = (str(error).splitlines() or [""])[0]
            raise ValueError(f"{path} must be a whole picture; {type(error).__name__}: {reason}") from None


class _SizeError(ValueError):
    """The picture has too many pixels. It has its own type, so that it can be distinguished from the errors of the
    decoders."""


def _check_size(path: Path, size: tuple[int, int]) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        raise _SizeError(f"{path} must have at most {MAX_PIXELS:,} pixels; got {size[0]} x {size[1]}")


def _load(image: Image.Image) -> tuple[str, ...]:
    """Decode the pixels. In a JPEG that is cut off, repeat the last row that is there; OSError if too much is missing.

    Pillow leaves the rows that it could not decode at 0.
    """
    try:
        image.load()
        return ()
    except OSError as error:
        if image.format != "JPEG" or "truncated" not in str(error):
            raise
    image.tile = []  # type: ignore[attr-defined]  # nothing is left to decode: what is there can be read
    level = np.asarray(image)
    there = np.flatnonzero(level.reshape(len(level), -1).any(axis=1))
    rows = int(there[-1]) + 1 if there.size else 0
    missing = 1 - rows / len(level)
    if missing > MOST_MISSING:
        raise OSError(f"the file is cut off: {missing:.0%} of its rows are missing")
    from PIL import Image

    last = np.repeat(level[rows - 1 : rows], len(level) - rows, axis=0)
    if last.size:
        image.paste(Image.fromarray(last, image.mode), (0, rows))
    return (f"the file is cut off: {missing:.0%} of its rows are missing",)


def _colours(image: Image.Image) -> Colours:
    if image.mode == "F" or image.mode.startswith("I"):
        return _three(_deep(np.asarray(image, dtype=np.float64)))
    if not image.has_transparency_data:
        return _three(np.asarray(image)) if image.mode == "L" else np.asarray(image.convert("RGB"))
    pixels = np.asarray(image.convert("RGBA"), dtype=np.float64)
    colour, alpha = pixels[..., :3], pixels[..., 3:] / 255
    seen = colour[alpha[..., 0] > 0]
    if not len(seen):
        return np.zeros(colour.shape, np.uint8)
    fill = np.median(seen, axis=0)
    if len(seen) < alpha.size / 2:
        fill = np.full(3, 255.0 if fill.mean() < 128 else 0.0)
    return _rounded(alpha * colour + (1 - alpha) * fill)


def _three(grey: NDArray[np.uint8]) -> Colours:
    return np.repeat(grey[..., np.newaxis], 3, axis=-1)


def _deep(level: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Convert more than 8 bits per pixel to 8."""
    if not np.isfinite(level).all():
        raise ValueError("its pixels must be finite numbers; some are not")
    low, high = float(level.min()), float(level.max())
    whole = not (level % 1).any()
    if low >= 0 and whole and high >= 2 and high < 2 ** _DEPTHS[-1]:
        bits = next(bits for bits in _DEPTHS if high < 2**bits)
        return _rounded(level * (255 / (2**bits - 1)))
    if low < 0 or high > 1:
        level = (level - low) / max(high - low, np.finfo(float).tiny)
    return _rounded(level * 255)


def _rounded(level: NDArray[Any]) -> NDArray[np.uint8]:
    rounded: NDArray[np.uint8] = np.rint(level).clip(0, 255).astype(np.uint8)
    return rounded


def _what_it_is(path: Path) -> str:
    """Say what a file is that is not one of the formats, and what to do."""
    with path.open("rb") as file:
        head = file.read(1024)
    if head[4:8] == b"ftyp":
        kind = "AVIF" if head[8:12] in (b"avif", b"avis") else "HEIC"
        tool = f"heif-convert {path.name} picture.jpg` (Debian package libheif-examples)"
    elif head.startswith(b"%PDF"):
        kind, tool = "PDF", f"pdftoppm -png -r 150 {path.name} page` (Debian package poppler-utils)"
    elif b"<svg" in head.lower():
        kind, tool = "SVG", f"rsvg-convert {path.name} -o picture.png` (Debian package librsvg2-bin)"
    else:
        return "it is not one"
    return f"it is {kind}: convert it first, for example with `{tool}"
