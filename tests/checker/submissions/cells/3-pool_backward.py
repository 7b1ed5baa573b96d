#!/usr/bin/env python3
"""Gradient of pooling, one cell of the window after the other"""
import numpy as np


def pool_backward(dA, A_prev, kernel_shape, stride=(1, 1), mode='max'):
    """
    Back propagation over a pooling layer

    :param dA: (m, h_new, w_new, c)
    :param A_prev: (m, h_prev, w_prev, c)
    :param kernel_shape: (kh, kw)
    :param stride: (sh, sw)
    :param mode: "max" or "avg"
    :return: dA_prev
    """
    h_new, w_new = dA.shape[1:3]
    kh, kw = kernel_shape
    sh, sw = stride

    def cells():
        """Where the cells (p, q) of all windows lie in the image"""
        for p in range(kh):
            for q in range(kw):
                yield np.s_[:, p:p + sh * (h_new - 1) + 1:sh,
                            q:q + sw * (w_new - 1) + 1:sw]

    largest = np.full(dA.shape, -np.inf)
    for cell in cells():
        largest = np.maximum(largest, A_prev[cell])
    dA_prev = np.zeros_like(A_prev, dtype=np.float64)
    for cell in cells():
        if mode == 'max':
            dA_prev[cell] += dA * (A_prev[cell] == largest)
        else:
            dA_prev[cell] += dA / kh / kw
    return dA_prev
