"""Separate ink from paper: the shade of the paper is fitted to the border; pixels that differ from it are the digit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["CONTRAST", "Box", "Levels", "NothingToSeeError", "find_ink"]

Levels = NDArray[np.float64]
Mask = NDArray[np.bool_]
Box = tuple[slice, slice]

CONTRAST = 16  # the least difference between ink and paper, in grey levels of 255
_BORDER = 0.05  # the width of the border from which the paper is fitted, as a fraction of the shorter side
_CUT = 0.2  # a stroke ends where the ink falls below this fraction of its full strength
_PIECE = 0.05  # a piece with less than this fraction of the ink of the largest piece is a speck
_CELLS = 64  # pieces are separated on a grid with at most 64 cells on the longer side
_SPREAD = 1.4826  # standard deviation of a normal distribution whose median absolute deviation is 1


class NothingToSeeError(ValueError):
    """There is no ink in the picture. The text names the rule and the contrast that was found."""

    def __init__(self, contrast: float) -> None:
        super().__init__(
            f"must show ink that differs from its paper, beyond the noise, by {CONTRAST} of 255 grey levels; "
            f"got {max(contrast, 0):.0f}"
        )


def find_ink(grey: Levels) -> tuple[Levels, Box]:
    """Return the ink (h, w), from 0 for paper to 1 for a full stroke, and its bounding box. grey: 0 … 255 (h, w).

    The ink may be lighter or darker than the paper. The shade of the paper may change smoothly and may have noise.
    Specks are removed.

    Raises NothingToSeeError if no pixel differs from the paper, beyond the noise, by CONTRAST grey levels.
    """
    paper, noise = _paper(grey)
    rise = grey - paper
    clear = max(4 * noise, CONTRAST / 4)
    if np.maximum(-rise - clear, 0).sum() > np.maximum(rise - clear, 0).sum():
        rise = -rise
    contrast = float(rise.max()) - 5 * noise  # in pure noise, the largest value is below 5 standard deviations
    if contrast < CONTRAST:
        raise NothingToSeeError(contrast)
    ink = np.maximum(rise - 2 * noise, 0)
    full = np.percentile(ink[ink >= _between(ink)], 75)
    stroke = ink > max(_CUT * full, 2 * noise)
    kept = _without_specks(ink, stroke)
    rows, columns = (np.flatnonzero((stroke & kept).any(axis=axis)) for axis in (1, 0))
    box = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    return np.minimum(ink * kept / full, 1), box


def _paper(grey: Levels) -> tuple[Levels, float]:
    """Return the shade of the paper at each pixel, and its noise (a standard deviation).

    The shade is a quadratic polynomial, fitted to the border without its outliers.
    """
    h, w = grey.shape
    i, j = (axis.astype(float) for axis in np.ogrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j])
    terms = np.stack(np.broadcast_arrays(np.ones((h, w)), i, j, i * i, i * j, j * j), axis=-1)
    band = max(1, round(_BORDER * min(h, w)))
    border = np.ones((h, w), dtype=bool)
    border[band : h - band, band : w - band] = False
    a, y = terms[border], grey[border]
    rest = np.abs(y - np.median(y))
    for _ in range(4):
        kept = rest <= max(2.0, 3 * _SPREAD * float(np.median(rest)))
        fit = np.linalg.lstsq(a[kept].T @ a[kept], a[kept].T @ y[kept], rcond=None)[0]
        rest = np.abs(y - a @ fit)
    return terms @ fit, _SPREAD * float(np.median(rest))


def _between(ink: Levels) -> float:
    """Return Otsu's threshold: the level that divides the values into two groups with the largest variance between the
    groups."""
    counts, edges = np.histogram(ink, bins=256, range=(0, float(ink.max())))
    below, moment = counts.cumsum(), (counts * np.arange(256)).cumsum()
    above = below[-1] - below
    parts = np.maximum(below * above, 1)
    variance = (moment[-1] / below[-1] * below - moment) ** 2 / parts
    return float(edges[int(variance.argmax()) + 1])


def _without_specks(ink: Levels, stroke: Mask) -> Mask:
    """Return a mask without specks: connected pieces of `stroke` with at least _PIECE of the ink of the largest."""
    h, w = stroke.shape
    side = -(-max(h, w) // _CELLS)
    rows, columns = -(-h // side), -(-w // side)
    mass = np.pad(ink * stroke, ((0, rows * side - h), (0, columns * side - w)))
    mass = mass.reshape(rows, side, columns, side).sum(axis=(1, 3))
    pieces = _pieces(mass > 0)
    masses = [mass[piece].sum() for piece in pieces]
    least = _PIECE * max(masses)
    large = np.zeros((rows, columns), dtype=bool)
    for piece, held in zip(pieces, masses, strict=True):
        large[piece] = held >= least
    return large.repeat(side, axis=0).repeat(side, axis=1)[:h, :w]


def _pieces(cells: Mask) -> list[tuple[NDArray[np.intp], ...]]:
    """Return the connected groups of true cells, each as an index. Cells touch by a side or a corner."""
    left = {(i, j) for i, j in np.argwhere(cells).tolist()}
    pieces = []
    while left:
        waiting = [left.pop()]
        piece = []
        while waiting:
            i, j = waiting.pop()
            piece.append((i, j))
            touching = left.intersection((i + di, j + dj) for di in (-1, 0, 1) for dj in (-1, 0, 1))
            left -= touching
            waiting += touching
        pieces.append(tuple(np.array(piece).T))
    return pieces
