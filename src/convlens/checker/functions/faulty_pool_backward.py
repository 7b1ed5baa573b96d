"""The gradient of pooling as students write it, with the faults of `faulty`."""

from __future__ import annotations

import numpy as np

from convlens.arrays import Array
from convlens.checker.functions.cases import Case
from convlens.checker.functions.faulty_pool import LAST, divisor, mode_of
from convlens.checker.functions.faulty_windows import Faults, affects
from convlens.checker.functions.pool_windows import COUNTS, pool_counts, pool_slices

__all__ = ["pool_backward"]

_COUNTED = frozenset({"output_one_too_few", "count_ignores_stride", *COUNTS})


def _inputs(given: dict[str, Array], faults: Faults) -> tuple[Array, Array]:
    """Return dA and A_prev, with the first example or channel in place of all, if the program uses only this one."""
    da, x = given["dA"], given["A_prev"]
    if "first_channel_only" in faults:
        da = np.repeat(da[..., :1], da.shape[3], axis=3) if "of_gradient" in faults else da
        x = x if "of_gradient" in faults else np.repeat(x[..., :1], x.shape[3], axis=3)
    if "first_example_only" in faults:
        da = np.repeat(da[:1], len(da), axis=0) if "of_gradient" in faults else da
        x = x if "of_gradient" in faults else np.repeat(x[:1], len(x), axis=0)
    for axis, word in enumerate(LAST):
        if word in faults:
            da = da.copy()
            np.moveaxis(da, axis, 0)[:-1] = 0
    return da, x


def pool_backward(case: Case, given: dict[str, Array], faults: Faults) -> Array:
    """Return dA_prev of task 3."""
    da, x = _inputs(given, faults)
    dx = np.zeros_like(x)
    if "direct_copy" in faults:
        dx[:, : da.shape[1], : da.shape[2]] = da.sum(axis=0) if "over_examples" in faults else da
        return dx
    if "never_filled" in faults:
        return dx
    if "last_cell" in faults:
        dx = _last_cell(da, x, case)
    else:
        _add_windows(dx, da, x, case, faults)
    if "mode_misspelt" in faults and ("max" if "of_max" in faults else "avg") == case.how:
        dx[...] = 0
    if "returned_early" in faults:
        dx[1:] = 0
    return dx / len(x) if "divided_by_m" in faults else dx


def _loops(da: Array, case: Case, faults: Faults) -> tuple[range, range]:
    """Return the rows and columns of windows that the program computes."""
    oh, ow = pool_counts(case, faults)[1] if faults & _COUNTED else (da.shape[1], da.shape[2])
    if "after_row" in faults or "after_window" in faults:
        oh = 1
    if "after_window" in faults:
        ow = 1
    down, across = case.stride if "skips_windows" in faults else (1, 1)
    return range(0, oh, down), range(0, ow, across)


def _add_windows(dx: Array, da: Array, x: Array, case: Case, faults: Faults, example: int | None = None) -> None:
    """Add the gradients of all windows. example: the number of the only example, if the windows depend on it"""
    if example is None and faults & {"of_example", "of_outer_loops"}:
        for n in range(len(x)):
            _add_windows(dx[n : n + 1], da[n : n + 1], x[n : n + 1], case, faults, n)
        return
    rows_of_windows, columns_of_windows = _loops(da, case, faults)
    for i in rows_of_windows:
        for j in columns_of_windows:
            of = (j, i) if "gradient_transposed" in faults else (i, j)
            gradient = _gradient(da[:, of[0], of[1]], da, faults)[:, None, None]
            at = i, j
            if example is not None:
                outer = (example, i) if "of_outer_loops" in faults else (example, example)
                at = outer[0] if affects(0, faults) else i, outer[1] if affects(1, faults) else j
            _add_window(dx, gradient, x, at, case, faults)


def _add_window(dx: Array, gradient: Array, x: Array, at: tuple[int, int], case: Case, faults: Faults) -> None:
    """Add the gradients of one window. gradient: (n, 1, 1, c)"""
    to = np.s_[:, *pool_slices(at, case, x.shape, faults, "only_write")]
    rows, columns = pool_slices(at, case, x.shape, faults, "only_read")
    if "column_index" in faults or "row_index" in faults:
        share = _index_share(x, rows, columns, gradient, case, faults)
    elif mode_of(case, faults) == "avg":
        number = divisor(case, faults)
        shares = gradient // number if "average_divided_whole" in faults else gradient / number
        share = np.broadcast_to(shares, dx[to].shape)
    elif "mask_missing" in faults:
        share = np.broadcast_to(gradient, dx[to].shape)
    else:
        share = _mask(x[:, rows, columns], x, faults) * gradient
        share = share * x[:, rows, columns] if "mask_value" in faults else share
    if "to_all" in faults:
        share = share.sum(axis=3 if "of_channels" in faults else 0, keepdims=True)
    dx[to] = share if "overwritten" in faults else dx[to] + share


def _gradient(own: Array, da: Array, faults: Faults) -> Array:
    """Return the gradient (n, c) of one window. own: the right one"""
    if "gradient_ignored" in faults:
        return np.ones_like(own)
    if "gradient_total" not in faults:
        return own
    total = own.sum(axis=1, keepdims=True) if "of_channels" in faults else da.sum(axis=(1, 2))
    return np.broadcast_to(da.sum() if "of_all" in faults else total, own.shape)


def _mask(cells: Array, x: Array, faults: Faults) -> Array:
    """Return for each cell of a window (n, kh, kw, c) the share of the gradient that it gets in mode "max"."""
    axes: tuple[int, ...] = (1, 2)
    if "maximum_of_all" in faults:
        axes = (0, 1, 2, 3) if "of_both" in faults else (1, 2, 3) if "of_channels" in faults else (0, 1, 2)
    limit = cells.max(axis=axes, keepdims=True)
    if "minimum" in faults:
        limit = cells.min(axis=axes, keepdims=True)
    if "max_of_image" in faults:
        limit = x.max(axis=(1, 2), keepdims=True) if "of_channels" in faults else x.max(keepdims=True)
    mask: Array = cells == (np.maximum(0.0, limit) if "max_starts_at_zero" in faults else limit)
    if "ties_first" in faults or "ties_last" in faults:
        flat = cells.reshape(len(cells), -1, cells.shape[3])
        flat = -flat if "minimum" in faults else flat
        first = flat.argmax(axis=1) if "ties_first" in faults else flat.shape[1] - 1 - flat[:, ::-1].argmax(axis=1)
        mask = (np.arange(flat.shape[1])[:, None] == first[:, None]).reshape(cells.shape)
    if "mask_inverted" in faults:
        mask = ~mask
    return mask / mask.sum(axis=(1, 2), keepdims=True) if "ties_shared" in faults else mask


def _index_share(x: Array, rows: slice, columns: slice, gradient: Array, case: Case, faults: Faults) -> Array:
    """Return the share of a window that was cut out with an index where a slice belongs, of rows or of columns."""
    at = columns if "column_index" in faults else rows
    index = at.start if "of_start" in faults else at.stop
    cells = x[:, rows, index] if "column_index" in faults else x[:, index, columns]
    if mode_of(case, faults) == "avg":
        return np.broadcast_to(gradient / (case.kernel[0] * case.kernel[1]), (len(x), *case.kernel, x.shape[3]))
    mask: Array = (cells == cells.max(axis=1, keepdims=True))[:, None]
    return np.asarray(mask * gradient)


def _last_cell(da: Array, x: Array, case: Case) -> Array:
    """Return the gradient of a loop over the window's cells that overwrites: the last cell's value is left."""
    (kh, kw), (sh, sw) = case.kernel, case.stride
    cells = [
        np.s_[:, p : p + sh * da.shape[1] : sh, q : q + sw * da.shape[2] : sw] for p in range(kh) for q in range(kw)
    ]
    largest, dx = np.max([x[cell] for cell in cells], axis=0), np.zeros_like(x)
    for cell in cells:
        dx[cell] = da * (x[cell] == largest) if case.how == "max" else da / (kh * kw)
    return dx
