#!/usr/bin/env python3
"""Gradients of a convolution as products of matrices"""
import numpy as np


def same_padding(size, kernel, step):
    """How many zeros go before and after, so that the size stays the same"""
    total = step * (size - 1) + kernel - size
    before = total // 2
    return before, total - before


def conv_backward(dZ, A_prev, W, b, padding="same", stride=(1, 1)):
    """Backward pass of a convolutional layer

    dZ: (m, h_new, w_new, c_new)
    A_prev: (m, h_prev, w_prev, c_prev)
    W: (kh, kw, c_prev, c_new)
    b: (1, 1, 1, c_new)
    Returns dA_prev, dW, db
    """
    m = dZ.shape[0]
    kh, kw, c_prev, c_new = W.shape
    sh, sw = stride
    pads = [(0, 0), (0, 0), (0, 0), (0, 0)]
    if padding == "same":
        pads[1] = same_padding(A_prev.shape[1], kh, sh)
        pads[2] = same_padding(A_prev.shape[2], kw, sw)
    x = np.pad(A_prev, pads)
    h_new = (x.shape[1] - kh) // sh + 1
    w_new = (x.shape[2] - kw) // sw + 1

    s0, s1, s2, s3 = x.strides
    windows = np.lib.stride_tricks.as_strided(
        x, shape=(m, h_new, w_new, kh, kw, c_prev),
        strides=(s0, sh * s1, sw * s2, s1, s2, s3), writeable=False)
    cols = windows.reshape(m * h_new * w_new, -1)
    dz = dZ.reshape(m * h_new * w_new, c_new)
    dW = (cols.T @ dz).reshape(W.shape)
    db = dz.sum(axis=0).reshape(b.shape)

    dcols = (dz @ W.reshape(-1, c_new).T).reshape(windows.shape)
    dx = np.zeros_like(x, dtype=np.result_type(dZ, W, np.float32))
    for i in range(h_new):
        for j in range(w_new):
            dx[:, i * sh:i * sh + kh, j * sw:j * sw + kw] += dcols[:, i, j]
    (top, bottom), (left, right) = pads[1:3]
    h, w = dx.shape[1:3]
    return dx[:, top:h - bottom, left:w - right], dW, db
