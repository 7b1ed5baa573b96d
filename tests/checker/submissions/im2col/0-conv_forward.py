#!/usr/bin/env python3
"""Convolution as one product of matrices"""
import numpy as np


def same_padding(size, kernel, step):
    """How many zeros go before and after, so that the size stays the same"""
    total = step * (size - 1) + kernel - size
    before = total // 2
    return before, total - before


def im2col(x, kernel_shape, stride):
    """Every window of x as a row: (m * h_new * w_new, kh * kw * c)"""
    kh, kw = kernel_shape
    sh, sw = stride
    m, h, w, c = x.shape
    h_new = (h - kh) // sh + 1
    w_new = (w - kw) // sw + 1
    s0, s1, s2, s3 = x.strides
    windows = np.lib.stride_tricks.as_strided(
        x, shape=(m, h_new, w_new, kh, kw, c),
        strides=(s0, sh * s1, sw * s2, s1, s2, s3), writeable=False)
    return windows.reshape(m * h_new * w_new, kh * kw * c), h_new, w_new


def conv_forward(A_prev, W, b, activation, padding="same", stride=(1, 1)):
    """Forward pass of a convolutional layer

    A_prev: (m, h_prev, w_prev, c_prev)
    W: (kh, kw, c_prev, c_new)
    b: (1, 1, 1, c_new)
    Returns the activated output (m, h_new, w_new, c_new)
    """
    kh, kw, c_prev, c_new = W.shape
    pads = [(0, 0), (0, 0), (0, 0), (0, 0)]
    if padding == "same":
        pads[1] = same_padding(A_prev.shape[1], kh, stride[0])
        pads[2] = same_padding(A_prev.shape[2], kw, stride[1])
    cols, h_new, w_new = im2col(np.pad(A_prev, pads), (kh, kw), stride)
    Z = cols @ W.reshape(-1, c_new) + b.reshape(1, -1)
    return activation(Z.reshape(A_prev.shape[0], h_new, w_new, c_new))
