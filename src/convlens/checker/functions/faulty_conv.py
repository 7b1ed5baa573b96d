"""Convolution and its gradients as students write them, with the faults of `faulty`."""

from __future__ import annotations

import numpy as np

from convlens.arrays import Array
from convlens.checker.functions.cases import Case
from convlens.checker.functions.expected import ACTIVATIONS, Value
from convlens.checker.functions.faulty_crop import cropped
from convlens.checker.functions.faulty_padding import Pads, padding_and_windows
from convlens.checker.functions.faulty_windows import Faults, affects, all_slices, cut, strides, whole_windows

__all__ = ["DB_AXES", "conv_backward", "conv_forward"]

# The axes of dZ over which a faulty program sums, instead of examples, rows and columns
DB_AXES = {
    "db_hw": (1, 2),
    "db_nh": (0, 1),
    "db_nw": (0, 2),
    "db_n": (0,),
    "db_hwc": (1, 2, 3),
    "db_all": (0, 1, 2, 3),
}


def _padded(x: Array, pads: Pads) -> Array:
    (top, bottom), (left, right) = pads
    n, h, w, c = x.shape
    padded = np.zeros((n, top + h + bottom, left + w + right, c))
    padded[:, top : top + h, left : left + w] = x
    return padded


def conv_forward(case: Case, given: dict[str, Array], faults: Faults) -> Array:
    """Return A of task 0."""
    x, w, b = given["A_prev"], given["W"], given["b"]
    pads, (oh, ow) = padding_and_windows(case, faults)
    w = w[::-1, ::-1] if "kernel_flipped" in faults else w
    if "first_channel_only" in faults:
        x, w = x[..., :1], w[:, :, :1]
    if "first_filter_only" in faults:
        w = np.repeat(w[..., :1], w.shape[3], axis=3)
    if "square_kernel" in faults:
        w = _square(w)
    if "first_bias_only" in faults:
        b = np.full_like(b, b[..., 0].item())
    if "first_example_only" in faults:
        x = np.repeat(x[:1], len(x), axis=0)
    xp, stride = x if "unpadded_input" in faults else _padded(x, pads), strides(case, faults)
    slices = all_slices((oh, ow), xp.shape, case.kernel, stride, faults)
    if starts := whole_windows(slices, xp.shape[1:3], case.kernel):
        z = np.tensordot(cut(xp, starts, case.kernel), w, 3)
    else:
        z = np.zeros((len(x), oh, ow, w.shape[3]))
        for i, rows in enumerate(slices[0]):
            for j, columns in enumerate(slices[1]):
                z[:, i, j] = (xp[:, rows, columns, :, None] * w).sum(axis=(1, 2, 3))
    activate = ACTIVATIONS[case.activation]
    if "filters_by_input" in faults:
        z = _first_filters(z, x.shape[3])
    if "last_filter_only" in faults:
        z = _last_filter(z)
    if "loop_in_steps" in faults and "bias_inside" not in faults:
        z = z * _reached(z, case.stride, faults)
    if "over_examples" in faults:
        z[:] = z.sum(axis=0)
    if "overwritten" in faults:
        z = _last_cell_forward(xp, w, (oh, ow), stride)
    if "activation_before_bias" in faults:
        return activate(z) + b
    times = (
        0
        if "bias_missing" in faults
        else 2
        if "bias_doubled" in faults
        else w[..., 0].size
        if "all_channels" in faults
        else w[..., 0, 0].size
        if "bias_repeated" in faults
        else 1
    )
    if "never_filled" in faults:
        z[...] = 0
        times = 1 if "but_bias" in faults else 0
    if "blank" in faults:  # a last row and column that no loop fills
        z = np.pad(z, ((0, 0), *((0, int(affects(axis, faults))) for axis in (0, 1)), (0, 0)))
    z = z + times * b
    if "loop_in_steps" in faults and "bias_inside" in faults:
        z = z * _reached(z, case.stride, faults)
    if "returned_early" in faults:
        z[1:] = 0
    if "transposed" in faults:
        z = z.transpose(0, 2, 1, 3)
    if "activation_missing" in faults or ("never_filled" in faults and "activated" not in faults):
        return np.asarray(z)
    z = activate(activate(z)) if "activation_doubled" in faults else activate(z)
    if "returned_early" in faults and "outside" in faults:
        z[1:] = 0
    return np.asarray(z)


def _first_filters(array: Array, count: int) -> Array:
    """Return what a loop over as many filters as the input has channels reaches, and zeros in the other channels."""
    if count > array.shape[3]:
        raise IndexError(f"there is no filter {array.shape[3]}")
    return np.asarray(array * (np.arange(array.shape[3]) < count))


def _reached(array: Array, stride: tuple[int, int], faults: Faults) -> Array:
    """Return 1 for the windows (1, oh, ow, 1) that a loop over the windows in steps of the stride reaches, and 0.

    "spread": it reaches window 0, s, 2 s and so on, otherwise the first ones
    """
    met = []
    for count, s in zip(array.shape[1:3], stride, strict=True):
        k = np.arange(count)
        met.append(k % s == 0 if "spread" in faults else k * s < count)
    return np.asarray((met[0][:, None] & met[1])[None, :, :, None], dtype=np.float64)


def _last_filter(array: Array) -> Array:
    """Return the array with zeros in all but the last of the filters, its last axis."""
    return np.asarray(array * (np.arange(array.shape[-1]) == array.shape[-1] - 1))


def _square(w: Array) -> Array:
    """Return the kernel as a loop over kh rows and kh columns reads it. Raise IndexError if there are fewer columns."""
    kh, kw = w.shape[:2]
    if kh > kw:
        raise IndexError(f"the kernel has no column {kw}")
    w = w.copy()
    w[:, kh:] = 0
    return w


def _last_cell_forward(xp: Array, w: Array, counts: tuple[int, int], stride: tuple[int, int]) -> Array:
    """Return the output of a loop over the kernel's cells that overwrites: only the last cell's product is left."""
    (oh, ow), (sh, sw) = counts, stride
    p, q = w.shape[0] - 1, w.shape[1] - 1
    return np.asarray(xp[:, p : p + sh * oh : sh, q : q + sw * ow : sw] @ w[p, q])


def conv_backward(case: Case, given: dict[str, Array], faults: Faults) -> Value:
    """Return dA_prev, dW and db of task 2."""
    dz, x, w = given["dZ"], given["A_prev"], given["W"]
    pads, counts = padding_and_windows(case, faults, dz.shape[1:3])
    stride = strides(case, faults)
    summed = dz
    if "filters_by_input" in faults:
        dz = _first_filters(dz, x.shape[3])
        summed = dz if "inside" in faults else summed
    if "loop_in_steps" in faults:
        dz = dz * _reached(dz, case.stride, faults)
    oh, ow = dz.shape[1:3]
    if "own_count" in faults:
        oh, ow = counts
    if "first_example_only" in faults:
        x = np.repeat(x[:1], len(x), axis=0)
    xp = _padded(x, pads)
    dxp, dw = np.zeros_like(x if "sum_unpadded" in faults else xp), np.zeros_like(w)
    if "from_input" in faults:
        dxp += x if "sum_unpadded" in faults else xp
    w = _square(w) if "square_kernel" in faults else w
    turned = w[::-1, ::-1] if "kernel_flipped" in faults else w
    if "first_channel_only" in faults:
        turned = np.repeat(turned[..., :1], w.shape[3], axis=3)
    if "overwritten" in faults or ("last_filter_only" in faults and "of_dw" not in faults):
        turned = _last_filter(turned)
    xs = x if "unpadded_input" in faults else xp
    last = -1 if "dw_overwritten" in faults and "all_examples" not in faults else 0
    until = 1 if "returned_early" in faults else len(x)
    slices = all_slices((oh, ow), xs.shape, case.kernel, stride, faults)
    starts = whole_windows(slices, (min(xs.shape[1], dxp.shape[1]), min(xs.shape[2], dxp.shape[2])), case.kernel)
    fast = starts is not None and (oh, ow) <= dz.shape[1:3] and not faults & {"overwritten", "dw_overwritten"}
    if starts is not None and fast:
        used = dz[:until, :oh, :ow]
        share = np.tensordot(used, turned, (3, 3))
        for p, q in np.ndindex(case.kernel):
            dxp[:until, starts[0][:, None] + p, starts[1] + q] += share[:, :, :, p, q]
        dw[...] = np.tensordot(cut(xs[:until], starts, case.kernel), used, ((0, 1, 2), (0, 1, 2)))
        if "kernel_flipped" in faults and "dw_too" in faults:
            dw = dw[::-1, ::-1]
    for i, rows in enumerate([] if fast else slices[0]):
        for j, columns in enumerate(slices[1]):
            gradient = dz[:until, i, j]
            share = np.tensordot(gradient, turned, (1, 3))
            dxp[:until, rows, columns] = share if "overwritten" in faults else dxp[:until, rows, columns] + share
            part = np.tensordot(xs[:until, rows, columns][last:], gradient[last:], (0, 0))
            if "kernel_flipped" in faults and "dw_too" in faults:
                part = part[::-1, ::-1]
            dw[...] = part if "dw_overwritten" in faults else dw + part
    if "overwritten_by_cell" in faults:
        dxp = _last_cell(dz, w, xp, stride)
    if "carried_over" in faults:
        dxp = np.cumsum(dxp, axis=0)
    if "last_filter_only" in faults and "of_da" not in faults:
        dw = _last_filter(dw)
    dx = cropped(dxp, x.shape, pads, case.how, faults)
    value = [dx, dw, _bias_gradient(summed[:until], faults)]
    for at, name in enumerate(("dA_prev", "dW", "db")):
        if "never_filled" in faults and name in faults:
            value[at] = np.zeros_like((x, w, given["b"])[at])
    count = len(x) if "divided_by_m" in faults else dz[..., 0].size if "divided_by_all" in faults else 1
    return value[0] / count, value[1] / count, value[2] / count


def _last_cell(dz: Array, w: Array, xp: Array, stride: tuple[int, int]) -> Array:
    """Return the images' gradient of a loop over the kernel's cells that overwrites: the last cell's value is left."""
    dxp, (sh, sw) = np.zeros_like(xp), stride
    for p in range(w.shape[0]):
        for q in range(w.shape[1]):
            rows, columns = slice(p, p + sh * dz.shape[1], sh), slice(q, q + sw * dz.shape[2], sw)
            dxp[:, rows, columns] = dz @ w[p, q].T
    return dxp


def _bias_gradient(dz: Array, faults: Faults) -> Array:
    if "db_last" in faults:
        return np.asarray(dz[-1, -1, -1].reshape(1, 1, 1, -1))
    if "first_channel_only" in faults:
        dz = np.repeat(dz[..., :1], dz.shape[3], axis=3)
    for name, axes in DB_AXES.items():
        if name in faults:
            return np.asarray(dz.sum(axis=axes, keepdims="flat" not in faults))
    return np.asarray(dz.sum(axis=(0, 1, 2), keepdims="flat" not in faults))
