"""Faint ink that joins a mark: the end of a stroke where the pen failed, or one that lies in another light."""

from __future__ import annotations

import numpy as np

from convlens.data.handwriting.regions import Mask, grown, labelled

__all__ = ["with_faint"]

_EDGE = 2  # every stroke has a soft edge, as many pixels wide
_MUCH = 0.1  # faint ink beyond the edge counts from this fraction of the mark's area


def with_faint(own: Mask, faint: Mask) -> Mask | None:
    """Return a mark (h, w) with the faint ink that joins it, or None if there is little.

    faint: where there is ink, however weak. It may lead to another piece, which belongs to the mark then.
    """
    joined, count = labelled(faint | own)
    touched = np.zeros(count + 1, dtype=bool)
    touched[joined[own]] = True
    whole: Mask = touched[joined] & (joined > 0)
    return whole if (whole & ~grown(own, _EDGE)).sum() > _MUCH * own.sum() else None
