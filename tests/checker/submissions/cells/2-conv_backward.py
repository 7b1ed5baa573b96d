#!/usr/bin/env python3
"""Gradients of a convolution, one cell of the kernel after the other"""
import numpy as np


def conv_backward(dZ, A_prev, W, b, padding="same", stride=(1, 1)):
    """
    Back propagation over a convolutional layer

    :param dZ: (m, h_new, w_new, c_new)
    :param A_prev: (m, h_prev, w_prev, c_prev)
    :param W: (kh, kw, c_prev, c_new)
    :param b: (1, 1, 1, c_new)
    :param padding: "same" or "valid"
    :param stride: (sh, sw)
    :return: dA_prev, dW, db
    """
    m, h_prev, w_prev, c_prev = A_prev.shape
    kh, kw, c_prev, c_new = W.shape
    h_new, w_new = dZ.shape[1:3]
    sh, sw = stride
    ph = pw = 0
    if padding == "same":
        ph = (sh * (h_prev - 1) - h_prev + kh) // 2
        pw = (sw * (w_prev - 1) - w_prev + kw) // 2
    image = np.zeros((m, h_prev + 2 * ph, w_prev + 2 * pw, c_prev))
    inner = np.s_[:, ph:ph + h_prev, pw:pw + w_prev]
    image[inner] = A_prev
    d_image = np.zeros(image.shape)
    dW = np.zeros(W.shape)
    db = np.zeros((1, 1, 1, c_new))
    for k in range(c_new):
        db[..., k] = dZ[..., k].sum()
    for p in range(kh):
        for q in range(kw):
            cell = np.s_[:, p:p + (h_new - 1) * sh + 1:sh,
                         q:q + (w_new - 1) * sw + 1:sw]
            dW[p, q] = np.tensordot(image[cell], dZ, axes=([0, 1, 2],) * 2)
            d_image[cell] += np.dot(dZ, W[p, q].T)
    return d_image[inner], dW, db
