#!/usr/bin/env python3
"""
Convolutional Back Prop
"""
import numpy as np


def conv_backward(dZ, A_prev, W, b, padding="same", stride=(1, 1)):
    """
    performs back propagation over a convolutional layer of a neural network
    Args:
        dZ: partial derivatives, shape (m, h_new, w_new, c_new)
        A_prev: output of the previous layer, shape (m, h_prev, w_prev, c_prev)
        W: kernels for the convolution, shape (kh, kw, c_prev, c_new)
        b: biases applied to the convolution, shape (1, 1, 1, c_new)
        padding: string that is either same or valid
        stride: tuple of (sh, sw)
    Returns: the partial derivatives dA_prev, dW, db
    """
    (m, h_new, w_new, c_new) = dZ.shape
    (m, h_prev, w_prev, c_prev) = A_prev.shape
    (kh, kw, c_prev, c_new) = W.shape
    (sh, sw) = stride
    if padding == 'valid':
        ph = pw = 0
    if padding == 'same':
        ph = -(-((h_prev - 1) * sh + kh - h_prev) // 2)
        pw = -(-((w_prev - 1) * sw + kw - w_prev) // 2)
    image = np.pad(A_prev,
                   pad_width=((0, 0), (ph, ph), (pw, pw), (0, 0)),
                   mode='constant', constant_values=0)
    dA = np.zeros(image.shape)
    dW = np.zeros(W.shape)
    db = np.sum(dZ, axis=(0, 1, 2), keepdims=True)
    for i in range(m):
        for h in range(h_new):
            for w in range(w_new):
                for f in range(c_new):
                    v0 = h * sh
                    v1 = v0 + kh
                    h0 = w * sw
                    h1 = h0 + kw
                    kernel = W[:, :, :, f]
                    dA[i, v0:v1, h0:h1, :] += dZ[i, h, w, f] * kernel
                    dW[:, :, :, f] += (image[i, v0:v1, h0:h1, :] *
                                       dZ[i, h, w, f])
    dA = dA[:, ph:dA.shape[1] - ph, pw:dA.shape[2] - pw, :]
    return dA, dW, db
