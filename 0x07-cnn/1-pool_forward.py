#!/usr/bin/env python3
"""Forward propagation over a pooling layer"""
import numpy as np

BLOCK = 2 ** 17  # numbers in one block of examples: few enough for the cache


def pool_forward(A_prev, kernel_shape, stride=(1, 1), mode='max'):
    """Joins the rows of every window first, then what is left of its columns

    A[m, i, j, c] = max (or average) over p < kh, q < kw of
        A_prev[m, i * sh + p, j * sw + q, c]

    A_prev (m, h_prev, w_prev, c_prev) -> A (m, h_new, w_new, c_prev)

    kernel_shape: (kh, kw), the size of a window
    stride: (sh, sw), the step from one window to the next; the rows and
        columns that no longer fill a window are dropped
    mode: "max" or "avg"
    """
    m, h_prev, w_prev, c_prev = A_prev.shape
    kh, kw = kernel_shape
    sh, sw = stride
    if mode not in ("max", "avg"):
        raise ValueError(f"mode must be 'max' or 'avg'; got {mode!r}")
    if sh < 1 or sw < 1:
        raise ValueError(f"stride must be at least 1; got {stride}")
    if kh > h_prev or kw > w_prev:
        raise ValueError("the window must fit in the input; got "
                         f"window {(kh, kw)}, input {(h_prev, w_prev)}")
    h_new = (h_prev - kh) // sh + 1
    w_new = (w_prev - kw) // sw + 1

    dtype = A_prev.dtype
    if not np.issubdtype(dtype, np.inexact):
        dtype = np.dtype(float)
    join = np.maximum if mode == "max" else np.add
    A = np.empty((m, h_new, w_new, c_prev), dtype)
    step = max(1, BLOCK // (h_prev * w_prev * c_prev))
    for start in range(0, m, step):
        block = slice(start, start + step)
        x = A_prev[block].astype(dtype, copy=False)
        rows = x[:, 0:sh * h_new:sh]
        for p in range(1, kh):
            rows = join(rows, x[:, p:p + sh * h_new:sh])
        windows = rows[:, :, 0:sw * w_new:sw]
        for q in range(1, kw):
            windows = join(windows, rows[:, :, q:q + sw * w_new:sw])
        A[block] = windows if mode == "max" else windows / (kh * kw)
    return A
