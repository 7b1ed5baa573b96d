#!/usr/bin/env python3
"""
Pooling Back Prop
"""
import numpy as np


def pool_backward(dA, A_prev, kernel_shape, stride=(1, 1), mode='max'):
    """
    performs back propagation over a pooling layer of a neural network
    Args:
        dA: partial derivatives with respect to the output of the pooling
            layer, shape (m, h_new, w_new, c_new)
        A_prev: output of the previous layer, shape (m, h_prev, w_prev, c)
        kernel_shape: tuple of (kh, kw), the size of the kernel
        stride: tuple of (sh, sw)
        mode: string, either max or avg
    Returns: the partial derivatives dA_prev
    """
    (m, h_new, w_new, c_new) = dA.shape
    (kh, kw) = kernel_shape
    (sh, sw) = stride
    dA_prev = np.zeros(A_prev.shape)
    for i in range(m):
        for h in range(h_new):
            for w in range(w_new):
                for c in range(c_new):
                    rows = slice(h * sh, h * sh + kh)
                    cols = slice(w * sw, w * sw + kw)
                    a = A_prev[i, rows, cols, c]
                    if mode == 'max':
                        mask = np.where(a == a.max(), 1, 0)
                        dA_prev[i, rows, cols, c] += mask * dA[i, h, w, c]
                    elif mode == 'avg':
                        average = dA[i, h, w, c] / (kh * kw)
                        dA_prev[i, rows, cols, c] += (
                            np.ones(kernel_shape) * average)
    return dA_prev
