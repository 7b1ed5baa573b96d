#!/usr/bin/env python3
"""
This module does the backward pass of a convolutional layer in single precision
"""
import numpy as np


def conv_backward(dZ, A_prev, W, b, padding="same", stride=(1, 1)):
    """
    Back propagation over a convolutional layer, a position at a time

    dZ is a numpy.ndarray of shape (m, h_new, w_new, c_new)
    A_prev is a numpy.ndarray of shape (m, h_prev, w_prev, c_prev)
    W is a numpy.ndarray of shape (kh, kw, c_prev, c_new)
    b is a numpy.ndarray of shape (1, 1, 1, c_new)
    padding is either "same" or "valid"
    stride is a tuple of (sh, sw)
    Returns: dA_prev, dW, db
    """
    dZ = dZ.astype(np.float32)
    x = A_prev.astype(np.float32)
    kernels = W.astype(np.float32)
    m, h_prev, w_prev, c_prev = A_prev.shape
    kh, kw, c_prev, c_new = W.shape
    sh, sw = stride
    ph, pw = 0, 0
    if padding == "same":
        ph = (h_prev * sh - sh + kh - h_prev + 1) // 2
        pw = (w_prev * sw - sw + kw - w_prev + 1) // 2
        x = np.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)))
    dx = np.zeros(x.shape, dtype=np.float32)
    dW = np.zeros(W.shape, dtype=np.float32)
    db = np.zeros(b.shape, dtype=np.float32)
    for row in range(dZ.shape[1]):
        for col in range(dZ.shape[2]):
            y0, x0 = row * sh, col * sw
            y1, x1 = y0 + kh, x0 + kw
            dz = dZ[:, row, col]
            db += dz.sum(axis=0)
            dW += np.tensordot(x[:, y0:y1, x0:x1], dz, axes=(0, 0))
            dx[:, y0:y1, x0:x1] += np.tensordot(dz, kernels, axes=(1, 3))
    if padding == "same":
        dx = dx[:, ph:ph + h_prev, pw:pw + w_prev]
    return dx, dW, db
