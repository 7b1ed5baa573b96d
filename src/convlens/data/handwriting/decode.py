"""Decode a photograph to colours. It may have any size, depth, transparency and rotation, and lack its last rows."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from convlens.data.handwriting.cut_off import loaded
from convlens.data.handwriting.ink import CONTRAST

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["MAX_PIXELS", "Colours", "Picture", "read_picture"]

Colours = NDArray[np.uint8]

MAX_PIXELS = 64_000_000
# Only decoders that run inside Pillow. A decoder like EPS would run Ghostscript on an untrusted file.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
_DEPTHS = (8, 10, 12, 14, 16)  # bits that a camera or a scanner fills
_HALVES = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L"}  # Pillow's names for the upper and the lower bytes of 16 bits
_FRAMES = 50  # so many frames are looked at, when the first is blank


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture: `pixels` uint8 (h, w, 3) in red, green, blue, and what the reader should know about it."""

    pixels: Colours
    remarks: tuple[str, ...] = ()


def read_picture(path: str | os.PathLike[str]) -> Picture:
    """Read the picture at `path`. Grey pictures have three equal channels.

    A file with several frames gives the first one that is not blank. The EXIF orientation is applied. More than 8 bits
    are scaled to 8 by the smallest usual depth (8, 10, 12, 14, 16 bits) that holds the largest value; floating-point
    numbers outside 0 … 1 by their own range. Transparent parts get the colour of the paper. If less than half of the
    picture is visible, the visible part counts as ink, and transparent parts become black or white, whichever is
    farther from the ink. A JPEG that lacks at most a quarter of its rows at its end is read, with a remark; its last
    row is repeated. A progressive JPEG is read, with a remark, if its first scan, the coarsest, is whole.

    Raises FileNotFoundError, IsADirectoryError, or ValueError for a file that is not a whole picture of at most
    MAX_PIXELS. The text names `path`.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} must be a picture; it is a folder")
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path, formats=_FORMATS) as image:
                _check_size(path, image.size)
                whole, remarks = loaded(path, image) if not _deep_colour(image) else (_all_bits(path, image), ())
                frames = getattr(whole, "n_frames", 1)
                if frames > 1:
                    return _first_shown(whole, frames, remarks)
                return Picture(_colours(ImageOps.exif_transpose(whole)), remarks)
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


def _first_shown(image: Image.Image, frames: int, remarks: tuple[str, ...]) -> Picture:
    """Return the first frame that is not blank; the first one if all are."""
    from PIL import ImageOps

    first: Colours | None = None
    for k in range(min(frames, _FRAMES)):
        image.seek(k)
        pixels = _colours(ImageOps.exif_transpose(image))
        first = pixels if first is None else first
        if int(np.ptp(pixels, axis=(0, 1)).max()) >= CONTRAST:
            if k == 0:
                break
            return Picture(pixels, (*remarks, f"frame {k + 1} of {frames}, the first that is not blank"))
    assert first is not None
    return Picture(first, (*remarks, f"the first of {frames} frames"))


def _deep_colour(image: Image.Image) -> bool:
    """Whether the file is a PNG in colour with 16 bits, of which Pillow keeps the upper 8."""
    tile = getattr(image, "tile", [])
    return image.format == "PNG" and len(tile) == 1 and tile[0].args in _HALVES


def _all_bits(path: Path, image: Image.Image) -> Image.Image:
    """Return a PNG in colour of 16 bits as 8 bits, from the smallest depth that holds its levels.

    The lower halves are decoded a second time, as if the two bytes of each level were swapped.
    """
    from PIL import Image

    halves = _HALVES[image.tile[0].args]  # type: ignore[attr-defined]
    image.load()
    upper = np.asarray(image)
    alpha = 3 if upper.shape[2] == 4 else None
    if upper[..., :alpha].max() >= 2 ** (_DEPTHS[-2] - 8):  # 16 bits are used: the upper halves tell all
        return image
    with Image.open(path, formats=("PNG",)) as again:
        again.tile = [again.tile[0]._replace(args=halves)]
        level = upper.astype(np.float64) * 256 + np.asarray(again)
    out = upper.copy()
    out[..., :3] = _deep(level[..., :3])
    if alpha is not None:
        out[..., 3] = _deep(level[..., 3])
    whole = Image.fromarray(out)
    whole.info = image.info  # the orientation
    return whole


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
