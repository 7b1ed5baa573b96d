#!/usr/bin/env python3
"""Pooling with every window laid out as a row"""
import numpy as np


def pool_forward(A_prev, kernel_shape, stride=(1, 1), mode='max'):
    """Forward pass of a pooling layer

    A_prev: (m, h_prev, w_prev, c_prev)
    kernel_shape, stride: (kh, kw) and (sh, sw)
    mode: 'max' or 'avg'
    """
    m, h_prev, w_prev, c_prev = A_prev.shape
    kh, kw = kernel_shape
    sh, sw = stride
    h_new = (h_prev - kh) // sh + 1
    w_new = (w_prev - kw) // sw + 1
    s0, s1, s2, s3 = A_prev.strides
    windows = np.lib.stride_tricks.as_strided(
        A_prev, shape=(m, h_new, w_new, c_prev, kh, kw),
        strides=(s0, sh * s1, sw * s2, s3, s1, s2), writeable=False)
    rows = windows.reshape(m, h_new, w_new, c_prev, kh * kw)
    reduce = {'max': np.max, 'avg': np.mean}[mode]
    return reduce(rows, axis=-1)
