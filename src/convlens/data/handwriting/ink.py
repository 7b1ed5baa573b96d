"""Separate ink from paper: paper is what remains when narrow dark (or light) structures are filled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convlens.data.handwriting.lines import without_lines
from convlens.data.handwriting.regions import Levels, Mask, blurred, closing, grown, labelled

__all__ = ["CONTRAST", "Ink", "NothingToSeeError", "find_ink", "otsu"]

CONTRAST = 16  # the least difference between ink and paper, in grey levels of 255
_PEN = 0.17  # half of the widest stroke, as a fraction of the shorter side of the picture
_CUT = 0.4  # a stroke ends where the ink falls below this fraction of its full strength
_INNER = 0.2  # objects that reach the border are left out if others have this fraction of their strength
_FAINT = 0.17  # lines are looked for down to this fraction
_WEAK = 0.3  # lines are looked for in what has this fraction of the strength of strong objects
_DARKEST = 48.0  # paper darker than this is taken as this dark, so that noise in the dark does not become ink
_SPREAD = 1.4826  # standard deviation of a normal distribution whose median absolute deviation is 1


class NothingToSeeError(ValueError):
    """There is no ink in the picture. The text names the rule and the contrast that was found.

    areas: something differs from the paper, but is no stroke.
    """

    def __init__(self, contrast: float, areas: bool = False) -> None:
        self.contrast = contrast
        found = "areas without strokes" if areas else f"{max(contrast, 0):.0f}"
        super().__init__(
            f"must show ink that differs from its paper, beyond the noise, by {CONTRAST} of 255 grey levels; "
            f"got {found}"
        )


@dataclass(frozen=True, eq=False)
class Ink:
    """Ink found in a picture.

    level: 0 for paper … 1 for a full stroke (h, w). strokes: where it is at least _CUT. faint: where it is at least
    _FAINT, as a line may be in one part. paper: its grey level there.
    contrast: full strength in grey levels. cut: pixels of objects that reach the border (h, w).
    """

    level: Levels
    strokes: Mask
    faint: Mask
    paper: Levels
    contrast: float
    border: Mask


def find_ink(grey: Levels, light: bool, flat: bool = False) -> Ink:
    """Find light or dark ink in grey levels 0 … 255 (h, w).

    The strength of ink is its drop below the paper, as a fraction of the paper's level, so that a shadow does not
    change it. Objects that reach the border do not count when the full strength is measured, unless there is nothing
    else. flat: the paper has one shade, and strokes any width.

    Raises NothingToSeeError if no region differs from the paper, beyond the noise, by CONTRAST grey levels.
    """
    level = 255 - grey if light else grey
    soft = blurred(level)
    noise = _SPREAD * float(np.median(np.abs(level - soft)))
    if noise < 0.5:
        soft = level
    elif noise > 8:
        soft = blurred(soft)
    if flat:
        paper = np.maximum(soft, np.float32(np.median(soft)))
    else:
        paper = closing(soft, max(2, round(_PEN * min(grey.shape))))
    drop = (paper - soft) / (255 if light else np.maximum(paper, _DARKEST))
    rest = drop - float(np.median(drop))
    spread = _SPREAD * float(np.median(np.abs(rest)))
    clear: Levels = (rest - 2 * spread).astype(np.float32)
    floor = max(4 * spread, 0.03)
    border, strong = _from_border(clear, floor)
    inner = np.where(border, 0, clear)
    inside = inner > max(floor, 0.25 * strong)
    outer = float(np.percentile(clear[border], 75)) if border.any() else 0.0
    if _largest(inside) < 12 or strong < _INNER * outer:  # nothing but what reaches the border
        inner, border = clear, np.zeros_like(border)
        inside = inner > floor
    values = inner[inside]
    full, typical = 0.0, 255.0
    if values.size >= 12:
        dark = values >= otsu(values)
        full, typical = float(np.percentile(values[dark], 75)), float(np.percentile(paper[inside][dark], 75))
    contrast = full * (255 if light else typical) - 2 * noise
    if contrast < CONTRAST - 0.5:
        raise NothingToSeeError(min(contrast, float(np.ptp(grey))))
    strokes, faint = inner > max(_CUT * full, 4 * spread), inner > max(_FAINT * full, 4 * spread)
    return Ink(np.clip(inner / full, 0, 1).astype(np.float32), strokes, faint, paper, contrast, border)


def _from_border(drop: Levels, floor: float) -> tuple[Mask, float]:
    """Return the mask of strong objects that reach the border, and the strength of the others."""
    values = drop[drop > floor]
    if not values.size:
        return np.zeros(drop.shape, dtype=bool), 0.0
    high = otsu(values)
    weak: Mask = drop > max(floor, _WEAK * high)  # a fold is fainter than the digit that it joins to the border
    unlined, _ = without_lines(weak, np.ones(drop.shape, dtype=bool))
    strong = (drop > max(floor, 0.6 * high)) & ~(weak & ~unlined)
    labels, count = labelled(strong)
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    reached = np.zeros(count + 1, dtype=bool)
    reached[edge] = True
    reached[0] = False
    border: Mask = grown(reached[labels], 2)
    others = drop[(drop > floor) & ~border]
    return border, float(np.percentile(others, 90)) if others.size else 0.0


def _largest(mask: Mask) -> int:
    labels, count = labelled(mask)
    return int(np.bincount(labels.ravel())[1:].max()) if count else 0


def otsu(values: NDArray[np.floating]) -> float:
    """Return the level that divides the values into two groups with the largest variance between the groups."""
    low, high = float(values.min()), float(values.max())
    if high - low <= 1e-4 * max(abs(low), abs(high)):
        return low
    counts, edges = np.histogram(values, bins=256, range=(low, high))
    below, moment = counts.cumsum(), (counts * np.arange(256)).cumsum()
    above = below[-1] - below
    parts = np.maximum(below * above, 1)
    variance = (moment[-1] / below[-1] * below - moment) ** 2 / parts
    return float(edges[int(variance.argmax()) + 1])
