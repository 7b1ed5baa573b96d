"""Decode a JPEG that lacks its last bytes, as a broken download or a full disk leaves it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["MOST_MISSING", "loaded"]

MOST_MISSING = 0.25  # the largest part of a JPEG's rows that may be missing at its end
_SOS, _EOI, _STUFFED, _RESTARTS = 0xDA, b"\xff\xd9", 0x00, range(0xD0, 0xD8)  # the second bytes of markers


def loaded(path: Path, image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """Decode the pixels of an opened file, and return the image and remarks.

    In a JPEG that is cut off, the last row that is there is repeated. A progressive one has all rows in each of its
    scans, from coarse to fine; the first must be whole. Raises OSError if more is missing.
    """
    try:
        image.load()
        return image, ()
    except OSError as error:
        if image.format != "JPEG" or "truncated" not in str(error):
            raise
    if image.info.get("progressive"):
        return _coarse(path.read_bytes()), ("the file is cut off: its finest details are missing",)
    return image, (_repeated(image),)


def _repeated(image: Image.Image) -> str:
    """Repeat the last row that is there. Pillow leaves the rows that it could not decode at 0."""
    from PIL import Image

    image.tile = []  # type: ignore[attr-defined]  # nothing is left to decode: what is there can be read
    level = np.asarray(image)
    there = np.flatnonzero(level.reshape(len(level), -1).any(axis=1))
    rows = int(there[-1]) + 1 if there.size else 0
    missing = 1 - rows / len(level)
    if missing > MOST_MISSING:
        raise OSError(f"the file is cut off: {missing:.0%} of its rows are missing")
    last = np.repeat(level[rows - 1 : rows], len(level) - rows, axis=0)
    if last.size:
        image.paste(Image.fromarray(last, image.mode), (0, rows))
    return f"the file is cut off: {missing:.0%} of its rows are missing"


def _coarse(content: bytes) -> Image.Image:
    """Decode the scans of a progressive JPEG that are there: with an end marker behind them they are all it has.

    A segment between two scans that is not whole (a table of codes) is left out.
    """
    from PIL import Image

    start = _first_scan(content)
    markers = [start]
    at = start
    while (at := content.find(b"\xff", at + 1)) >= 0 and at + 1 < len(content):
        if content[at + 1] not in (_STUFFED, 0xFF, *_RESTARTS):
            markers.append(at)
    if sum(content[m + 1] == _SOS for m in markers) < 2:
        raise OSError("the file is cut off: its first scan, the coarsest, is not whole")
    last = markers[-1]
    whole = content[last + 1] == _SOS and last + 2 + int.from_bytes(content[last + 2 : last + 4]) < len(content)
    image = Image.open(io.BytesIO((content if whole else content[:last]) + _EOI), formats=("JPEG",))
    image.load()
    return image


def _first_scan(content: bytes) -> int:
    """Return where the first scan begins: behind the segments of the header, which have their length in them."""
    at = 2
    while at + 4 <= len(content) and content[at + 1] != _SOS:
        at += 2 + int.from_bytes(content[at + 2 : at + 4])
    if at + 4 > len(content):
        raise OSError("the file is cut off: its header is not whole")
    return at
