"""The right values of the calls, computed by `convlens.ops`. They never go into the sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from convlens import ops
from convlens.arrays import Array
from convlens.checker.functions.cases import CONV_BACKWARD, CONV_FORWARD, POOL_FORWARD, Case, odd
from convlens.geometry import out_size

__all__ = ["ACTIVATIONS", "accepted"]

Value = tuple[Array, ...]  # one array, or the three arrays of conv_backward

# These equal the activations in `convlens.checker.sandbox.guest_side.course_file`; a test compares them
ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "identity": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "curve": lambda z: z / 2 + 1,
}


def accepted(case: Case, given: dict[str, Array]) -> Iterator[Value]:
    """Yield the right values of a call, in float64. A conv_backward with an odd number of zeros has two."""
    given = {name: array.astype(np.float64) for name, array in given.items()}
    x = given["A_prev"]
    if case.task == CONV_FORWARD:
        z = ops.conv2d_forward(x, given["W"], given["b"].ravel(), padding=case.pads(), stride=case.stride)
        yield (ACTIVATIONS[case.activation](z),)
    elif case.task == CONV_BACKWARD:
        yield from _conv_backward(case, given)
    elif case.task == POOL_FORWARD:
        pool = ops.max_pool2d_forward if case.how == "max" else ops.avg_pool2d_forward
        yield (pool(x, case.kernel, stride=case.stride),)
    elif case.how == "max":
        y = ops.max_pool2d_forward(x, case.kernel, stride=case.stride)
        yield (ops.max_pool2d_backward(given["dA"], x, y, case.kernel, stride=case.stride, ties="all"),)
    else:
        yield (ops.avg_pool2d_backward(given["dA"], x, case.kernel, stride=case.stride),)


def _conv_backward(case: Case, given: dict[str, Array]) -> Iterator[Value]:
    """Yield the right gradients. dZ gives the number of windows; an odd number of zeros may be split in two ways."""
    dz, x, w = given["dZ"], given["A_prev"], given["W"]
    starts = [[before for before, _ in case.pads()]]
    if odd(case):
        starts = [[(before + after + up) // 2 for before, after in _split_totals(case)] for up in (1, 0)]
    for start in starts:
        pads, counts = [], []
        for before, count, size, k, s in zip(start, dz.shape[1:3], x.shape[1:3], case.kernel, case.stride, strict=True):
            after = max(0, (count - 1) * s + k - before - size)
            pads.append((before, after))
            counts.append(out_size(size, k, s, before, after))
        # A window that fits into the image but is not in dZ has gradient 0
        dy = np.zeros((len(x), *counts, dz.shape[3]))
        dy[:, : dz.shape[1], : dz.shape[2]] = dz
        dx, dw, db = ops.conv2d_backward(dy, x, w, padding=(pads[0], pads[1]), stride=case.stride)
        assert dx is not None
        yield dx, dw, db.reshape(1, 1, 1, -1)


def _split_totals(case: Case) -> list[tuple[int, int]]:
    """Return the zeros of padding "same", (before, after) for rows and columns. If the number of zeros is odd, the
    extra one is after the image."""
    size = case.size
    totals = ((size.h - 1) * size.sh + size.kh - size.h, (size.w - 1) * size.sw + size.kw - size.w)
    return [(total // 2, total - total // 2) for total in totals]
