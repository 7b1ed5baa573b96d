"""Compiled kernels for what comes after the images, in lanes as well: the gradients of dense layers, the loss, Adam.

A dense layer's values are images of one pixel, (features, 1, n). Forward it is a convolution whose kernel is as large
as the image, so that nothing has to be flattened; its weights are (h, w, c, units), feature by feature as Flatten has
them.
"""

from __future__ import annotations

import numpy as np

from convlens.engines.compiled.registers import EACH, OWN, multiply, vector, zero
from convlens.engines.compiled.tape import Kernel, compiled, table, unpack

_TILE = 8  # features at a time


@Kernel
def dense_dx(m, t):
    """dx[c, i, j] = sum_o dy[o] w[i, j, c, o]: dy (units, n), w (h * wide * planes, units); `none` and `here` hold 0"""
    dy, units, w, none, dx, planes, h, row, wide, here, n = unpack(t, 11)
    for i in range(h):
        for j in range(wide):
            weights, place = w + (i * wide + j) * planes * units, dx + i * row + j * n
            for c in range(0, planes, _TILE):
                for p in range(0, n, vector(m)):
                    multiply(
                        m, _TILE, c, planes - 1, dy + p, (n, 0), (units, 1, 1), table(here),
                        weights, (units, 1, 0, 0), none, place + p, h * row, n - p, EACH, 0,
                    )  # fmt: skip


@Kernel
def turn(m, t):
    """dy (units, n) -> turned (n, units)"""
    dy, units, turned, n = unpack(t, 4)
    for o in range(units):
        for e in range(n):
            m[turned + e * units + o] = m[dy + o * n + e]


@Kernel
def dense_dw(m, t):
    """dw[i, j, c, o] += sum_e x[c, i, j][e] turned[e, o]: turned (n, units), dw (h * wide * planes, units)"""
    turned, units, x, planes, h, row, wide, dw, here, n = unpack(t, 10)
    for i in range(h):
        for j in range(wide):
            pixel, place = x + i * row + j * n, dw + (i * wide + j) * planes * units
            for c in range(0, planes, _TILE):
                for p in range(0, units, vector(m)):
                    multiply(
                        m, _TILE, c, planes - 1, turned + p, (units, 0), (n, 1, 1), table(here),
                        pixel, (h * row, 1, 0, 0), place, place + p, units, units - p, OWN, 0,
                    )  # fmt: skip


@Kernel
def cross_entropy(m, t):
    """losses[e] = -log softmax(logits)[labels[e]], dlogits = weight times its gradient: (classes, n)"""
    logits, classes, weight, losses, dlogits, labels, n = unpack(t, 7)
    for e in range(n):
        z, d = logits + e, dlogits + e
        top = m[z]
        for k in range(1, classes):
            top = max(top, m[z + k * n])
        total = zero(m)
        for k in range(classes):
            power = np.exp(m[z + k * n] - top)
            m[d + k * n] = power
            total += power
        label = table(labels)[e]
        m[losses + e] = np.log(total) - (m[z + label * n] - top)
        for k in range(classes):
            m[d + k * n] *= m[weight] / total
        m[d + label * n] -= m[weight]


@compiled
def adam(weights, m, v, gradient, rate, one_less_beta_1, one_less_beta_2, epsilon):
    """One step of Adam in one pass, in place: see `convlens.nn.optimizers.Adam`"""
    for i in range(weights.size):
        g = gradient[i]
        m[i] += (g - m[i]) * one_less_beta_1
        v[i] += (g * g - v[i]) * one_less_beta_2
        weights[i] -= m[i] / (np.sqrt(v[i]) + epsilon) * rate
