"""Convolution and its gradients as students write them, with mistakes that can be put in: see `sketch`."""

from __future__ import annotations

import numpy as np

from convlens.arrays import Array
from convlens.checker.functions.cases import Case
from convlens.checker.functions.expected import ACTIVATIONS, Value
from convlens.checker.functions.sketch_windows import Has, cut, more, on, strides

__all__ = ["DB_AXES", "conv_backward", "conv_forward"]

# Axes of dZ that may be summed over in place of examples, rows and columns
DB_AXES = {
    "db_hw": (1, 2),
    "db_nh": (0, 1),
    "db_nw": (0, 2),
    "db_n": (0,),
    "db_hwc": (1, 2, 3),
    "db_all": (0, 1, 2, 3),
}


def _padding(case: Case, has: Has) -> tuple[list[tuple[int, int]], list[int]]:
    """(before, after) of each axis, and how many windows each axis gets"""
    rule = "valid" if "same_not_padded" in has else "same" if "valid_padded" in has else case.how
    sizes = (case.size.h, case.size.w)
    steps = case.stride if "start_only" in has else strides(case, has)
    right, pads, counts = case.pads(), [], []
    for axis, (size, k, s) in enumerate(zip(sizes, case.kernel, steps, strict=True)):
        total = (size - 1) * s + k - size
        if axis == 1 and "pad_width_by" in has:
            total = _mixed_total(case, has)
        before, after = right[axis]
        if rule == "valid":
            before = after = 0
        elif "pad_one_too_much" in has and on(axis, has):
            before = after = total // 2 + 1
        elif "pad_ignores_stride" in has and on(axis, has):
            before = after = (k - 1) // 2 if "round_down" in has else k // 2
            after = k - 1 - before if "split" in has else after
        elif "tensorflow_same" in has:
            total = max((-(-size // s) - 1) * s + k - size, 0)
            before = total - total // 2 if "round_up" in has else total // 2
            after = before if "both" in has else total - before
        elif has & {"valid_padded", "stride_swapped", "stride_height_for_width", "pad_width_by"}:
            before = total - total // 2 if "round_down" not in has else total // 2
            after = before if "both" in has else total - before
        pads.append((before, after))
    if "pad_height_for_width" in has:
        pads[1] = pads[0]
    if "pad_swapped" in has:
        pads.reverse()
    for axis, (size, k, s) in enumerate(zip(sizes, case.kernel, steps, strict=True)):
        before, after = pads[axis]
        count = (size + before + after - k) // s + 1
        if "count_of_input" in has and rule == "same":
            count = size
        if "count_ignores_stride" in has:
            count = size + before + after - k + 1
        counts.append(more(count, size + before + after - k, s, has) if on(axis, has) else count)
    return pads, counts


def _mixed_total(case: Case, has: Has) -> int:
    """The zeros for the width, with one of the height's numbers among the width's"""
    size = case.size
    length, k, s = size.w, size.kw, size.sw
    if "size" in has:
        length = size.h
    if "kernel" in has:
        k = size.kh
    if "stride" in has:
        s = size.sh
    return (length - 1) * s + k - size.w


def _padded(x: Array, pads: list[tuple[int, int]]) -> Array:
    (top, bottom), (left, right) = pads
    n, h, w, c = x.shape
    padded = np.zeros((n, top + h + bottom, left + w + right, c))
    padded[:, top : top + h, left : left + w] = x
    return padded


def conv_forward(case: Case, given: dict[str, Array], has: Has) -> Array:
    """Task 0: A"""
    x, w, b = given["A_prev"], given["W"], given["b"]
    pads, (oh, ow) = _padding(case, has)
    w = w[::-1, ::-1] if "kernel_flipped" in has else w
    if "first_channel_only" in has:
        x, w = x[..., :1], w[:, :, :1]
    if "first_filter_only" in has:
        w = np.repeat(w[..., :1], w.shape[3], axis=3)
    if "square_kernel" in has:
        w = _square(w)
    if "first_bias_only" in has:
        b = np.full_like(b, b[..., 0].item())
    if "first_example_only" in has:
        x = np.repeat(x[:1], len(x), axis=0)
    xp, stride = x if "unpadded_input" in has else _padded(x, pads), strides(case, has)
    z = np.zeros((len(x), oh, ow, w.shape[3]))
    for i in range(oh):
        for j in range(ow):
            rows, columns = cut(i, j, xp.shape, case.kernel, stride, has)
            z[:, i, j] = (xp[:, rows, columns, :, None] * w).sum(axis=(1, 2, 3))
    activate = ACTIVATIONS[case.activation]
    if "overwritten" in has:
        z = _last_cell_forward(xp, w, (oh, ow), stride)
    if "activation_before_bias" in has:
        return activate(z) + b
    times = (
        0
        if "bias_missing" in has
        else 2
        if "bias_doubled" in has
        else w[..., 0, 0].size
        if "bias_repeated" in has
        else 1
    )
    z = z + times * b
    if "returned_early" in has:
        z[1:] = 0
    if "transposed" in has:
        z = z.transpose(0, 2, 1, 3)
    if "activation_missing" in has:
        return np.asarray(z)
    z = activate(activate(z)) if "activation_doubled" in has else activate(z)
    if "returned_early" in has and "outside" in has:
        z[1:] = 0
    return np.asarray(z)


def _square(w: Array) -> Array:
    """The cells of a kernel that a loop over kh rows and kh columns meets"""
    kh, kw = w.shape[:2]
    if kh > kw:
        raise IndexError(f"column {kw} of {kw}")
    w = w.copy()
    w[:, kh:] = 0
    return w


def _last_cell_forward(xp: Array, w: Array, counts: tuple[int, int], stride: tuple[int, int]) -> Array:
    """The sum over the kernel's cells, in which the last one is all that stays"""
    (oh, ow), (sh, sw) = counts, stride
    p, q = w.shape[0] - 1, w.shape[1] - 1
    return np.asarray(xp[:, p : p + sh * oh : sh, q : q + sw * ow : sw] @ w[p, q])


def conv_backward(case: Case, given: dict[str, Array], has: Has) -> Value:
    """Task 2: dA_prev, dW, db"""
    dz, x, w = given["dZ"], given["A_prev"], given["W"]
    pads, counts = _padding(case, has)
    stride = strides(case, has)
    oh, ow = dz.shape[1:3]
    if "own_count" in has:
        oh, ow = counts
    if "first_example_only" in has:
        x = np.repeat(x[:1], len(x), axis=0)
    xp = _padded(x, pads)
    dxp, dw = np.zeros_like(xp), np.zeros_like(w)
    w = _square(w) if "square_kernel" in has else w
    turned = w[::-1, ::-1] if "kernel_flipped" in has else w
    if "first_channel_only" in has:
        turned = np.repeat(turned[..., :1], w.shape[3], axis=3)
    for n in range(1 if "returned_early" in has else len(x)):
        for i in range(oh):
            for j in range(ow):
                window = (n, *cut(i, j, xp.shape, case.kernel, stride, has))
                for o in range(dz.shape[3]):
                    share = turned[..., o] * dz[n, i, j, o]
                    dxp[window] = share if "overwritten" in has else dxp[window] + share
                    part = xp[window] * dz[n, i, j, o]
                    if "kernel_flipped" in has and "dw_too" in has:
                        part = part[::-1, ::-1]
                    dw[..., o] = part if "dw_overwritten" in has else dw[..., o] + part
    if "overwritten_by_cell" in has:
        dxp = _last_cell(dz, w, xp, stride)
    dx = _cropped(dxp, x.shape, pads, frozenset() if "only_same" in has and case.how != "same" else has)
    value = (dx, dw, _bias_gradient(dz[:1] if "returned_early" in has else dz, has))
    if "divided_by_m" in has:
        value = (value[0] / len(x), value[1] / len(x), value[2] / len(x))
    if "divided_by_all" in has:
        count = dz[..., 0].size
        value = (value[0] / count, value[1] / count, value[2] / count)
    return value


def _last_cell(dz: Array, w: Array, xp: Array, stride: tuple[int, int]) -> Array:
    """The gradient of the images by a loop over the kernel's cells in which the last one wins"""
    dxp, (sh, sw) = np.zeros_like(xp), stride
    for p in range(w.shape[0]):
        for q in range(w.shape[1]):
            rows, columns = slice(p, p + sh * dz.shape[1], sh), slice(q, q + sw * dz.shape[2], sw)
            dxp[:, rows, columns] = dz @ w[p, q].T
    return dxp


def _cropped(dxp: Array, shape: tuple[int, ...], pads: list[tuple[int, int]], has: Has) -> Array:
    (top, _), (left, _) = pads
    if "not_cropped" in has:
        return dxp
    if "cropped_from_corner" in has:
        return dxp[:, : shape[1], : shape[2]]
    if "crop_zero" in has:
        return dxp[:, top:-top, left:-left]
    return dxp[:, top : top + shape[1], left : left + shape[2]]


def _bias_gradient(dz: Array, has: Has) -> Array:
    if "db_last" in has:
        return np.asarray(dz[-1, -1, -1].reshape(1, 1, 1, -1))
    if "first_channel_only" in has:
        dz = np.repeat(dz[..., :1], dz.shape[3], axis=3)
    for name, axes in DB_AXES.items():
        if name in has:
            return np.asarray(dz.sum(axis=axes, keepdims="flat" not in has))
    return np.asarray(dz.sum(axis=(0, 1, 2), keepdims="flat" not in has))
