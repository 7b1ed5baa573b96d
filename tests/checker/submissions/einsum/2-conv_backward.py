#!/usr/bin/env python3
"""Convolution, backward, written with einsum"""
import numpy as np


def conv_backward(dZ, A_prev, W, b, padding="same", stride=(1, 1)):
    """Gradients of a convolution with respect to its input, kernel and bias

    Returns dA_prev, dW and db, with the shapes of A_prev, W and b
    """
    m, h_prev, w_prev, c_prev = A_prev.shape
    _, h_new, w_new, c_new = dZ.shape
    kh, kw = W.shape[:2]
    sh, sw = stride
    top = bottom = left = right = 0
    if padding == "same":
        total_h = (h_prev - 1) * sh + kh - h_prev
        total_w = (w_prev - 1) * sw + kw - w_prev
        bottom, right = total_h // 2, total_w // 2
        top, left = total_h - bottom, total_w - right
    x = np.pad(A_prev, ((0, 0), (top, bottom), (left, right), (0, 0)))
    view = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), axis=(1, 2))
    view = view[:, ::sh, ::sw]
    dW = np.einsum("mijcpq,mijo->pqco", view, dZ)
    db = np.einsum("mijo->o", dZ).reshape(1, 1, 1, -1)
    dx = np.zeros(x.shape)
    for i in range(h_new):
        for j in range(w_new):
            y, z = i * sh, j * sw
            dx[:, y:y + kh, z:z + kw] += np.einsum(
                "mo,pqco->mpqc", dZ[:, i, j], W)
    return dx[:, top:top + h_prev, left:left + w_prev], dW, db
