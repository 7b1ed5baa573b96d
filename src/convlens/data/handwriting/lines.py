"""Long straight lines: rules and squares of the paper, a printed box, a fold. They are removed; strokes across stay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convlens.data.handwriting.regions import Mask, grown

__all__ = ["without_lines"]

_SLOPES = np.tan(np.deg2rad(np.arange(-14, 14.01, 0.5)))
_NEAR = np.tan(np.deg2rad(np.arange(-1.5, 1.51, 0.25)))
_LONG = 0.4  # the least length of a line, as a fraction of the shorter side
_THICK = 0.04  # the largest thickness, as a fraction of the shorter side
_FULL = 0.88  # the least part of a line that is drawn
_MOST = 80


@dataclass(frozen=True)
class _Line:
    """Rows `at[column]` for the columns start … stop of a mask; `thick` pixels."""

    start: int
    stop: int
    at: NDArray[np.intp]
    thick: float
    slope: float

    @property
    def length(self) -> int:
        return self.stop - self.start


def without_lines(strokes: Mask, field: Mask) -> tuple[Mask, int]:
    """Return strokes (h, w) without long straight thin lines, and the number of lines.

    A line counts if both its ends reach the border of the picture or of `field`, the sheet; or if another one is
    parallel to it. A single upright stroke inside the sheet is a one.
    """
    left, count = strokes, 0
    for upright in (False, True):
        turned = left.T if upright else left
        lines = _lines(turned)
        lines = _counting(lines, field.T if upright else field)
        for line in lines:
            turned = _erased(turned, line)
        count += len(lines)
        left = turned.T if upright else turned
    return left, count


def _lines(mask: Mask) -> list[_Line]:
    """Find near-horizontal lines, the longest first, all within 1.5 degrees of the most common direction."""
    h, w = mask.shape
    least = _LONG * min(h, w)
    if mask.sum() < least:
        return []
    thick: Mask = grown(mask, 1, (0,))
    rows, columns = np.nonzero(thick)
    powers = [(_counts(rows, columns, slope, w).astype(float) ** 4).sum() for slope in _SLOPES]
    main = _SLOPES[int(np.argmax(powers))]
    found: list[_Line] = []
    left, extents = mask.copy(), _extents(mask)
    slopes = list(main + _NEAR)
    totals = [_counts(rows, columns, slope, w, h + 2 * w) for slope in slopes]
    for _ in range(_MOST):
        if found and len(slopes) == len(_NEAR):
            slopes.insert(0, found[0].slope)
            rows, columns = np.nonzero(thick)
            totals.insert(0, _counts(rows, columns, slopes[0], w, h + 2 * w))
        which = int(np.argmax([counts.max() for counts in totals]))
        best, at, direction = int(totals[which].max()), int(totals[which].argmax()), slopes[which]
        if best < least:
            break
        path = at - w - np.rint(direction * (np.arange(w) - w / 2)).astype(np.intp)
        line = _line(extents, thick, path, direction)
        reach = 1
        if line is not None and line.length >= least and line.thick <= max(3, _THICK * min(h, w)):
            found.append(line)
            reach = _reach(line)
        inside = (path >= 0) & (path < h)
        for shift in range(-reach, reach + 1):
            rows = np.clip(path + shift, 0, h - 1)
            left[rows[inside], np.flatnonzero(inside)] = False
        before, thick = thick, grown(left, 1, (0,))
        rows, columns = np.nonzero(before & ~thick)
        for counts, slope in zip(totals, slopes, strict=True):
            counts -= _counts(rows, columns, slope, w, h + 2 * w)
    return found


def _reach(line: _Line) -> int:
    """Return how many rows above and below its path a line reaches."""
    return int(np.ceil(line.thick / 2)) + 1


def _counts(
    rows: NDArray[np.intp], columns: NDArray[np.intp], slope: float, w: int, least: int = 0
) -> NDArray[np.intp]:
    """Return the number of pixels in each row of the picture, sheared so that lines of this slope lie in a row.

    least: the least number of rows that is returned.
    """
    return np.bincount(rows + np.rint(slope * (columns - w / 2)).astype(np.intp) + w, minlength=least)


def _line(extents: NDArray[np.intp], thick: Mask, path: NDArray[np.intp], slope: float) -> _Line | None:
    """Return the longest run along a path that has no large gap; None if too little of it is drawn."""
    h, w = thick.shape
    inside = (path >= 0) & (path < h)
    drawn = np.zeros(w, dtype=bool)
    drawn[inside] = thick[path[inside], np.flatnonzero(inside)]
    where = np.flatnonzero(drawn)
    if where.size < 2:
        return None
    parts = np.split(where, np.flatnonzero(np.diff(where) > max(3, 0.03 * w)) + 1)
    run = max(parts, key=len)
    start, stop = int(run[0]), int(run[-1]) + 1
    if len(run) < _FULL * (stop - start):
        return None
    some = run[:: max(1, len(run) // 64)]
    return _Line(start, stop, path, float(np.median(extents[path[some], some])), slope)


def _extents(mask: Mask) -> NDArray[np.intp]:
    """Return for each pixel the true pixels right above it and right below it without a gap, and 1 for itself."""
    above, below = np.zeros(mask.shape, dtype=np.intp), np.zeros(mask.shape, dtype=np.intp)
    for i in range(1, len(mask)):
        above[i] = (above[i - 1] + 1) * mask[i - 1]
        below[-1 - i] = (below[-i] + 1) * mask[-i]
    extents: NDArray[np.intp] = above + below + 1
    return extents


def _counting(lines: list[_Line], field: Mask) -> list[_Line]:
    """Keep the lines that reach the border at both ends, or that have a parallel of similar length."""
    h, w = field.shape
    near = 0.04 * w + 2

    def leaves(line: _Line, x: int, step: int) -> bool:
        ahead = int(x + step * near)
        if not 0 <= ahead < w:
            return True
        y = int(line.at[ahead])
        return not 0 <= y < h or not bool(field[y, ahead])

    kept = []
    for line in lines:
        others = [o for o in lines if o is not line and min(o.length, line.length) > 0.7 * max(o.length, line.length)]
        middle = (line.start + line.stop) // 2
        apart = [o for o in others if abs(int(o.at[middle]) - int(line.at[middle])) > 3 * line.thick + 4]
        alike = [o for o in apart if o.start < middle < o.stop]
        if alike or (leaves(line, line.start, -1) and leaves(line, line.stop - 1, 1)):
            kept.append(line)
    return kept


def _erased(mask: Mask, line: _Line) -> Mask:
    """Erase a line, but not where a stroke goes across it: where there is ink above and below."""
    h, _ = mask.shape
    out = mask.copy()
    reach = _reach(line)
    for x in range(max(0, line.start - 2), min(line.stop + 2, mask.shape[1])):
        y = int(line.at[x])
        top, bottom = y - reach, y + reach
        if bottom < 0 or top >= h:
            continue
        columns = slice(max(0, x - reach), x + reach + 1)
        above = top - 1 >= 0 and bool(mask[max(0, top - 2) : top, columns].any())
        below = bottom + 1 < h and bool(mask[bottom + 1 : bottom + 3, columns].any())
        if not (above and below):
            out[max(0, top) : bottom + 1, x] = False
    return out
