#!/usr/bin/env python3
"""Back propagation of a convolutional layer, with plain loops"""
import numpy as np


def conv_backward(dZ, A_prev, W, b, padding="same", stride=(1, 1)):
    """
    Performs back propagation over a convolutional layer

    Args:
        dZ: numpy.ndarray (m, h_new, w_new, c_new), partial derivatives with
            respect to the unactivated output
        A_prev: numpy.ndarray (m, h_prev, w_prev, c_prev)
        W: numpy.ndarray (kh, kw, c_prev, c_new)
        b: numpy.ndarray (1, 1, 1, c_new)
        padding: 'same' or 'valid'
        stride: tuple (sh, sw)

    Returns: dA_prev, dW, db
    """
    m, h_prev, w_prev, c_prev = A_prev.shape
    kh, kw, _, c_new = W.shape
    sh, sw = stride

    if padding == 'same':
        ph = int(np.ceil(((h_prev - 1) * sh + kh - h_prev) / 2))
        pw = int(np.ceil(((w_prev - 1) * sw + kw - w_prev) / 2))
    else:
        ph, pw = 0, 0

    padded = np.pad(A_prev, ((0, 0), (ph, ph), (pw, pw), (0, 0)), 'constant')
    h_new = (h_prev + 2 * ph - kh) // sh + 1
    w_new = (w_prev + 2 * pw - kw) // sw + 1

    dA = np.zeros(padded.shape)
    dW = np.zeros(W.shape)
    for n in range(m):
        for i in range(h_new):
            for j in range(w_new):
                for k in range(c_new):
                    top = i * sh
                    left = j * sw
                    dz = dZ[n, i, j, k]
                    patch = padded[n, top:top + kh, left:left + kw, :]
                    dW[:, :, :, k] += patch * dz
                    dA[n, top:top + kh, left:left + kw, :] += (
                        W[:, :, :, k] * dz)
    db = np.sum(dZ, axis=(0, 1, 2), keepdims=True)
    dA_prev = dA[:, ph:ph + h_prev, pw:pw + w_prev, :]
    return dA_prev, dW, db
