#!/usr/bin/env python3
"""Gradient of pooling, with every window laid out as a row"""
import numpy as np


def pool_backward(dA, A_prev, kernel_shape, stride=(1, 1), mode='max'):
    """Backward pass of a pooling layer

    dA: (m, h_new, w_new, c)
    A_prev: (m, h_prev, w_prev, c)
    kernel_shape, stride: (kh, kw) and (sh, sw)
    mode: 'max' or 'avg'
    """
    m, h_new, w_new, c = dA.shape
    kh, kw = kernel_shape
    sh, sw = stride
    if mode == 'avg':
        share = np.ones((m, h_new, w_new, kh * kw, c)) / (kh * kw)
    else:
        rows = np.empty((m, h_new, w_new, kh * kw, c))
        for i in range(h_new):
            for j in range(w_new):
                window = A_prev[:, i * sh:i * sh + kh, j * sw:j * sw + kw]
                rows[:, i, j] = window.reshape(m, kh * kw, c)
        share = rows == rows.max(axis=3, keepdims=True)
    grads = (share * dA[:, :, :, np.newaxis]).reshape(
        m, h_new, w_new, kh, kw, c)

    dA_prev = np.zeros(A_prev.shape, dtype=float)
    for i in range(h_new):
        for j in range(w_new):
            dA_prev[:, i * sh:i * sh + kh,
                    j * sw:j * sw + kw] += grads[:, i, j]
    return dA_prev
