"""A map of errors as a picture: a square for each cell, and the redder it is, the larger is the error."""

from __future__ import annotations

import numpy as np

from convlens.checker.verdict import ErrorMap

__all__ = ["heat_map", "map_in_words"]

_WIDTH = 336  # pixels of the widest picture: it fits on a telephone
_SQUARE = 24  # pixels of the widest square
# Colours with transparency, for a light or a dark page: grey, red, violet
_RIGHT, _WRONG, _NO_NUMBER = (128, 140, 152, 38), (214, 40, 40), (124, 58, 237, 255)


def heat_map(cells: ErrorMap) -> str:
    """Return the picture as a data URI: right cells are grey, wrong cells red, cells without a finite number violet."""
    from convlens.report.pixels import data_uri

    levels = np.array(cells.rows, dtype=np.int64)
    painted = np.empty((*levels.shape, 4), np.uint8)
    painted[...] = _RIGHT
    wrong = levels > 0
    painted[wrong, :3] = _WRONG
    painted[wrong, 3] = 40 + levels[wrong].clip(0, 10) * 21  # from 61 for a tenth of the largest error to 250
    painted[levels < 0] = _NO_NUMBER
    size = max(2, min(_SQUARE, _WIDTH // max(levels.shape)))
    large = painted.repeat(size, axis=0).repeat(size, axis=1)
    large[size - 1 :: size] = 0  # thin lines between the squares
    large[:, size - 1 :: size] = 0
    return data_uri(large)


def map_in_words(cells: ErrorMap) -> str:
    """Return the same in words: how many cells are wrong, and the first of them."""
    levels = np.array(cells.rows)
    h, w = levels.shape
    count, lost = int(np.count_nonzero(levels)), int(np.count_nonzero(levels < 0))
    if not count:
        return f"all {h} × {w} cells are right"
    row, column = (int(k) for k in np.argwhere(levels)[0])
    none = f", {lost} of them without a finite number" if lost else ""
    return f"{count} of {h} × {w} cells are wrong{none}; the first is in row {row}, column {column} (counted from 0)"
