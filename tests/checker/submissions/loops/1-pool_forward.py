#!/usr/bin/env python3
"""Forward propagation of a pooling layer, with plain loops"""
import numpy as np


def pool_forward(A_prev, kernel_shape, stride=(1, 1), mode='max'):
    """
    Performs forward propagation over a pooling layer

    Args:
        A_prev: numpy.ndarray (m, h_prev, w_prev, c_prev)
        kernel_shape: tuple (kh, kw)
        stride: tuple (sh, sw)
        mode: 'max' or 'avg'

    Returns: the output of the pooling layer
    """
    m, h_prev, w_prev, c_prev = A_prev.shape
    kh, kw = kernel_shape
    sh, sw = stride
    h_new = int((h_prev - kh) / sh) + 1
    w_new = int((w_prev - kw) / sw) + 1
    A = np.zeros((m, h_new, w_new, c_prev))
    for n in range(m):
        for i in range(h_new):
            for j in range(w_new):
                for c in range(c_prev):
                    top = i * sh
                    left = j * sw
                    best = A_prev[n, top, left, c]
                    total = 0
                    for p in range(kh):
                        for q in range(kw):
                            value = A_prev[n, top + p, left + q, c]
                            total = total + value
                            if value > best:
                                best = value
                    if mode == 'max':
                        A[n, i, j, c] = best
                    else:
                        A[n, i, j, c] = total / (kh * kw)
    return A
