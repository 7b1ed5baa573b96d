"""Find the digits in a picture: the sheet, its ink without lines, the marks, and each digit in the form of MNIST."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from convlens.data.handwriting.boxes import without_boxes
from convlens.data.handwriting.colours import Grey, grey_levels, resized
from convlens.data.handwriting.decode import read_picture
from convlens.data.handwriting.faint import with_faint
from convlens.data.handwriting.ink import Ink, NothingToSeeError, find_ink
from convlens.data.handwriting.lighting import lighting
from convlens.data.handwriting.like_mnist import as_mnist, inverted, is_like_mnist, no_contrast
from convlens.data.handwriting.lines import without_lines
from convlens.data.handwriting.pieces import Mark, find_marks
from convlens.data.handwriting.regions import Levels, Mask, box_of, grown
from convlens.data.handwriting.sheet import find_sheet

__all__ = ["Found", "find_digits", "like_mnist", "read_digit", "read_digits"]

_WORK = 400  # the longest side, in pixels, of the picture in which digits are searched
_LEAST = 224  # smaller pictures are enlarged
_FINE = 56  # a digit lower than this is searched again in a larger picture of its surroundings
_EVEN = 0.08  # strokes are evened over this fraction of the digit's longer side
_LIGHT = 0.3  # light ink is this many times as likely as dark ink
_LINE = 0.25  # a mark at the border that is narrower than this part of its length may be a line
_LONG, _MARGIN = 0.3, 0.05  # such a mark may also be a line if it is so long a part of a side, and so close to it
_PART, _GAP = (
    0.25,
    0.3,
)  # a mark of this size may belong to a digit if it is so close, in parts of the digit's longer side
_FAINT = 45  # ink is faint below this contrast, in grey levels of 255
_AROUND = 0.7  # these surroundings, as a fraction of the digit's longer side


@dataclass(frozen=True, eq=False)
class Found:
    """A digit of a picture.

    image: float32 (28, 28, 1), uint8 / 256, ready for prediction. box: top, left, bottom, right, in pixels of the
    picture as it is shown upright. remarks: what was left out or is special. doubts: why the digit may be misread,
    unless the network is sure. firm: why it may be no digit, also if the network is sure: a piece of a line looks like
    a clear 1. kept: the picture had the form of MNIST, and its pixels were kept. whole: the digit with the faint ink
    that joins it, in the same form, if there is much of it.
    """

    image: NDArray[np.float32]
    box: tuple[int, int, int, int]
    remarks: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    firm: tuple[str, ...] = ()
    kept: bool = False
    whole: NDArray[np.float32] | None = None


def read_digits(path: str | os.PathLike[str]) -> list[Found]:
    """Read the digits in the picture at `path`, from left to right.

    The picture may have any size and colours, light or dark ink, a shadow, a desk around the sheet, lines, specks and
    noise. A picture of 28 x 28 whose ink lies as in MNIST keeps its pixels (inverted if it is dark on light), so an
    exported digit gives exactly the prediction that it gives in its data set.

    Raises FileNotFoundError, or ValueError for a file that is not a picture or shows nothing. The text names `path` and
    the rule.
    """
    picture = read_picture(path)
    try:
        found = find_digits(grey_levels(picture.pixels))
    except NothingToSeeError as error:
        raise ValueError(f"{os.fspath(path)} {error}") from None
    return [replace(f, remarks=picture.remarks + f.remarks) for f in found]


def read_digit(path: str | os.PathLike[str]) -> NDArray[np.float32]:
    """Read the likeliest digit in the picture at `path` as float32 (28, 28, 1); see `read_digits`."""
    picture = read_picture(path)
    try:
        return as_float(like_mnist(grey_levels(picture.pixels)))
    except NothingToSeeError as error:
        raise ValueError(f"{os.fspath(path)} {error}") from None


def as_float(digit: Grey) -> NDArray[np.float32]:
    """Convert a digit uint8 (28, 28) to float32 (28, 28, 1)."""
    return np.divide(digit, 256, dtype=np.float32)[..., np.newaxis]


def like_mnist(grey: Grey) -> Grey:
    """Convert grey levels uint8 (h, w) to uint8 (28, 28): the likeliest digit, light on dark, scaled and centred.

    Raises NothingToSeeError (a ValueError) if the ink differs from the paper by less than CONTRAST grey levels.
    """
    if grey.shape == (28, 28):
        no_contrast(grey)
        if is_like_mnist(inverted(grey)):
            return inverted(grey)
    view, marks = _search(grey)
    return as_mnist(_level(*_near(grey, view, marks[0])))


def find_digits(grey: Grey) -> list[Found]:
    """Find the digits in grey levels uint8 (h, w), from left to right; see `read_digits`."""
    if grey.shape == (28, 28):
        no_contrast(grey)
        if is_like_mnist(inverted(grey)):
            return [Found(as_float(inverted(grey)), (0, 0, 28, 28), kept=True)]
    view, marks = _search(grey)
    main = marks[0]
    digits = [main, *(m for m in marks[1:] if _beside(m, main))]
    left_out = [m for m in marks if m not in digits and m.mass > 0.1 * main.mass]
    remarks = list(view.remarks)
    if left_out:
        remarks.append(f"{_count(len(left_out), 'other mark')} left out")
    found = []
    for mark in sorted(digits, key=lambda m: m.box[1].start):
        doubts, firm = [], []
        narrow = min(mark.height, mark.width) < _LINE * max(mark.height, mark.width)
        if narrow and not view.sheet[mark.box].any():
            firm.append("it lies beside the sheet: it may be a line")
        if view.ink.contrast < min(_FAINT, _shades(view, mark) / 1.25):
            firm.append("its ink is fainter than the shades of the paper around it: strokes may be missing")
        if _along_border(mark, view.sheet.shape):
            firm.append("it lies along the border of the picture: it may be a line")
        if any(_close(other, mark) for other in left_out):
            firm.append("a mark close to it was left out: it may be a part of the digit")
        if mark.at_border and narrow:
            firm.append("it reaches the border of the picture: it may be a line")
        elif mark.at_border:
            doubts.append("it reaches the border of the picture")
        if mark.width > 1.5 * mark.height:
            doubts.append("it is wider than a digit: it may be turned, or several digits that touch")
        top, left, bottom, right = (
            round(v / view.scale) for v in (mark.box[0].start, mark.box[1].start, mark.box[0].stop, mark.box[1].stop)
        )
        near = _near(grey, view, mark)
        image, faint = as_float(as_mnist(_level(*near))), _faint_level(*near)
        whole = None if faint is None else as_float(as_mnist(faint))
        box = (top, left, bottom, right)
        found.append(Found(image, box, tuple(remarks), tuple(doubts), tuple(firm), whole=whole))
    return found


def _count(n: int, what: str) -> str:
    return f"1 {what} was" if n == 1 else f"{n} {what}s were"


def _shades(view: _View, mark: Mark) -> float:
    """Return by how many grey levels the paper of a mark differs: in twice its box, without the desk."""
    around = [
        slice(max(0, s.start - (s.stop - s.start) // 2 - 2), s.stop + (s.stop - s.start) // 2 + 2) for s in mark.box
    ]
    counts = view.sheet.copy()
    counts[mark.box] = True
    rows, columns = around
    high, low = np.percentile(view.ink.paper[rows, columns][counts[rows, columns]], (98, 2))
    return float(high - low)


def _along_border(mark: Mark, shape: tuple[int, ...]) -> bool:
    """Whether a mark is narrow, and lies close to a side of the picture and along it: a frame is often torn."""
    for axis in (0, 1):
        along, across = mark.box[axis], mark.box[1 - axis]
        length, width, wide = along.stop - along.start, across.stop - across.start, shape[1 - axis]
        gap = min(across.start, wide - across.stop)
        if width < _LINE * length and length > _LONG * shape[axis] and gap < _MARGIN * wide:
            return True
    return False


def _close(other: Mark, mark: Mark) -> bool:
    """Whether a mark is large enough for a part of a digit, such as the bar of a 5, and close to it."""
    size = max(mark.height, mark.width)
    gaps = [max(a.start - b.stop, b.start - a.stop, 0) for a, b in zip(other.box, mark.box, strict=True)]
    return max(other.height, other.width) > _PART * size and max(gaps) < _GAP * size


def _beside(mark: Mark, main: Mark) -> bool:
    """Whether a mark is another digit in the row of the main one: as tall, at the same height, with as much ink."""
    shared = min(mark.box[0].stop, main.box[0].stop) - max(mark.box[0].start, main.box[0].start)
    return (
        0.5 * main.height <= mark.height <= 2 * main.height
        and shared >= 0.5 * min(mark.height, main.height)
        and mark.mass > 0.1 * main.mass
        and not mark.at_border
    )


@dataclass(frozen=True, eq=False)
class _View:
    """What was found in a scaled picture. One pixel of the picture has the size `scale` in it."""

    scale: float
    ink: Ink
    labels: NDArray[np.intp]
    erased: Mask
    faint: Mask
    sheet: Mask
    remarks: tuple[str, ...]


def _search(grey: Grey) -> tuple[_View, list[Mark]]:
    """Find the marks of a picture, dark on light or light on dark, whichever has the likeliest digit."""
    longest = max(grey.shape)
    scale = min(_WORK / longest, max(1.0, _LEAST / longest))
    small = resized(grey, scale).astype(np.float32)
    small /= lighting(grey, small.shape)
    try:
        return _searched(small, scale, flat=False)
    except NothingToSeeError:
        return _searched(small, scale, flat=True)  # strokes wider than a digit's, or a strip


def _searched(small: Levels, scale: float, flat: bool) -> tuple[_View, list[Mark]]:
    best: tuple[_View, list[Mark]] | None = None
    contrast = most = 0.0
    areas = False
    for light in (False, True):
        try:
            ink = find_ink(small, light, flat)
        except NothingToSeeError as error:
            contrast = max(contrast, error.contrast)
            continue
        sheet = np.ones(small.shape, dtype=bool) if light else find_sheet(ink.paper)
        unboxed, boxes = without_boxes(ink.strokes)
        box = grown(ink.strokes & ~unboxed, 2) & ~unboxed if boxes else np.zeros_like(unboxed)
        unlined, lines = without_lines(ink.faint & ~box, sheet)
        unlined, lines = unlined & ~box, lines + 4 * boxes
        strokes, faint = ink.strokes & unlined, ink.faint & unlined
        labels, marks = find_marks(ink, strokes, sheet, small, light)
        if not marks and lines:
            strokes, faint, lines = ink.strokes, ink.faint, 0
            labels, marks = find_marks(ink, strokes, sheet, small, light)
        areas |= not marks
        likely = marks[0].score * ink.contrast**2 * (_LIGHT if light else 1) if marks else 0.0
        if marks and likely > most:
            most = likely
            remarks = (f"{_count(lines, 'line')} removed",) if lines else ()
            best = _View(scale, ink, labels, ink.strokes & ~strokes, faint, sheet, remarks), marks
    if best is None:
        raise NothingToSeeError(contrast, areas)
    return best


def _near(grey: Grey, view: _View, mark: Mark) -> tuple[_View, Mark]:
    """Return the view and the mark, or those of a larger picture of its surroundings if it is small in the view."""
    size = max(mark.height, mark.width)
    finer = _closer(grey, view, mark) if size < _FINE and view.scale < 1 else None
    return finer or (view, mark)


def _closer(grey: Grey, view: _View, mark: Mark) -> tuple[_View, Mark] | None:
    margin = _AROUND * max(mark.height, mark.width)
    rows, columns = (
        slice(max(0, int((s.start - margin) / view.scale)), min(n, int((s.stop + margin) / view.scale) + 1))
        for s, n in zip(mark.box, grey.shape, strict=True)
    )
    try:
        inner, marks = _search(grey[rows, columns])
    except NothingToSeeError:
        return None
    ratio = inner.scale / view.scale
    middle = [
        ((s.start + s.stop) / 2 / view.scale - start) * inner.scale
        for s, start in zip(mark.box, (rows.start, columns.start), strict=True)
    ]
    for other in marks:
        hit = all(s.start <= m <= s.stop for s, m in zip(other.box, middle, strict=True))
        if hit and 0.7 < max(other.height, other.width) / (ratio * max(mark.height, mark.width)) < 1.4:
            return inner, other
    return None


def _level(view: _View, mark: Mark) -> Levels:
    """Return the ink of a mark alone, cropped to it, with its soft edges."""
    own: Mask = np.isin(view.labels, mark.numbers)
    near: Mask = grown(own, 2) & ~(grown(view.erased, 1) & ~own)
    near &= (view.labels == 0) | own
    return _evened(np.where(near, view.ink.level, 0).astype(np.float32), mark, 0.4)


def _faint_level(view: _View, mark: Mark) -> Levels | None:
    """Return the ink of a mark and the faint ink that joins it, cropped; None if little joins it."""
    whole = with_faint(np.isin(view.labels, mark.numbers), view.faint)
    if whole is None:
        return None
    return _evened(np.where(grown(whole, 1), view.ink.level, 0).astype(np.float32), mark, 0.2)


def _evened(level: Levels, mark: Mark, least: float) -> Levels:
    """Give all strokes the full strength: in the light, in a hard shadow, and faint ones down to `least`."""
    around = grown(level, round(_EVEN * max(mark.height, mark.width)))
    level = np.minimum(level / np.maximum(around, least), 1)
    return level[box_of(level > 0.2)]
