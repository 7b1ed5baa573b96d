"""A printed box around a digit. It is removed as a whole: each of its sides alone looks like a 1."""

from __future__ import annotations

import numpy as np

from convlens.data.handwriting.regions import Mask, box_of, labelled

__all__ = ["without_boxes"]

_SIDE = 0.12  # the sides of a box lie within this fraction of its height and width from its outline
_WHOLE = 0.97  # at least this part of its ink
_LEAST = 0.2  # its height and width are at least this part of the shorter side of the picture


def without_boxes(strokes: Mask) -> tuple[Mask, int]:
    """Return strokes (h, w) without printed boxes that no stroke touches, and the number of boxes.

    A box has all its ink near its outline, ink at all four corners and along all sides, and other ink within. A digit
    has no ink in its corners.
    """
    labels, count = labelled(strokes)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    left, boxes = strokes, 0
    least = _LEAST * min(strokes.shape)
    for number in 1 + np.flatnonzero(sizes[1:] > 3 * least):
        own = labels == number
        place = box_of(own)
        part = own[place]
        h, w = part.shape
        if min(h, w) < least or part.mean() > 0.5:
            continue
        a, b = max(3, round(_SIDE * h)), max(3, round(_SIDE * w))
        inner = part[a:-a, b:-b]
        corners = [part[i, j].any() for i in (slice(a), slice(-a, None)) for j in (slice(b), slice(-b, None))]
        sides = [part[:a].any(axis=0), part[-a:].any(axis=0), part[:, :b].any(axis=1), part[:, -b:].any(axis=1)]
        drawn = min(float(side.mean()) for side in sides)
        within = (strokes[place] & ~part)[a:-a, b:-b].any()
        if inner.sum() <= (1 - _WHOLE) * part.sum() and all(corners) and drawn > 0.9 and within:
            left, boxes = left & ~own, boxes + 1
    return left, boxes
