#!/usr/bin/env python3
"""Back propagation over a convolutional layer"""
import numpy as np

BLOCK = 2 ** 17  # numbers in one block of examples: few enough for the cache


def conv_backward(dZ, A_prev, W, b, padding="same", stride=(1, 1)):
    """Sends dZ back through every cell of the kernel

    Z = conv(A_prev, W) + b, and for every window (m, i, j) and cell (p, q):

    dA_prev[m, i * sh + p - top, j * sw + q - left, c] +=
        sum over o of dZ[m, i, j, o] * W[p, q, c, o]
    dW[p, q, c, o] = sum over m, i, j of
        padded[m, i * sh + p, j * sw + q, c] * dZ[m, i, j, o]
    db[o] = sum over m, i, j of dZ[m, i, j, o]

    dZ (m, h_new, w_new, c_new), A_prev (m, h_prev, w_prev, c_prev),
    W (kh, kw, c_prev, c_new), b (1, 1, 1, c_new)
    -> dA_prev like A_prev, dW like W, db like b

    padding, stride: as in the forward pass. Under "same" the zeros at the
        top and left are (total + 1) // 2; those at the bottom and right
        follow from dZ, whose shape says how many windows there were
    """
    m, h_prev, w_prev, c_prev = A_prev.shape
    kh, kw, c_kernel, c_out = W.shape
    _, h_new, w_new, c_new = dZ.shape
    sh, sw = stride
    if padding not in ("same", "valid"):
        raise ValueError(
            f"padding must be 'same' or 'valid'; got {padding!r}")
    if sh < 1 or sw < 1:
        raise ValueError(f"stride must be at least 1; got {stride}")
    if len(dZ) != m or c_prev != c_kernel or c_new != c_out:
        raise ValueError("examples and channels must agree; got "
                         f"dZ {dZ.shape}, A_prev {A_prev.shape}, W {W.shape}")

    top = left = 0
    if padding == "same":
        top = ((h_prev - 1) * sh + kh - h_prev + 1) // 2
        left = ((w_prev - 1) * sw + kw - w_prev + 1) // 2
    # the rows and columns from the start of the first window of dZ to the
    # end of its last
    high = (h_new - 1) * sh + kh
    wide = (w_new - 1) * sw + kw
    if high > h_prev + 2 * top or wide > w_prev + 2 * left:
        raise ValueError("the windows must fit in the padded input; got "
                         f"windows over {(high, wide)}, "
                         f"input {(h_prev, w_prev)}, {padding!r}")
    high = max(high, top + h_prev)
    wide = max(wide, left + w_prev)
    image = np.s_[:, top:top + h_prev, left:left + w_prev]

    dtype = np.result_type(dZ, A_prev, W, b)
    if not np.issubdtype(dtype, np.inexact):
        dtype = np.dtype(float)
    dA_prev = np.empty(A_prev.shape, dtype)
    dW = np.zeros(W.shape, dtype)
    step = max(1, BLOCK // (high * wide * max(c_prev, c_new)))
    for start in range(0, m, step):
        block = slice(start, start + step)
        x = np.zeros((len(dZ[block]), high, wide, c_prev), dtype)
        x[image] = A_prev[block]
        dx = np.zeros(x.shape, dtype)
        dz = dZ[block].reshape(-1, c_new).astype(dtype, copy=False)
        for p in range(kh):
            for q in range(kw):
                cell = np.s_[:, p:p + sh * h_new:sh, q:q + sw * w_new:sw]
                dW[p, q] += x[cell].reshape(-1, c_prev).T @ dz
                dx[cell] += (dz @ W[p, q].T).reshape(dx[cell].shape)
        dA_prev[block] = dx[image]
    db = dZ.sum(axis=(0, 1, 2), keepdims=True, dtype=dtype)
    return dA_prev, dW, db
