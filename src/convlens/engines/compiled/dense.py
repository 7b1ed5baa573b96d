"""Kernels over examples for the layers after Flatten: the gradients of dense layers, the loss, and Adam.

The values of a dense layer are images of one pixel: (features, 1, lanes). Its forward is a convolution whose kernel is
as large as the image, so nothing has to be flattened. Its weights are (h, w, c, units), in the order of Flatten.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from convlens.engines.compiled.dense_tiles import dense_tile
from convlens.engines.compiled.kernel import Kernel, Memory, Place, Table, kernel
from convlens.engines.compiled.registers import ADD_TO_Y, BIAS_EACH, multiply_tile, vector, zero
from convlens.engines.compiled.tape import table

FEATURES = 8  # the height of the register tiles here: eight sums, a vector and a broadcast fit every register file


@cache
def dense(tile: int, wide: int) -> Kernel:
    """Return the kernel of a dense layer, whose register tile has `wide` vectors of `tile` examples."""

    @kernel
    def dense(
        m: Memory, x: Place, x_planes: int, x_rows: int, x_columns: int, x_plane: int, x_pitch: int, x_lanes: int,
        w: Place, b: Place, units: int, relu: int, y: Place,
    ) -> None:  # fmt: skip
        """y[e, o] = relu(b[o] + sum_ijc x[c, i, j, e] w[i, j, c, o]), y (lanes, units)"""
        for p in range(0, units, wide * vector(m)):
            for e in range(0, x_lanes, tile):
                dense_tile(
                    m, tile, wide, e, x_lanes - 1, x, (1, x_pitch, x_lanes, x_plane), (x_rows, x_columns, x_planes),
                    w + p, units, b + p, y + p, units - p, relu,
                )  # fmt: skip

    return dense


@kernel
def dense_dx(
    m: Memory, dy: Place, units: int, w: Place, zeros: Place, dx: Place, dx_planes: int, dx_rows: int,
    dx_columns: int, dx_plane: int, dx_pitch: int, tap: Table, lanes: int,
) -> None:  # fmt: skip
    """dx[c, i, j] = sum_o dy[o] w[i, j, c, o], with dy (units, lanes)

    zeros: the bias, one 0 for each plane. tap: a table of one offset, 0
    """
    for i in range(dx_rows):
        for j in range(dx_columns):
            weights, out = w + (i * dx_columns + j) * dx_planes * units, dx + i * dx_pitch + j * lanes
            for c in range(0, dx_planes, FEATURES):
                for p in range(0, lanes, vector(m)):
                    multiply_tile(
                        m, FEATURES, c, dx_planes - 1, dy + p, (lanes, 0), (units, 1, 1), table(tap),
                        weights, (units, 1, 0, 0), zeros, out + p, dx_plane, lanes - p, BIAS_EACH, 0,
                    )  # fmt: skip


@kernel
def transpose(m: Memory, x: Place, features: int, y: Place, lanes: int) -> None:
    """x (features, lanes) -> y (lanes, features)"""
    for o in range(features):
        for e in range(lanes):
            m[y + e * features + o] = m[x + o * lanes + e]


@kernel
def load(m: Memory, x: Place, features: int, y: Place, lanes: int) -> None:
    """x (lanes, features) -> y (features, lanes)"""
    for o in range(features):
        for e in range(lanes):
            m[y + o * lanes + e] = m[x + e * features + o]


@kernel
def dense_dw(
    m: Memory, dy: Place, units: int, x: Place, x_planes: int, x_rows: int, x_columns: int, x_plane: int,
    x_pitch: int, dw: Place, tap: Table, lanes: int,
) -> None:  # fmt: skip
    """dw[i, j, c, o] += sum_e x[c, i, j, e] dy[e, o], with dy (lanes, units), the result of `transpose`

    tap: a table of one offset, 0
    """
    for i in range(x_rows):
        for j in range(x_columns):
            pixel, out = x + i * x_pitch + j * lanes, dw + (i * x_columns + j) * x_planes * units
            for c in range(0, x_planes, FEATURES):
                for p in range(0, units, vector(m)):
                    multiply_tile(
                        m, FEATURES, c, x_planes - 1, dy + p, (units, 0), (lanes, 1, 1), table(tap),
                        pixel, (x_plane, 1, 0, 0), out, out + p, units, units - p, ADD_TO_Y, 0,
                    )  # fmt: skip


@kernel
def softmax_rows(m: Memory, x: Place, rows: int, columns: int) -> None:
    """x (rows, columns) = the softmax of each row, in place"""
    for i in range(rows):
        row = x + i * columns
        top = m[row]
        for k in range(1, columns):
            top = top if top >= m[row + k] or np.isnan(top) else m[row + k]
        total = zero(m)
        for k in range(columns):
            m[row + k] = np.exp(m[row + k] - top)
            total += m[row + k]
        for k in range(columns):
            m[row + k] /= total


@kernel
def cross_entropy(
    m: Memory, logits: Place, classes: int, weight: Place, losses: Place, dlogits: Place, labels: Table, lanes: int
) -> None:
    """losses[e] = -log softmax(logits)[labels[e]], and dlogits (classes, lanes) = weight times its gradient"""
    for e in range(lanes):
        z, d = logits + e, dlogits + e
        top = m[z]
        for k in range(1, classes):
            top = max(top, m[z + k * lanes])
        total = zero(m)
        for k in range(classes):
            power = np.exp(m[z + k * lanes] - top)
            m[d + k * lanes] = power
            total += power
        label = table(labels)[e]
        m[losses + e] = np.log(total) - (m[z + label * lanes] - top)
        for k in range(classes):
            m[d + k * lanes] *= m[weight] / total
        m[d + label * lanes] -= m[weight]


@kernel
def adam(m: Memory, w: Place, mean: Place, square: Place, gradient: Place, count: int, numbers: Place) -> None:
    """Do one step of Adam in place, in one pass over the weights: see `convlens.nn.optimizers.Adam`.

    numbers: the rate, 1 - beta_1, 1 - beta_2 and epsilon
    """
    rate, one_less_beta_1, one_less_beta_2, epsilon = m[numbers], m[numbers + 1], m[numbers + 2], m[numbers + 3]
    for i in range(count):
        g = m[gradient + i]
        m[mean + i] += (g - m[mean + i]) * one_less_beta_1
        m[square + i] += (g * g - m[square + i]) * one_less_beta_2
        m[w + i] -= m[mean + i] / (np.sqrt(m[square + i]) + epsilon) * rate
