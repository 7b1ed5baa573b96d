#!/usr/bin/env python3
"""
This module does the forward pass of a convolutional layer in single precision
"""
import numpy as np


def pad_images(images, kernel_shape, stride):
    """Puts zeros around images; an odd one goes to the top or to the left"""
    m, h, w, c = images.shape
    h_total = (h - 1) * stride[0] + kernel_shape[0] - h
    w_total = (w - 1) * stride[1] + kernel_shape[1] - w
    top = h_total - h_total // 2
    left = w_total - w_total // 2
    padded = np.zeros((m, h + h_total, w + w_total, c), dtype=np.float32)
    padded[:, top:top + h, left:left + w, :] = images
    return padded


def conv_forward(A_prev, W, b, activation, padding="same", stride=(1, 1)):
    """
    Forward propagation over a convolutional layer, an example at a time

    A_prev is a numpy.ndarray of shape (m, h_prev, w_prev, c_prev)
    W is a numpy.ndarray of shape (kh, kw, c_prev, c_new)
    b is a numpy.ndarray of shape (1, 1, 1, c_new)
    activation is an activation function applied to the convolution
    padding is either "same" or "valid"
    stride is a tuple of (sh, sw)
    Returns: the output of the convolutional layer
    """
    x = A_prev.astype(np.float32)
    kernels = W.astype(np.float32)
    if padding == "same":
        x = pad_images(x, W.shape[:2], stride)
    m, h, w, c_prev = x.shape
    kh, kw, c_prev, c_new = W.shape
    sh, sw = stride
    h_new = (h - kh) // sh + 1
    w_new = (w - kw) // sw + 1
    A = np.zeros((m, h_new, w_new, c_new), dtype=np.float32)
    for example in range(m):
        Z = np.zeros((h_new, w_new, c_new), dtype=np.float32)
        for row in range(h_new):
            for col in range(w_new):
                y0, x0 = row * sh, col * sw
                window = x[example, y0:y0 + kh, x0:x0 + kw]
                Z[row, col] = np.tensordot(window, kernels, axes=3)
        A[example] = activation(Z + b[0].astype(np.float32))
    return A
