#!/usr/bin/env python3
"""Back propagation over a pooling layer"""
import numpy as np

BLOCK = 2 ** 17  # numbers in one block of examples: few enough for the cache


def pool_backward(dA, A_prev, kernel_shape, stride=(1, 1), mode='max'):
    """Gives every cell of a window its share of the window's gradient

    For every window (m, i, j) and cell (p, q), with x for
    A_prev[m, i * sh + p, j * sw + q, c]:

    "max": dA_prev at x += dA[m, i, j, c] if x is the window's maximum;
        when several are, each of them gets all of it
    "avg": dA_prev at x += dA[m, i, j, c] / (kh * kw)

    dA (m, h_new, w_new, c), A_prev (m, h_prev, w_prev, c)
    -> dA_prev like A_prev

    kernel_shape: (kh, kw), the size of a window
    stride: (sh, sw), the step from one window to the next; where windows
        overlap, their shares add up
    """
    m, h_prev, w_prev, c_prev = A_prev.shape
    _, h_new, w_new, c_new = dA.shape
    kh, kw = kernel_shape
    sh, sw = stride
    if mode not in ("max", "avg"):
        raise ValueError(f"mode must be 'max' or 'avg'; got {mode!r}")
    if sh < 1 or sw < 1:
        raise ValueError(f"stride must be at least 1; got {stride}")
    if len(dA) != m or c_prev != c_new:
        raise ValueError("examples and channels must agree; got "
                         f"dA {dA.shape}, A_prev {A_prev.shape}")
    high = (h_new - 1) * sh + kh
    wide = (w_new - 1) * sw + kw
    if high > h_prev or wide > w_prev:
        raise ValueError("the windows must fit in the input; got windows "
                         f"over {(high, wide)}, input {(h_prev, w_prev)}")

    dtype = np.result_type(dA, A_prev)
    if not np.issubdtype(dtype, np.inexact):
        dtype = np.dtype(float)
    dA_prev = np.zeros(A_prev.shape, dtype)
    cells = [np.s_[:, p:p + sh * h_new:sh, q:q + sw * w_new:sw]
             for p in range(kh) for q in range(kw)]
    step = max(1, BLOCK // (h_prev * w_prev * c_prev))
    for start in range(0, m, step):
        block = slice(start, start + step)
        x, da, dx = A_prev[block], dA[block], dA_prev[block]
        if mode == "max":
            largest = x[cells[0]]
            for cell in cells:
                largest = np.maximum(largest, x[cell])
            for cell in cells:
                dx[cell] += da * (x[cell] == largest)
        else:
            for cell in cells:
                dx[cell] += da / (kh * kw)
    return dA_prev
