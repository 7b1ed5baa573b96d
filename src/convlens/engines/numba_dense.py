"""Compiled kernels for what comes after the images, in lanes as well: the gradients of dense layers, the loss, Adam.

A dense layer's values are (features, 1, n): planes of one pixel. Forward it is a convolution whose kernel is as large
as the image, so that nothing has to be flattened; its weights are (h, w, c, units), feature by feature as Flatten has
them.
"""

from __future__ import annotations

import numpy as np

from convlens.engines.numba_lanes import compiled
from convlens.engines.numba_tiles import BYTES, multiply

_TILE = 8  # features at a time


@compiled
def dense_dx(dy, w, none, dx, left, wide, n):
    """dx[c, i, j] = sum_o dy[o] w[i, j, c, o]: dy (units, 1, n), w (h * wide * c, units); `none` is zeros"""
    planes, h, row = dx.shape
    units = dy.shape[0]
    here = np.zeros(1, np.int64)
    for i in range(h):
        for j in range(wide):
            for c in range(0, planes, _TILE):
                for p in range(0, n, BYTES // dy.itemsize):
                    multiply(
                        _TILE,
                        (c, planes - 1),
                        dy,
                        p,
                        (n, 0),
                        (units, 1, 1),
                        here,
                        w,
                        (i * wide + j) * planes * units,
                        (units, 1, 0, 0),
                        none,
                        dx,
                        i * row + left + j * n + p,
                        h * row,
                        n - p,
                        False,
                        False,
                    )


@compiled
def turn(dy, turned):
    """dy (units, 1, n) -> turned (n, units)"""
    for o in range(dy.shape[0]):
        for e in range(turned.shape[0]):
            turned[e, o] = dy[o, 0, e]


@compiled
def dense_dw(turned, x, left, wide, dw):
    """dw[i, j, c, o] += sum_e x[c, i, j][e] turned[e, o]: turned (n, units), dw (h * wide * c, units)"""
    planes, h, row = x.shape
    n, units = turned.shape
    here = np.zeros(1, np.int64)
    for i in range(h):
        for j in range(wide):
            for c in range(0, planes, _TILE):
                for p in range(0, units, BYTES // x.itemsize):
                    multiply(
                        _TILE,
                        (c, planes - 1),
                        turned,
                        p,
                        (units, 0),
                        (n, 1, 1),
                        here,
                        x,
                        i * row + left + j * n,
                        (h * row, 1, 0, 0),
                        dw,
                        dw,
                        (i * wide + j) * planes * units + p,
                        units,
                        units - p,
                        True,
                        False,
                    )


@compiled
def cross_entropy(logits, labels, first, weight, losses, dlogits, n):
    """losses[first + e] = -log softmax(logits)[labels[first + e]], dlogits = weight times its gradient

    logits, dlogits (classes, 1, n)
    """
    classes = logits.shape[0]
    for e in range(n):
        top = logits[0, 0, e]
        for k in range(1, classes):
            top = max(top, logits[k, 0, e])
        total = logits.dtype.type(0)
        for k in range(classes):
            power = np.exp(logits[k, 0, e] - top)
            dlogits[k, 0, e] = power
            total += power
        label = labels[first + e]
        losses[first + e] = np.log(total) - (logits[label, 0, e] - top)
        for k in range(classes):
            dlogits[k, 0, e] *= weight / total
        dlogits[label, 0, e] -= weight


@compiled
def adam(weights, m, v, gradient, rate, one_less_beta_1, one_less_beta_2, epsilon):
    """One step of Adam in one pass, in place: see `convlens.nn.optimizers.Adam`"""
    for i in range(weights.size):
        g = gradient[i]
        m[i] += (g - m[i]) * one_less_beta_1
        v[i] += (g * g - v[i]) * one_less_beta_2
        weights[i] -= m[i] / (np.sqrt(v[i]) + epsilon) * rate
