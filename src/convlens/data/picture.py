"""Decode picture files to grey pixels. They may have any size, colours, bit depth, transparency and rotation."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["MAX_PIXELS", "Grey", "read_grey"]

Grey = NDArray[np.uint8]

MAX_PIXELS = 64_000_000
# Only decoders that run inside Pillow. A decoder like EPS would run Ghostscript on an untrusted file.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")


def read_grey(path: str | os.PathLike[str]) -> Grey:
    """Read the picture at `path` as grey levels from 0 (black) to 255, uint8 (h, w), as Pillow decodes it.

    A file with several frames gives the first one. The EXIF orientation is applied. 16 bits are rounded to 8.
    Transparent parts get the colour of the paper. If less than half of the picture is visible, the visible part counts
    as ink, and transparent parts become black or white, whichever is farther from the ink.

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
                return _grey(ImageOps.exif_transpose(image))
        except Image.DecompressionBombError:
            raise ValueError(f"{path} must have at most {MAX_PIXELS:,} pixels; it has over twice as many") from None
        except PermissionError:
            raise
        except _SizeError as error:
            raise ValueError(str(error)) from None
        except UnidentifiedImageError:
            raise ValueError(f"{path} must be a picture ({', '.join(_FORMATS)}); it is not one") from None
        except Exception as error:  # on damaged bytes the decoders raise almost any exception
            reason = (str(error).splitlines() or [""])[0]
            raise ValueError(f"{path} must be a whole picture; {type(error).__name__}: {reason}") from None


class _SizeError(ValueError):
    """The picture has too many pixels. It has its own type, so that it can be distinguished from the errors of the
    decoders."""


def _check_size(path: Path, size: tuple[int, int]) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        raise _SizeError(f"{path} must have at most {MAX_PIXELS:,} pixels; got {size[0]} x {size[1]}")


def _grey(image: Image.Image) -> Grey:
    if image.mode == "F" or image.mode.startswith("I"):
        return _deep(np.asarray(image, dtype=np.float64))
    if not image.has_transparency_data:
        return np.asarray(image.convert("RGB").convert("L") if image.mode != "L" else image)
    colours = image.convert("RGBA")
    level = np.asarray(colours.convert("RGB").convert("L"), dtype=np.float64)
    alpha = np.asarray(colours.getchannel("A"), dtype=np.float64) / 255
    seen = level[alpha > 0]
    if not seen.size:
        return np.zeros(level.shape, np.uint8)
    fill = float(np.median(seen))
    if seen.size < level.size / 2:
        fill = 255.0 if fill < 128 else 0.0
    return _rounded(alpha * level + (1 - alpha) * fill)


def _deep(level: NDArray[np.float64]) -> Grey:
    """Convert more than 8 bits per pixel to 8. 16-bit levels are divided by 257, others scaled to their own range."""
    if not np.isfinite(level).all():
        raise ValueError("its pixels must be finite numbers; some are not")
    low, high = float(level.min()), float(level.max())
    if low < 0 or high > 65535 or (level % 1).any():
        level = (level - low) / max(high - low, np.finfo(float).tiny) * 65535
    return _rounded(level / 257)


def _rounded(level: NDArray[Any]) -> Grey:
    grey: Grey = np.rint(level).clip(0, 255).astype(np.uint8)
    return grey
