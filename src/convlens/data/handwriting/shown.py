"""Draw what a network sees of a picture: the digits that were found in a photograph, or the whole picture."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from convlens.data.handwriting.decode import read_picture
from convlens.data.handwriting.digits import Found
from convlens.storage.atomic import atomic_write

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["blocks", "draw", "draw_input"]

_SIDE, _GAP = 280, 8
_INK = 0.35  # in block characters, a pixel at least this light is ink


def draw(photo: str | os.PathLike[str], found: Sequence[Found], path: Path) -> None:
    """Write a PNG at `path`: the photograph with a red box around each digit, then the digits as (28, 28) enlarged."""
    from PIL import Image, ImageDraw

    pixels = read_picture(photo).pixels
    scale = _SIDE / pixels.shape[0]
    width = min(4 * _SIDE, max(1, round(pixels.shape[1] * scale)))
    sheet = Image.new("RGB", (width + len(found) * (_SIDE + _GAP), _SIDE), "white")
    picture = Image.fromarray(pixels).resize((width, _SIDE), Image.Resampling.BILINEAR)
    pen = ImageDraw.Draw(picture)
    across = width / pixels.shape[1]
    for digit in found:
        top, left, bottom, right = digit.box
        pen.rectangle((left * across - 2, top * scale - 2, right * across + 1, bottom * scale + 1), outline=(220, 0, 0))
    sheet.paste(picture, (0, 0))
    for k, digit in enumerate(found):
        level = Image.fromarray(np.rint(digit.image[..., 0] * 256).clip(0, 255).astype(np.uint8))
        sheet.paste(level.resize((_SIDE, _SIDE), Image.Resampling.NEAREST), (width + _GAP + k * (_SIDE + _GAP), 0))
    _save(sheet, path)


def draw_input(image: NDArray[np.float32], scale: float, path: Path) -> None:
    """Write a PNG at `path`: a network's input (h, w, 1) or (h, w, 3), which is pixels · scale, enlarged."""
    from PIL import Image

    h, w, channels = image.shape
    pixels = np.rint(image / np.float32(scale)).clip(0, 255).astype(np.uint8)
    times = max(1, _SIDE // max(h, w))
    picture = Image.fromarray(pixels if channels == 3 else pixels[..., 0])
    _save(picture.resize((w * times, h * times), Image.Resampling.NEAREST), path)


def _save(picture: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        picture.save(file, "PNG")


def blocks(found: Found) -> str:
    """Return the digit as 14 lines of 28 block characters, two pixels high each."""
    ink = found.image[..., 0] >= _INK
    return "\n".join(
        "".join(" ▀▄█"[int(a) + 2 * int(b)] for a, b in zip(*pair, strict=True))
        for pair in zip(ink[::2], ink[1::2], strict=True)
    )
