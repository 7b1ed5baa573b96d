"""Connected pieces of ink, the marks that they make up, and which of the marks are digits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convlens.data.handwriting.ink import Ink
from convlens.data.handwriting.regions import Box, Levels, Mask, labelled

__all__ = ["Mark", "find_marks"]

_SPECK = 0.05  # a piece with less than this fraction of the ink of the largest is a speck
_GAP = 0.13  # pieces nearer than this fraction of the larger one's size belong to one digit
_MANY = 60  # at most this many pieces, those with most ink, are looked at
_FILLED = 0.65  # the strokes of a digit fill less than this part of its box; in MNIST, of 99.8 %
_ROUND = 0.8  # an ellipse fills this part of its box
_HOLE = 0.015  # the least part of its box that the hole of a thick digit fills
_SHEET = 0.2  # a light area whose box fills this part of the picture may be a sheet
_INNER = 0.06  # a piece inside another's box, farther from its sides than this fraction, lies within it


@dataclass(frozen=True, eq=False)
class Mark:
    """One or several pieces. box in pixels; mass: the sum of the ink; at_border: it reaches the picture's border."""

    numbers: tuple[int, ...]
    box: Box
    mass: float
    at_border: bool
    score: float

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.box[0].stop - self.box[0].start)

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.box[1].stop - self.box[1].start)


def find_marks(ink: Ink, strokes: Mask, sheet: Mask, grey: Levels, light: bool) -> tuple[NDArray[np.intp], list[Mark]]:
    """Return the number of its piece for each pixel, and the marks without frames and specks, likeliest digit first.

    A mark is likelier to be the digit if it has more ink, lies near the middle and on the sheet. Marks that reach the
    border are returned only if there is no other.
    """
    labels, count = labelled(strokes)
    pieces = _pieces(labels, count, ink.level)
    least = max(2.0, 0.15 * ink.contrast)
    pieces = [p for p in pieces if _right_way(p, labels, grey, sheet, least if light else -least)]
    if light:
        bright = float(np.percentile(grey[~strokes], 97)) if not strokes.all() else 0.0
        pieces = [p for p in pieces if _level(p, labels, grey) > bright + least]
    pieces = [p for p in pieces if not _solid(p, labels) or _thick_loop(p, labels, light)]
    pieces = _without_frames(pieces)
    inner = [p for p in pieces if not p.at_border]
    if inner:
        tallest = max(max(p.height, p.width) for p in inner)
        if tallest >= 0.12 * min(grey.shape):
            pieces = inner
    if not pieces:
        return labels, []
    largest = max(p.mass for p in pieces)
    marks = _joined([p for p in pieces if p.mass >= _SPECK * largest])
    scored = [Mark(m.numbers, m.box, m.mass, m.at_border, _score(m, labels, sheet)) for m in marks]
    return labels, sorted(scored, key=lambda m: -m.score)


def _pieces(labels: NDArray[np.intp], count: int, level: Levels) -> list[Mark]:
    h, w = labels.shape
    mass = np.bincount(labels.ravel(), weights=level.ravel(), minlength=count + 1)
    area = np.bincount(labels.ravel(), minlength=count + 1)
    rows, columns = np.nonzero(labels)
    number = labels[rows, columns]
    sides = []
    for values, start in ((rows, h), (columns, w)):
        low, high = np.full(count + 1, start), np.zeros(count + 1, dtype=int)
        np.minimum.at(low, number, values)
        np.maximum.at(high, number, values)
        sides.append((low, high + 1))
    (top, bottom), (left, right) = sides
    found = []
    for k in range(1, count + 1):
        if area[k] < 6:
            continue
        border = bool(top[k] <= 0 or left[k] <= 0 or bottom[k] >= h or right[k] >= w)
        box = slice(int(top[k]), int(bottom[k])), slice(int(left[k]), int(right[k]))
        found.append(Mark((k,), box, float(mass[k]), border, 0.0))
    return sorted(found, key=lambda p: -p.mass)[:_MANY]


def _level(piece: Mark, labels: NDArray[np.intp], grey: Levels) -> float:
    return float(grey[piece.box][labels[piece.box] == piece.numbers[0]].mean())


def _solid(piece: Mark, labels: NDArray[np.intp]) -> bool:
    """Whether a piece is an area, not a stroke: a sheet, a stain. It fills most of its box, which is wide and high."""
    small, large = sorted((piece.height, piece.width))
    filled = float((labels[piece.box] == piece.numbers[0]).mean())
    return filled > _FILLED and small > 0.5 * large and small > 0.25 * min(labels.shape)


def _thick_loop(piece: Mark, labels: NDArray[np.intp], light: bool) -> bool:
    """Whether an area is a thick 0, 6, 8 or 9: it has a hole, and its corners are round.

    A light area must also be small, for a sheet on a desk has the digit as its hole.
    """
    own = labels[piece.box] == piece.numbers[0]
    if piece.at_border or own.mean() > _ROUND or (light and own.size > _SHEET * labels.size):
        return False
    outside, count = labelled(np.pad(~own, 1, constant_values=True))
    sizes = np.bincount(outside.ravel(), minlength=count + 1)
    sizes[[0, outside[0, 0]]] = 0
    return bool(sizes.max() > _HOLE * own.size)


def _right_way(piece: Mark, labels: NDArray[np.intp], grey: Levels, sheet: Mask, least: float) -> bool:
    """Whether a piece is lighter by `least` than its surroundings (darker if negative), not paper inside a loop."""
    h, w = grey.shape
    own = _level(piece, labels, grey)
    if abs(own - float(np.median(grey[sheet]))) < abs(least):
        return False
    reach = 2 + round(0.75 * max(piece.height, piece.width))
    rows, columns = (
        slice(max(0, s.start - reach), min(n, s.stop + reach)) for s, n in zip(piece.box, (h, w), strict=True)
    )
    outside = np.ones((h, w), dtype=bool)
    outside[piece.box] = False
    around = grey[rows, columns][outside[rows, columns]]
    surroundings = float(np.median(around if around.size else grey))
    return own > surroundings if least > 0 else own < surroundings


def _without_frames(pieces: list[Mark]) -> list[Mark]:
    """Leave out pieces that enclose another one of some size: a printed box, a ring."""
    frames = set()
    for outer in pieces:
        for other in pieces:
            if other is outer or other.height < 0.2 * outer.height or other.mass < 0.05 * outer.mass:
                continue
            if all(
                i.start > o.start + _INNER * (o.stop - o.start) and i.stop < o.stop - _INNER * (o.stop - o.start)
                for i, o in zip(other.box, outer.box, strict=True)
            ):
                frames.add(outer.numbers)
    return [p for p in pieces if p.numbers not in frames]


def _joined(pieces: list[Mark]) -> list[Mark]:
    """Join pieces that belong to one digit: near each other, and one small or above the other."""
    marks = list(pieces)
    while True:
        pair = next(
            ((a, b) for i, a in enumerate(marks) for b in marks[i + 1 :] if _belong(*sorted((a, b), key=_size))), None
        )
        if pair is None:
            return marks
        a, b = pair
        box = tuple(slice(min(s.start, t.start), max(s.stop, t.stop)) for s, t in zip(a.box, b.box, strict=True))
        marks = [m for m in marks if m is not a and m is not b]
        marks.append(Mark(a.numbers + b.numbers, (box[0], box[1]), a.mass + b.mass, a.at_border or b.at_border, 0.0))


def _size(mark: Mark) -> float:
    return mark.mass


def _belong(small: Mark, large: Mark) -> bool:
    dy, dx = (max(0, max(s.start, t.start) - min(s.stop, t.stop)) for s, t in zip(small.box, large.box, strict=True))
    size = max(large.height, large.width)
    if max(dx, dy) > _GAP * size:
        return False
    shared = min(small.box[1].stop, large.box[1].stop) - max(small.box[1].start, large.box[1].start)
    above = shared > 0.4 * small.width
    return above or small.height < 0.5 * large.height or small.mass < 0.2 * large.mass


def _score(mark: Mark, labels: NDArray[np.intp], sheet: Mask) -> float:
    h, w = sheet.shape
    off = [abs((s.start + s.stop) / 2 / n - 0.5) for s, n in zip(mark.box, (h, w), strict=True)]
    central = 1 - max(off)
    i, j = np.nonzero(np.isin(labels[mark.box], mark.numbers))
    on_sheet = float(sheet[mark.box][i, j].mean())
    return float(mark.mass * central**2 * (0.25 + 0.75 * on_sheet))
