#!/usr/bin/env python3
"""Pooling, backward, all examples and channels at once"""
import numpy as np


def pool_backward(dA, A_prev, kernel_shape, stride=(1, 1), mode='max'):
    """Gradient of pooling with respect to its input A_prev

    All maxima of a window get its gradient; with "avg" all its cells share
    """
    kh, kw = kernel_shape
    sh, sw = stride
    dA_prev = np.zeros(A_prev.shape)
    for i in range(dA.shape[1]):
        for j in range(dA.shape[2]):
            here = np.s_[:, i * sh:i * sh + kh, j * sw:j * sw + kw]
            if mode == 'max':
                x = A_prev[here]
                weights = x == x.max(axis=(1, 2), keepdims=True)
                weights = weights.astype(float)
            else:
                weights = np.full(A_prev[here].shape, 1 / (kh * kw))
            dA_prev[here] += np.einsum("mpqc,mc->mpqc", weights, dA[:, i, j])
    return dA_prev
