"""Find the sheet in a photograph that also shows the desk."""

from __future__ import annotations

import numpy as np

from convlens.data.handwriting.ink import otsu
from convlens.data.handwriting.regions import Levels, Mask, labelled

__all__ = ["find_sheet"]

_DARKER = 0.75  # a desk is darker than this fraction of the sheet
_LEAST, _MOST = 0.08, 0.93  # the part of the picture that a sheet covers


def find_sheet(paper: Levels) -> Mask:
    """Return where the sheet lies (h, w), from the levels of the picture without its strokes.

    All true if the picture is not clearly divided in a light and a dark part. The lit part of a sheet with a hard
    shadow looks the same, so ink outside is less likely to be the digit, not impossible.
    """
    everything = np.ones(paper.shape, dtype=bool)
    light = paper > otsu(paper.ravel())
    if light.all() or not light.any():
        return everything
    if paper[~light].mean() > _DARKER * paper[light].mean():
        return everything
    labels, _ = labelled(light)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    sheet: Mask = labels == int(sizes.argmax())
    return sheet if _LEAST < sheet.mean() < _MOST else everything
