#!/usr/bin/env python3
"""Convolution: the shifted images of all kernel cells, added up"""
import numpy as np


def conv_forward(A_prev, W, b, activation, padding="same", stride=(1, 1)):
    """
    Forward propagation over a convolutional layer: one product for each cell
    of the kernel, for all examples and positions at once

    :param A_prev: (m, h_prev, w_prev, c_prev)
    :param W: (kh, kw, c_prev, c_new)
    :param b: (1, 1, 1, c_new)
    :param activation: function
    :param padding: "same" or "valid"
    :param stride: (sh, sw)
    :return: (m, h_new, w_new, c_new)
    """
    m, h_prev, w_prev, c_prev = A_prev.shape
    kh, kw, c_prev, c_new = W.shape
    sh, sw = stride
    ph = pw = 0
    if padding == "same":
        ph = (sh * (h_prev - 1) - h_prev + kh) // 2
        pw = (sw * (w_prev - 1) - w_prev + kw) // 2
    high, wide = h_prev + 2 * ph, w_prev + 2 * pw
    image = np.zeros((m, high, wide, c_prev))
    image[:, ph:ph + h_prev, pw:pw + w_prev] = A_prev
    h_new = (high - kh) // sh + 1
    w_new = (wide - kw) // sw + 1
    Z = np.zeros((m, h_new, w_new, c_new)) + b
    for p in range(kh):
        for q in range(kw):
            shifted = image[:, p:p + (h_new - 1) * sh + 1:sh,
                            q:q + (w_new - 1) * sw + 1:sw]
            Z += np.matmul(shifted, W[p, q])
    return activation(Z)
