#!/usr/bin/env python3
"""
This module does the forward pass of a pooling layer in single precision
"""
import numpy as np


def pool_forward(A_prev, kernel_shape, stride=(1, 1), mode='max'):
    """
    Forward propagation over a pooling layer, an example at a time

    A_prev is a numpy.ndarray of shape (m, h_prev, w_prev, c_prev)
    kernel_shape is a tuple of (kh, kw)
    stride is a tuple of (sh, sw)
    mode is either "max" or "avg"
    Returns: the output of the pooling layer
    """
    m, h_prev, w_prev, c_prev = A_prev.shape
    kh, kw = kernel_shape
    sh, sw = stride
    rows = range(0, h_prev - kh + 1, sh)
    cols = range(0, w_prev - kw + 1, sw)
    out = []
    for image in A_prev.astype(np.float32):
        pooled = []
        for y in rows:
            line = []
            for x in cols:
                window = image[y:y + kh, x:x + kw].reshape(-1, c_prev)
                if mode == "max":
                    line.append(window.max(axis=0))
                else:
                    line.append(window.sum(axis=0) / len(window))
            pooled.append(line)
        out.append(pooled)
    return np.array(out, dtype=np.float32)
