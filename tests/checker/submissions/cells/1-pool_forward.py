#!/usr/bin/env python3
"""Pooling: the shifted images of all cells of the window, compared"""
import numpy as np


def pool_forward(A_prev, kernel_shape, stride=(1, 1), mode='max'):
    """
    Forward propagation over a pooling layer

    :param A_prev: (m, h_prev, w_prev, c_prev)
    :param kernel_shape: (kh, kw)
    :param stride: (sh, sw)
    :param mode: "max" or "avg"
    :return: (m, h_new, w_new, c_prev)
    """
    m, h_prev, w_prev, c_prev = A_prev.shape
    kh, kw = kernel_shape
    sh, sw = stride
    h_new = 1 + (h_prev - kh) // sh
    w_new = 1 + (w_prev - kw) // sw
    start = -np.inf if mode == 'max' else 0.
    A = np.full((m, h_new, w_new, c_prev), start)
    for p in range(kh):
        for q in range(kw):
            shifted = A_prev[:, p:p + (h_new - 1) * sh + 1:sh,
                             q:q + (w_new - 1) * sw + 1:sw]
            if mode == 'max':
                A = np.maximum(A, shifted)
            else:
                A = A + shifted / (kh * kw)
    return A
