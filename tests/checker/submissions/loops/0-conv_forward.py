#!/usr/bin/env python3
"""Forward propagation of a convolutional layer, with plain loops"""
import numpy as np


def conv_forward(A_prev, W, b, activation, padding="same", stride=(1, 1)):
    """
    Performs forward propagation over a convolutional layer

    Args:
        A_prev: numpy.ndarray (m, h_prev, w_prev, c_prev), output of the
            layer before
        W: numpy.ndarray (kh, kw, c_prev, c_new), the kernels
        b: numpy.ndarray (1, 1, 1, c_new), the biases
        activation: the activation function
        padding: 'same' or 'valid'
        stride: tuple (sh, sw)

    Returns: the output of the layer
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

    Z = np.zeros((m, h_new, w_new, c_new))
    for n in range(m):
        for i in range(h_new):
            for j in range(w_new):
                for k in range(c_new):
                    top = i * sh
                    left = j * sw
                    patch = padded[n, top:top + kh, left:left + kw, :]
                    Z[n, i, j, k] = np.sum(patch * W[:, :, :, k])
                    Z[n, i, j, k] += b[0, 0, 0, k]
    return activation(Z)
