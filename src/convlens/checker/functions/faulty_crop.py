"""How faulty programs cut the padding off the images' gradient."""

from __future__ import annotations

from collections.abc import Callable

from convlens.arrays import Array
from convlens.checker.functions.faulty_padding import Pads
from convlens.checker.functions.faulty_windows import Faults

__all__ = ["ENDS", "cropped"]

# Where a slice that starts after the zeros ends. size: rows of the image; pad: zeros before it; padded: all rows
ENDS: dict[str, Callable[[int, int, int], int]] = {
    "ends_at_size": lambda size, pad, padded: size,
    "ends_at_size_less_zeros": lambda size, pad, padded: size - pad,
    "ends_at_end": lambda size, pad, padded: padded,
}


def cropped(dxp: Array, shape: tuple[int, ...], pads: Pads, how: str, faults: Faults) -> Array:
    """Return the images' gradient as a program with these faults cuts it out of the padded array.

    shape: the shape of the images; how: "same" or "valid". Raise ValueError if the program writes the part into an
    array of the images' shape ("written") and it does not fit.
    """
    if "only_same" in faults and how != "same":
        faults = frozenset()
    if "cut_if_valid" in faults:
        faults = frozenset({"not_cropped" if how == "same" else "crop_zero"}) | faults & {"written"}
    cut = _cut(dxp, shape, pads, faults)
    if "written" in faults and cut.shape != shape:
        raise ValueError(f"could not broadcast {cut.shape} into {shape}")
    return cut


def _cut(dxp: Array, shape: tuple[int, ...], pads: Pads, faults: Faults) -> Array:
    (top, _), (left, _) = pads
    if any(name in faults and not met for name, met in _conditions(top, left)):
        return dxp
    if "not_cropped" in faults or ("sum_unpadded" in faults and not faults & {"crop_zero", "crop_by_size"}):
        return dxp
    if "cropped_from_corner" in faults:
        return dxp[:, : shape[1], : shape[2]]
    if "crop_zero" in faults:
        bottom, right = (pads[0][1], pads[1][1]) if "by_end" in faults else (top, left)
        return dxp[:, top:-bottom, left:-right]
    for name, end in ENDS.items():
        if name in faults and (top or left):
            rows, columns = end(shape[1], top, dxp.shape[1]), end(shape[2], left, dxp.shape[2])
            return dxp[:, top:rows, left:columns]
    return dxp[:, top : top + shape[1], left : left + shape[2]]


def _conditions(top: int, left: int) -> tuple[tuple[str, bool], ...]:
    """Return the conditions under which a program cuts the padding off, each with whether it is met."""
    return (
        ("if_any", bool(top or left)),
        ("if_both", bool(top and left)),
        ("if_rows", bool(top)),
        ("if_columns", bool(left)),
    )
