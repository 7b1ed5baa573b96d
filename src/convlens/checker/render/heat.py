"""A map of errors as a picture: one square for each cell. The larger the error, the redder the square."""

from __future__ import annotations

import numpy as np

from convlens.checker.verdict import ErrorMap

__all__ = ["heat_map", "map_in_words"]

_WIDTH = 336  # pixels of the widest picture, which fits on a telephone
_SQUARE = 24  # pixels of the widest square
# Colours for a light or a dark page, with transparency: grey, red, violet
_RIGHT, _WRONG, _NO_NUMBER = (128, 140, 152, 38), (214, 40, 40), (124, 58, 237, 255)


def heat_map(cells: ErrorMap) -> str:
    """Return the picture as a data URI. Right cells are grey, wrong cells red, cells that are not finite violet."""
    from convlens.report.pixels import data_uri

    levels = np.array(cells.rows, dtype=np.int64)
    painted = np.empty((*levels.shape, 4), np.uint8)
    painted[...] = _RIGHT
    wrong = levels > 0
    painted[wrong, :3] = _WRONG
    painted[wrong, 3] = 40 + levels[wrong].clip(0, 10) * 21  # 61 for a tenth of the largest error, 250 for the largest
    painted[levels < 0] = _NO_NUMBER
    size = max(2, min(_SQUARE, _WIDTH // max(levels.shape)))
    large = painted.repeat(size, axis=0).repeat(size, axis=1)
    large[size - 1 :: size] = 0  # thin lines between the squares
    large[:, size - 1 :: size] = 0
    return data_uri(large)


def map_in_words(cells: ErrorMap) -> str:
    """Return the map in words: how many cells are wrong, and which one is the first."""
    levels = np.array(cells.rows)
    h, w = levels.shape
    count, lost = int(np.count_nonzero(levels)), int(np.count_nonzero(levels < 0))
    if not count:
        return f"all {h} × {w} cells are right"
    row, column = (int(k) for k in np.argwhere(levels)[0])
    none = f" ({lost} not finite)" if lost else ""
    return f"{count} of {h} × {w} cells are wrong{none}; the first is in row {row}, column {column} (counted from 0)"
