#!/usr/bin/env python3
"""
Pooling Forward Prop
"""
import numpy as np


def pool_forward(A_prev, kernel_shape, stride=(1, 1), mode='max'):
    """
    performs forward propagation over a pooling layer of a neural network
    Args:
        A_prev: output of the previous layer, shape (m, h_prev, w_prev, c_prev)
        kernel_shape: tuple of (kh, kw), the size of the kernel
        stride: tuple of (sh, sw)
        mode: string, either max or avg
    Returns: the output of the pooling layer
    """
    (m, h_prev, w_prev, c_prev) = A_prev.shape
    (kh, kw) = kernel_shape
    (sh, sw) = stride
    pool_h = (h_prev - kh) // sh + 1
    pool_w = (w_prev - kw) // sw + 1
    pool = np.zeros((m, pool_h, pool_w, c_prev))
    for i in range(pool_h):
        for j in range(pool_w):
            window = A_prev[:, i * sh:i * sh + kh, j * sw:j * sw + kw, :]
            if mode == 'max':
                pool[:, i, j, :] = np.max(window, axis=(1, 2))
            elif mode == 'avg':
                pool[:, i, j, :] = np.mean(window, axis=(1, 2))
    return pool
