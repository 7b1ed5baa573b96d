#!/usr/bin/env python3
"""
This module does the backward pass of a pooling layer in single precision
"""
import numpy as np


def pool_backward(dA, A_prev, kernel_shape, stride=(1, 1), mode='max'):
    """
    Back propagation over a pooling layer, one window at a time

    dA is a numpy.ndarray of shape (m, h_new, w_new, c)
    A_prev is a numpy.ndarray of shape (m, h_prev, w_prev, c)
    kernel_shape is a tuple of (kh, kw)
    stride is a tuple of (sh, sw)
    mode is either "max" or "avg"
    Returns: dA_prev
    """
    kh, kw = kernel_shape
    sh, sw = stride
    dA_prev = np.zeros(A_prev.shape, dtype=np.float32)
    for n, row, col, c in np.ndindex(*dA.shape):
        grad = dA[n, row, col, c]
        y, x = row * sh, col * sw
        if mode == "avg":
            dA_prev[n, y:y + kh, x:x + kw, c] += grad / (kh * kw)
        elif mode == "max":
            best = max(A_prev[n, y + p, x + q, c]
                       for p in range(kh) for q in range(kw))
            for p in range(kh):
                for q in range(kw):
                    if A_prev[n, y + p, x + q, c] == best:
                        dA_prev[n, y + p, x + q, c] += grad
    return dA_prev
