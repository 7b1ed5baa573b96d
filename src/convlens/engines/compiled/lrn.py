"""Local response normalisation with channels in lanes: y_i = x_i / s_i^beta with s_i = k + alpha sum_j x_j²."""

from __future__ import annotations

from math import sqrt

from convlens.engines.compiled.kernel import Memory, Place, compiled, kernel
from convlens.engines.compiled.registers import vector, zero


@compiled
def _power(s, beta):
    """s^-beta; for beta = 0.75 from two square roots"""
    if beta == 0.75:
        root = sqrt(s)
        return 1 / (root * sqrt(root))
    return s**-beta


@compiled
def _square(m, x, x_plane, per, channels, y):
    """y[c] = x[c]², for the channels of a pixel; 0 for a channel that only fills a block"""
    wide = vector(m)
    for b in range(per):
        for v in range(wide):
            value = m[x + b * x_plane + v]
            m[y + b * wide + v] = value * value if v < channels - b * wide else zero(m)


@compiled
def _add_windows(m, x, size, y):
    """y[v] = the sum of x[v + d] for d below `size`"""
    wide = vector(m)
    for v in range(wide):
        m[y + v] = zero(m)
    for d in range(size):
        for v in range(wide):
            m[y + v] += m[x + d + v]


@kernel
def normalise(
    m: Memory, x: Place, x_planes: int, x_rows: int, x_columns: int, x_plane: int, x_pitch: int, per: int, y: Place,
    y_plane: int, y_pitch: int, numbers: Place, size: int, channels: int, squares: Place, scales: Place,
) -> None:  # fmt: skip
    """numbers: k, alpha and beta. squares: room for the squares of a pixel and size zeros. scales: room for a vector"""
    wide, before = vector(m), (size - 1) // 2
    k, alpha, beta = m[numbers], m[numbers + 1], m[numbers + 2]
    for e in range(x_planes // per):
        for i in range(x_rows):
            for j in range(x_columns):
                seen, out = (
                    x + e * per * x_plane + i * x_pitch + j * wide,
                    y + e * per * y_plane + i * y_pitch + j * wide,
                )
                _square(m, seen, x_plane, per, channels, squares + before)
                for b in range(per):
                    _add_windows(m, squares + b * wide, size, scales)
                    for v in range(wide):
                        s = k + alpha * m[scales + v]
                        m[out + b * y_plane + v] = m[seen + b * x_plane + v] * _power(s, beta)


@kernel
def normalise_dx(
    m: Memory, dy: Place, dy_plane: int, dy_pitch: int, x: Place, x_planes: int, x_rows: int, x_columns: int,
    x_plane: int, x_pitch: int, per: int, dx: Place, dx_plane: int, dx_pitch: int, numbers: Place, size: int,
    channels: int, squares: Place, through: Place, scales: Place,
) -> None:  # fmt: skip
    """dx_i = dy_i / s_i^beta - 2 alpha beta x_i sum_j dy_j x_j / s_j^(beta + 1); through: room like that of squares"""
    wide, before, after = vector(m), (size - 1) // 2, size // 2
    k, alpha, beta = m[numbers], m[numbers + 1], m[numbers + 2]
    for e in range(x_planes // per):
        for i in range(x_rows):
            for j in range(x_columns):
                seen = x + e * per * x_plane + i * x_pitch + j * wide
                given, out = (
                    dy + e * per * dy_plane + i * dy_pitch + j * wide,
                    dx + e * per * dx_plane + i * dx_pitch + j * wide,
                )
                _square(m, seen, x_plane, per, channels, squares + before)
                for b in range(per):
                    _add_windows(m, squares + b * wide, size, scales)
                    for v in range(wide):
                        s = k + alpha * m[scales + v]
                        direct = m[given + b * dy_plane + v] * _power(s, beta)
                        m[out + b * dx_plane + v] = direct
                        m[through + after + b * wide + v] = direct * m[seen + b * x_plane + v] / s
                for b in range(per):
                    _add_windows(m, through + b * wide, size, scales)
                    for v in range(wide):
                        past = b * dx_plane + v
                        m[out + past] -= 2 * alpha * beta * m[seen + b * x_plane + v] * m[scales + v]
