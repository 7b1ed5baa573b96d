#!/usr/bin/env python3
"""Convolution, forward, written with einsum"""
import numpy as np


def conv_forward(A_prev, W, b, activation, padding="same", stride=(1, 1)):
    """Convolves A_prev with W, adds b and activates the result

    "same" gives an output of the size of the input; if the number of zeros
    is odd then one more of them is at the top (left) than at the bottom
    """
    m, h_prev, w_prev, c_prev = A_prev.shape
    kh, kw = W.shape[:2]
    sh, sw = stride
    top = bottom = left = right = 0
    if padding == "same":
        total_h = (h_prev - 1) * sh + kh - h_prev
        total_w = (w_prev - 1) * sw + kw - w_prev
        bottom, right = total_h // 2, total_w // 2
        top, left = total_h - bottom, total_w - right
    x = np.pad(A_prev, ((0, 0), (top, bottom), (left, right), (0, 0)))
    # every window there is, then those at a multiple of the stride
    view = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), axis=(1, 2))
    view = view[:, ::sh, ::sw]
    Z = np.einsum("mijcpq,pqco->mijo", view, W)
    return activation(Z + b)
