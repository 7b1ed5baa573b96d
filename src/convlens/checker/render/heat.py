"""Where a result is wrong, as a picture: a square for each cell, the redder the further off."""

from __future__ import annotations

import numpy as np

from convlens.checker.verdict import Map

__all__ = ["heat", "told"]

_WIDTH = 336  # pixels, at most; no square is wider than _SQUARE
_SQUARE = 24
_RIGHT, _WRONG, _NO_NUMBER = (128, 140, 152, 38), (214, 40, 40), (124, 58, 237, 255)  # over a page light or dark


def heat(cells: Map) -> str:
    """The picture as a data URI: grey where it is right, red where it is wrong, violet where there is no number"""
    from convlens.report.pixels import data_uri

    levels = np.array(cells.rows, dtype=np.int64)
    painted = np.empty((*levels.shape, 4), np.uint8)
    painted[...] = _RIGHT
    wrong = levels > 0
    painted[wrong, :3] = _WRONG
    painted[wrong, 3] = 40 + levels[wrong].clip(0, 10) * 21
    painted[levels < 0] = _NO_NUMBER
    size = max(2, min(_SQUARE, _WIDTH // max(levels.shape)))
    large = painted.repeat(size, axis=0).repeat(size, axis=1)
    large[size - 1 :: size] = 0  # thin lines between the squares
    large[:, size - 1 :: size] = 0
    return data_uri(large)


def told(cells: Map) -> str:
    """The same in words"""
    levels = np.array(cells.rows)
    h, w = levels.shape
    count, lost = int(np.count_nonzero(levels)), int(np.count_nonzero(levels < 0))
    if not count:
        return f"{h} × {w} cells, all right"
    row, column = (int(k) for k in np.argwhere(levels)[0])
    none = f", {lost} of them no number" if lost else ""
    return f"{count} of {h} × {w} cells wrong{none}, the first in row {row}, column {column} (from 0)"
