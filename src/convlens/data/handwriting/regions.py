"""Connected regions of a mask, and running maxima and minima: what the search for ink is built from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "Levels", "Mask", "blurred", "box_of", "closing", "grown", "labelled"]

Levels = NDArray[np.float32]
Mask = NDArray[np.bool_]
Box = tuple[slice, slice]

_ROUNDS = 12  # sweeps in four directions; more are needed only by spirals


def labelled(mask: Mask) -> tuple[NDArray[np.intp], int]:
    """Number the connected regions of a mask (h, w): 1 … count, 0 where it is false. Pixels touch by side or corner.

    Each row is cut into runs. Runs of neighbouring rows that touch get the smaller of their two numbers, until nothing
    changes.
    """
    h, w = mask.shape
    padded = np.zeros((h, w + 2), dtype=np.int8)
    padded[:, 1:-1] = mask
    step = np.diff(padded, axis=1)
    rows, starts = np.nonzero(step == 1)
    stops = np.nonzero(step == -1)[1]
    if not rows.size:
        return np.zeros((h, w), dtype=np.intp), 0
    # keys grow along rows; a run touches the runs of the next row whose stop >= its start and whose start <= its stop
    width = w + 2
    first = np.searchsorted(rows * width + stops, (rows + 1) * width + starts, side="left")
    last = np.searchsorted(rows * width + starts, (rows + 1) * width + stops, side="right")
    counts = np.maximum(last - first, 0)
    upper = np.repeat(np.arange(rows.size), counts)
    lower = np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts) + np.repeat(first, counts)
    number = np.arange(rows.size)
    while True:
        least = np.minimum(number[upper], number[lower])
        new = number.copy()
        np.minimum.at(new, number[upper], least)
        np.minimum.at(new, number[lower], least)
        new = new[new]
        if np.array_equal(new, number):
            break
        number = new
    _, number = np.unique(number, return_inverse=True)
    labels = np.zeros(h * w, dtype=np.intp)
    lengths = stops - starts
    at = np.arange(lengths.sum()) - np.repeat(lengths.cumsum() - lengths, lengths)
    labels[np.repeat(rows * w + starts, lengths) + at] = np.repeat(number + 1, lengths)
    return labels.reshape(h, w), int(number.max()) + 1


def box_of(mask: Mask) -> Box:
    """Return the smallest box that holds every true pixel of a mask with at least one."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _windows(reach: int) -> Iterator[int]:
    """Shifts whose maxima, one after the other, give the maximum over `reach` neighbours."""
    done = 0
    while done < reach:
        shift = min(done + 1, reach - done)
        yield shift
        done += shift


def grown(level: NDArray[Any], reach: int, axes: tuple[int, ...] = (0, 1)) -> NDArray[Any]:
    """Return the maximum over a square of 2 reach + 1 pixels around each pixel; beyond the border nothing counts."""
    out = level.copy()
    for axis in axes:
        turned = np.swapaxes(out, 0, axis)
        up, down = turned.copy(), turned.copy()
        for shift in _windows(reach):
            shift = min(shift, len(turned))
            np.maximum(up[: len(up) - shift], up[shift:].copy(), out=up[: len(up) - shift])
            np.maximum(down[shift:], down[: len(down) - shift].copy(), out=down[shift:])
        turned[...] = np.maximum(up, down)
    return out


def closing(level: Levels, reach: int) -> Levels:
    """Fill dark structures narrower than 2 reach + 1 pixels: a closing by reconstruction.

    The maximum over a square removes them. The picture then shrinks back from above, to the lowest level that is
    reached from a darker core that was left: edges of a shadow, a desk or a finger come back as they were.
    """
    out = grown(level, reach)
    for _ in range(_ROUNDS):
        before = out.copy()
        for turned, limit in ((out, level), (out.T, level.T)):
            for i in range(1, len(turned)):
                np.maximum(limit[i], np.minimum(turned[i], turned[i - 1]), out=turned[i])
            for i in range(len(turned) - 2, -1, -1):
                np.maximum(limit[i], np.minimum(turned[i], turned[i + 1]), out=turned[i])
        if np.array_equal(before, out):
            break
    return out


def blurred(level: Levels, reach: int = 1) -> Levels:
    """Return the mean over a square of 2 reach + 1 pixels; the border is repeated."""
    size = 2 * reach + 1
    for axis in (0, 1):
        width = [(0, 0), (0, 0)]
        width[axis] = (reach + 1, reach)
        total = np.pad(level, width, mode="edge").cumsum(axis=axis, dtype=np.float64)
        n = level.shape[axis]
        level = ((total.take(range(size, n + size), axis) - total.take(range(n), axis)) / size).astype(np.float32)
    return level
