"""Pooling and its gradient as students write them, with the faults of `faulty`."""

from __future__ import annotations

import numpy as np

from convlens.arrays import Array
from convlens.checker.functions.cases import Case
from convlens.checker.functions.faulty_windows import Faults, affects, strides, window_count, window_slices

__all__ = ["pool_backward", "pool_forward"]


def _pool_windows(case: Case, faults: Faults) -> tuple[int, int]:
    """Return the number of windows, down and across."""
    sh, sw = case.stride if "start_only" in faults else strides(case, faults)
    kh, kw = case.kernel
    if "count_height_for_width" in faults:
        kw = kh
    if "count_ignores_stride" in faults:
        return case.size.h - kh + 1, case.size.w - kw + 1
    counts = []
    for axis, (size, k, s) in enumerate(((case.size.h, kh, sh), (case.size.w, kw, sw))):
        count = (size - k) // s + 1
        if "one_for_even" in faults:
            count -= case.kernel[1 - axis if "swapped" in faults else axis] % 2
        counts.append(window_count(count, (size - 1) // s + 1, size - k, s, faults) if affects(axis, faults) else count)
    return counts[0], counts[1]


def _mode(case: Case, faults: Faults) -> str:
    return "max" if "always_max" in faults else "avg" if "always_avg" in faults else case.how


def _mean(window: Array) -> Array:
    """Return the means of a window, NaN if it is empty."""
    return np.asarray(window.sum(axis=(1, 2)) / np.float64(window.shape[1] * window.shape[2]))


def pool_forward(case: Case, given: dict[str, Array], faults: Faults) -> Array:
    """Return A of task 1."""
    x = given["A_prev"]
    if "first_example_only" in faults:
        x = np.repeat(x[:1], len(x), axis=0)
    if "first_channel_only" in faults:
        x = np.repeat(x[..., :1], x.shape[3], axis=3)
    oh, ow = _pool_windows(case, faults)
    y, stride = np.zeros((len(x), oh, ow, x.shape[3])), strides(case, faults)
    for i in range(oh):
        for j in range(ow):
            rows, columns = window_slices(i, j, x.shape, case.kernel, stride, faults)
            if "row_by_column" in faults and (case.how == "avg" or "of_max" in faults):
                rows = slice(rows.start, j * stride[0] + case.kernel[0])
            window = x[:, rows, columns]
            if not window.size and _mode(case, faults) == "max":
                raise ValueError("an empty window")
            if _mode(case, faults) == "avg" and "overwritten" not in faults:
                square = "average_square" in faults
                y[:, i, j] = window.sum(axis=(1, 2)) / case.kernel[0] ** 2 if square else _mean(window)
                if "average_not_divided" in faults:
                    y[:, i, j] = window.sum(axis=(1, 2))
                if "average_divided_whole" in faults:
                    y[:, i, j] = window.sum(axis=(1, 2)) // (case.kernel[0] * case.kernel[1])
                if "maximum_of_all" in faults and "mean_too" in faults:
                    y[:, i, j] = window.sum() / np.float64(window.size)
                continue
            if "overwritten" in faults:
                y[:, i, j] = window[:, -1, -1] / (1 if case.how == "max" else case.kernel[0] * case.kernel[1])
                continue
            y[:, i, j] = window.max(axis=(1, 2))
            if "maximum_of_all" in faults:
                y[:, i, j] = window.max()
            if "max_over_channels" in faults:
                y[:, i, j] = window.max(axis=(1, 2, 3))[:, None]
            if "max_starts_at_zero" in faults:
                y[:, i, j] = np.maximum(y[:, i, j], 0)
    if "mode_misspelt" in faults and ("max" if "of_max" in faults else "avg") == case.how:
        y[...] = 0
    if "returned_early" in faults:
        y[1:] = 0
    if "never_filled" in faults:
        y[...] = 0
    return y.transpose(0, 2, 1, 3) if "transposed" in faults else y


def pool_backward(case: Case, given: dict[str, Array], faults: Faults) -> Array:
    """Return dA_prev of task 3."""
    da, x = given["dA"], given["A_prev"]
    if "first_channel_only" in faults:
        da = np.repeat(da[..., :1], da.shape[3], axis=3) if "of_gradient" in faults else da
        x = x if "of_gradient" in faults else np.repeat(x[..., :1], x.shape[3], axis=3)
    if "first_example_only" in faults:
        da = np.repeat(da[:1], len(da), axis=0) if "of_gradient" in faults else da
        x = x if "of_gradient" in faults else np.repeat(x[:1], len(x), axis=0)
    if "direct_copy" in faults:
        dx = np.zeros_like(x)
        dx[:, : da.shape[1], : da.shape[2]] = da.sum(axis=0) if "over_examples" in faults else da
        return dx
    if "never_filled" in faults:
        return np.zeros_like(x)
    dx, stride = np.zeros_like(x), strides(case, faults)
    for n in range(1 if "returned_early" in faults else len(x)):
        for i in range(da.shape[1]):
            for j in range(da.shape[2]):
                rows, columns = window_slices(i, j, x.shape, case.kernel, stride, faults)
                for c in range(da.shape[3]):
                    window = (n, rows, columns, c)
                    if "column_index" in faults or "row_index" in faults:
                        _add_index_share(dx, x, window, da[n, i, j, c], case, faults)
                        continue
                    largest = x[n, rows, columns] if "of_channels" in faults else x[:, rows, columns, c]
                    cells = largest if "maximum_of_all" in faults else x[window]
                    limit = cells.max() if _mode(case, faults) == "max" else 0.0
                    share = _share(x[window], limit, da[n, i, j, c], case, faults)
                    dx[window] = share if "overwritten" in faults else dx[window] + share
    if "last_cell" in faults:
        dx = _last_cell_pool(da, x, case)
    if "mode_misspelt" in faults and ("max" if "of_max" in faults else "avg") == case.how:
        dx[...] = 0
    return dx / len(x) if "divided_by_m" in faults else dx


def _add_index_share(
    dx: Array, x: Array, window: tuple[int, slice, slice, int], gradient: float, case: Case, faults: Faults
) -> None:
    """Add the gradients of a window that was cut out with an index where a slice belongs, of rows or of columns."""
    n, rows, columns, c = window
    at = columns if "column_index" in faults else rows
    index = at.start if "of_start" in faults else at.stop
    cells = x[n, rows, index, c] if "column_index" in faults else x[n, index, columns, c]
    if _mode(case, faults) == "avg":
        share = np.full(case.kernel, gradient / (case.kernel[0] * case.kernel[1]))
    else:
        share = (cells == cells.max()) * gradient
    dx[window] += share


def _last_cell_pool(da: Array, x: Array, case: Case) -> Array:
    """Return the gradient of a loop over the window's cells that overwrites: the last cell's value is left."""
    (kh, kw), (sh, sw) = case.kernel, case.stride
    cells = [
        np.s_[:, p : p + sh * da.shape[1] : sh, q : q + sw * da.shape[2] : sw] for p in range(kh) for q in range(kw)
    ]
    largest, dx = np.max([x[cell] for cell in cells], axis=0), np.zeros_like(x)
    for cell in cells:
        dx[cell] = da * (x[cell] == largest) if case.how == "max" else da / (kh * kw)
    return dx


def _share(cells: Array, limit: float, gradient: float, case: Case, faults: Faults) -> Array:
    """Return the gradients of one window's cells. limit: the number that counts as the maximum."""
    kh, kw = case.kernel
    if _mode(case, faults) == "avg":
        if "average_not_divided" in faults:
            return np.full(cells.shape, gradient)
        return np.full(cells.shape, gradient / (kh * kh if "average_square" in faults else kh * kw))
    mask = cells == (max(0.0, limit) if "max_starts_at_zero" in faults else limit)
    if "ties_first" in faults:
        mask = (np.arange(cells.size) == cells.argmax()).reshape(cells.shape)
    if "ties_shared" in faults:
        mask = mask / mask.sum()
    share: Array = mask * gradient
    return share * cells if "mask_value" in faults else share
