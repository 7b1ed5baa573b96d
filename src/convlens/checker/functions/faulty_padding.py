"""The padding of faulty convolutions: zeros before and after the image, and the number of windows that follows.

A rule for "same" has a total of zeros (`_total`) and a way to halve it (`_halves`). Both are faults, see `faulty`.
"""

from __future__ import annotations

from collections.abc import Callable

from convlens.checker.functions.cases import CONV_BACKWARD, Case
from convlens.checker.functions.faulty_windows import Faults, affects, strides, window_count

__all__ = ["TOTALS", "Pads", "padding_and_windows"]

Pads = list[tuple[int, int]]  # zeros before and after, for rows and for columns

# Totals of zeros that are off by a term. size: rows of the image; k: rows of the kernel; s: the stride; out: rows of dZ
TOTALS: dict[str, Callable[[int, int, int, int], int]] = {
    "total_times_stride": lambda size, k, s, out: size * s + k - size - 1,
    "total_of_size_times_stride": lambda size, k, s, out: size * s + k - size,
    "total_without_kernel": lambda size, k, s, out: (size - 1) * s - size,
    "total_less_one": lambda size, k, s, out: (size - 1) * s + k - size - 1,
    "total_of_size_less_stride": lambda size, k, s, out: (size - s) * s + k - size,
    "total_of_next_less_stride": lambda size, k, s, out: size * (s - 1) + k - 1,
    "total_from_dz": lambda size, k, s, out: (out - 1) * s + k - size,
    "total_from_dz_times_stride": lambda size, k, s, out: out * s + k - size - 1,
    "total_of_dz": lambda size, k, s, out: (out - 1) * s + k - out,
    "total_of_kernel_times_stride": lambda size, k, s, out: (k - 1) * s,
    "total_of_kernel_less_stride": lambda size, k, s, out: k - s,
    "total_less_half_size": lambda size, k, s, out: (size - 1) * s + k - size // 2,
}
_STRIDES = {"stride_swapped", "stride_height_for_width", "stride_width_for_height"}
_MIXED = _STRIDES | {"valid_padded", "pad_width_by", "pad_height_by", "whole", "quartered"}
_WAYS = {"round_down", "halved", "even_extra", "truncated"}


def padding_and_windows(case: Case, faults: Faults, out: tuple[int, ...] = ()) -> tuple[Pads, list[int]]:
    """Return the zeros (before, after) and the numbers of windows, each for rows and for columns.

    out: the rows and columns of dZ, in conv_backward
    """
    rule = "valid" if "same_not_padded" in faults else "same" if "valid_padded" in faults else case.how
    steps = strides(case, faults, "in_pads")
    right = faults - _STRIDES if steps == case.stride else faults
    rows, columns = (_zeros(case, axis, steps, rule, out or case.windows(), right) for axis in (0, 1))
    if "pad_height_for_width" in faults:
        pads = [rows, rows]
    elif "pad_width_for_height" in faults:
        pads = [columns, columns]
    else:
        pads = [columns, rows] if "pad_swapped" in faults else [rows, columns]
    return pads, _counts(case, faults, rule, [rows, columns] if "not_counted" in faults else pads)


def _counts(case: Case, faults: Faults, rule: str, pads: Pads) -> list[int]:
    """Return the numbers of windows, down and across."""
    counts = []
    sizes, steps = (case.size.h, case.size.w), strides(case, faults, "in_counts")
    for axis, (size, k, s) in enumerate(zip(sizes, case.kernel, steps, strict=True)):
        padded = size if "count_unpadded" in faults else size + sum(pads[axis])
        count = (padded - k) // s + 1
        if "count_of_input" in faults and rule == "same":
            count = size
        if "count_of_steps" in faults and rule == "same":
            count = -(-size // s)
        if "count_ignores_stride" in faults:
            count = padded - k + 1
        more = window_count(count, (padded - 1) // s + 1, padded - k, s, faults)
        counts.append(more if affects(axis, faults) else count)
    return counts


def _zeros(
    case: Case, axis: int, steps: tuple[int, int], rule: str, out: tuple[int, ...], faults: Faults
) -> tuple[int, int]:
    """Return the zeros before and after the image on one axis."""
    if rule == "valid":
        return 0, 0
    size, k, s = (case.size.h, case.size.w)[axis], case.kernel[axis], steps[axis]
    total = _total(case, axis, (size, k, s, out[axis]), faults)
    if "pad_one_too_much" in faults and affects(axis, faults):
        if "as_read" in faults:
            return case.pads()[axis][0] + 1, case.pads()[axis][1] + 1
        return total // 2 + 1, total // 2 + 1
    if "pad_ignores_stride" in faults and affects(axis, faults):
        before = (k - 1) // 2 if "round_down" in faults else k // 2
        return before, k - 1 - before if "split" in faults else before
    if "tensorflow_same" in faults:
        total = max((-(-size // s) - 1) * s + k - size, 0)
        before = total - total // 2 if "round_up" in faults else total // 2
        return before, before if "both" in faults else total - before
    if faults & (_MIXED | _WAYS | TOTALS.keys()):
        before, after = _halves(case, axis, max(0, total) if "clamped" in faults else total, faults)
        if before < 0 or after < 0:
            raise ValueError(f"{before} and {after} rows or columns of zeros")
        return before, after
    before, after = case.pads()[axis]
    if case.task == CONV_BACKWARD:  # as many zeros as the windows of dZ need
        after = max(after, (out[axis] - 1) * s + k - before - size)
    return before, after


def _halves(case: Case, axis: int, total: int, faults: Faults) -> tuple[int, int]:
    """Return how a total is halved: half of it rounded up or down, on both sides or with the rest after the image."""
    if "whole" in faults:
        return total, total
    if "quartered" in faults:
        half = total // 2
        return half - half // 2, half // 2 if "both" not in faults else half - half // 2
    before = total // 2 if faults & _WAYS else total - total // 2
    if "truncated" in faults:
        before = int(total / 2)
    if "even_extra" in faults:
        by = 0 if "of_height" in faults else 1 if "of_width" in faults else axis
        before = (total // 2 if "round_up" not in faults else total - total // 2 - total % 2) + (
            (case.size.h, case.size.w)[axis] % 2 == int("odd" in faults)
            if "of_image" in faults
            else case.kernel[by] % 2 == 0
        )
        return before, before
    return before, before if faults & {"both", "halved"} else total - before


def _total(case: Case, axis: int, numbers: tuple[int, int, int, int], faults: Faults) -> int:
    """Return the total number of zeros on one axis. numbers: size, kernel and stride of the axis, rows of dZ."""
    for name, total in TOTALS.items():
        if name in faults and affects(axis, faults):
            return total(*numbers)
    size, k, s, _ = numbers
    length, taken = size, size
    if f"pad_{'width' if axis else 'height'}_by" in faults:  # computed with values of the other axis by mistake
        other = (case.size.h, case.size.w)[1 - axis]
        length = other if "size" in faults else length
        taken = other if "taken" in faults else taken
        k = case.kernel[1 - axis] if "kernel" in faults else k
        s = case.stride[1 - axis] if "stride" in faults else s
    return (length - 1) * s + k - taken
