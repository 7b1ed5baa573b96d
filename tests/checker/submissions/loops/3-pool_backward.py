#!/usr/bin/env python3
"""Back propagation of a pooling layer, with plain loops"""
import numpy as np


def pool_backward(dA, A_prev, kernel_shape, stride=(1, 1), mode='max'):
    """
    Performs back propagation over a pooling layer

    Args:
        dA: numpy.ndarray (m, h_new, w_new, c)
        A_prev: numpy.ndarray (m, h_prev, w_prev, c)
        kernel_shape: tuple (kh, kw)
        stride: tuple (sh, sw)
        mode: 'max' or 'avg'

    Returns: dA_prev
    """
    m, h_new, w_new, c_new = dA.shape
    kh, kw = kernel_shape
    sh, sw = stride
    dA_prev = np.zeros_like(A_prev, dtype=dA.dtype)
    if not np.issubdtype(dA_prev.dtype, np.floating):
        dA_prev = dA_prev.astype(float)
    for n in range(m):
        for i in range(h_new):
            for j in range(w_new):
                for c in range(c_new):
                    top = i * sh
                    left = j * sw
                    window = A_prev[n, top:top + kh, left:left + kw, c]
                    if mode == 'max':
                        mask = (window == np.max(window))
                        dA_prev[n, top:top + kh, left:left + kw, c] += (
                            mask * dA[n, i, j, c])
                    if mode == 'avg':
                        share = dA[n, i, j, c] / (kh * kw)
                        dA_prev[n, top:top + kh, left:left + kw, c] += share
    return dA_prev
