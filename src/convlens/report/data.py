"""The report's section about the data: the parts, the classes with their numbers of images, the reader's notes."""

from __future__ import annotations

from html import escape

import numpy as np

from convlens.data import Digits
from convlens.report.page import cells, percent, shape
from convlens.report.shown import Shown

__all__ = ["data"]

_CLASSES = 30  # the most classes that are listed
PARTS = {"train": "training", "valid": "validation", "test": "test"}


def data(shown: Shown) -> str:
    """Return the numbers of images by class and part, and what the reader noticed and changed."""
    digits = shown.digits
    h, w, c = digits.pixels_train.shape[1:]
    kept = "8 bits a channel" if digits.pixels_train.dtype == np.uint8 else "floating-point numbers"
    colours = {1: "grey", 3: "colour"}.get(c, f"{c}-channel")
    scaled = "" if digits.scale == 1 else f"; the network computes with the pixels times {_scale(digits.scale)}"
    size = f"{shape((h, w))} pixels (height × width)"
    parts = [f"<p>{digits.classes:,} classes; {colours} images of {size}, {kept}{scaled}.</p>"]
    if digits.notes:
        notes = "\n".join(f"<li>{escape(note)}</li>" for note in digits.notes)
        parts.append(f'<ul class="notes">\n{notes}\n</ul>')
    parts.append(_counts(shown) if digits.classes <= _CLASSES else _spread(digits))
    return "\n".join(parts)


def _scale(scale: float) -> str:
    one = 1 / scale
    return f"1/{one:.0f}" if one > 1.5 and abs(one - round(one)) < 1e-6 else f"{scale:g}"


def _by_class(digits: Digits) -> dict[str, list[int]]:
    """Return for each part that holds images the number of images of each class."""
    labels = {words: getattr(digits, f"y_{part}") for part, words in PARTS.items()}
    return {words: np.bincount(y, minlength=digits.classes).tolist() for words, y in labels.items() if len(y)}


def _counts(shown: Shown) -> str:
    found = _by_class(shown.digits)
    rows = [(shown.html(k), *(f"{counts[k]:,}" for counts in found.values())) for k in range(shown.digits.classes)]
    return cells(("label", *found), rows, ("all", *(f"{sum(counts):,}" for counts in found.values())))


def _spread(digits: Digits) -> str:
    found = _by_class(digits)
    rows = [
        (words, f"{sum(counts):,}", f"{min(counts):,}", f"{max(counts):,}", percent(max(counts) / sum(counts), 1))
        for words, counts in found.items()
    ]
    return cells(("part", "images", "of the smallest class", "of the largest class", "its share"), rows)
