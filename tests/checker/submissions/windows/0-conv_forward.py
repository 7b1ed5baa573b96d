#!/usr/bin/env python3
"""
Convolutional Forward Prop
"""
import numpy as np


def conv_forward(A_prev, W, b, activation, padding="same", stride=(1, 1)):
    """
    performs forward propagation over a convolutional layer of a network
    Args:
        A_prev: output of the previous layer, shape (m, h_prev, w_prev, c_prev)
        W: kernels for the convolution, shape (kh, kw, c_prev, c_new)
        b: biases applied to the convolution, shape (1, 1, 1, c_new)
        activation: activation function applied to the convolution
        padding: string that is either same or valid
        stride: tuple of (sh, sw)
    Returns: the output of the convolutional layer
    """
    (m, h_prev, w_prev, c_prev) = A_prev.shape
    (kh, kw, c_prev, c_new) = W.shape
    (sh, sw) = stride
    ph = 0
    pw = 0
    if padding == 'same':
        ph = ((h_prev - 1) * sh + kh - h_prev) // 2
        pw = ((w_prev - 1) * sw + kw - w_prev) // 2
    conv_h = int((h_prev + 2 * ph - kh) / sh) + 1
    conv_w = int((w_prev + 2 * pw - kw) / sw) + 1
    image = np.pad(A_prev,
                   pad_width=((0, 0), (ph, ph), (pw, pw), (0, 0)),
                   mode='constant', constant_values=0)
    conv = np.zeros((m, conv_h, conv_w, c_new))
    for i in range(conv_h):
        for j in range(conv_w):
            for k in range(c_new):
                conv[:, i, j, k] = activation((np.sum(
                    image[:, i * sh:i * sh + kh, j * sw:j * sw + kw] *
                    W[:, :, :, k], axis=(1, 2, 3)
                )) + b[0, 0, 0, k])
    return conv
