"""Kernels that compute each number of an image from those at the same place: normalisation, dropout, activations, sums.

They know no layout. `per`: the number of planes after which the channels begin again. Parameters of the channels are
(per, vector), see `rows.py`.
"""

from __future__ import annotations

from convlens.engines.compiled.kernel import Memory, Place, Table, kernel
from convlens.engines.compiled.registers import vector, zero
from convlens.engines.compiled.rows import drop_row, normalise_dx_row, relu_mask_row, relu_sum_row, scale_row, sum_row
from convlens.engines.compiled.tape import table


@kernel
def scale(
    m: Memory, x: Place, x_planes: int, x_rows: int, x_run: int, x_plane: int, x_pitch: int, a: Place, mean: Place,
    b: Place, per: int, y: Place, y_plane: int, y_pitch: int, relu: int,
) -> None:  # fmt: skip
    """y = relu(a (x - mean) + b), for each channel"""
    for c in range(x_planes):
        past = c % per * vector(m)
        for i in range(x_rows):
            scale_row(
                m, x + c * x_plane + i * x_pitch, a + past, mean + past, b + past, y + c * y_plane + i * y_pitch, x_run,
                relu,
            )  # fmt: skip


@kernel
def moments(
    m: Memory, x: Place, x_planes: int, x_rows: int, x_run: int, x_plane: int, x_pitch: int, shift: Place, sums: Place,
    squares: Place,
) -> None:  # fmt: skip
    """For each plane and lane: shift, about the mean of x; the sum of x - shift; the sum of its squares"""
    wide = vector(m)
    for c in range(x_planes):
        past = c * wide
        for p in range(past, past + wide):
            m[shift + p] = zero(m)
            m[sums + p] = zero(m)
        for i in range(x_rows):
            sum_row(m, x + c * x_plane + i * x_pitch, shift + past, x_run, sums + past, squares + past)
        for p in range(past, past + wide):
            m[shift + p] = m[sums + p] / (x_rows * ((x_run + wide - 1) // wide))
            m[sums + p] = zero(m)
            m[squares + p] = zero(m)
        for i in range(x_rows):
            sum_row(m, x + c * x_plane + i * x_pitch, shift + past, x_run, sums + past, squares + past)


@kernel
def scale_back(
    m: Memory, dy: Place, dy_plane: int, dy_pitch: int, y: Place, y_plane: int, y_pitch: int, relu: int, x: Place,
    x_planes: int, x_rows: int, x_run: int, x_plane: int, x_pitch: int, per: int, mean: Place, sums: Place,
    products: Place,
) -> None:  # fmt: skip
    """dy = dy where y > 0, else 0 (only if `relu`). For each plane and lane: the sums of dy, and of dy (x - mean)"""
    wide = vector(m)
    for c in range(x_planes):
        past = c * wide
        for p in range(past, past + wide):
            m[sums + p] = zero(m)
            m[products + p] = zero(m)
        for i in range(x_rows):
            relu_sum_row(
                m, dy + c * dy_plane + i * dy_pitch, y + c * y_plane + i * y_pitch, relu,
                x + c * x_plane + i * x_pitch, mean + c % per * wide, x_run, sums + past, products + past,
            )  # fmt: skip


@kernel
def scale_dx(
    m: Memory, dy: Place, dy_plane: int, dy_pitch: int, x: Place, x_planes: int, x_rows: int, x_run: int, x_plane: int,
    x_pitch: int, a: Place, mean: Place, b: Place, c: Place, per: int, dx: Place, dx_plane: int, dx_pitch: int,
) -> None:  # fmt: skip
    """dx = a dy + b (x - mean) + c, for each channel"""
    for k in range(x_planes):
        past = k % per * vector(m)
        for i in range(x_rows):
            normalise_dx_row(
                m, dy + k * dy_plane + i * dy_pitch, x + k * x_plane + i * x_pitch, a + past, mean + past, b + past,
                c + past, dx + k * dx_plane + i * dx_pitch, x_run,
            )  # fmt: skip


@kernel
def drop(
    m: Memory, x: Place, x_planes: int, x_rows: int, x_columns: int, x_lanes: int, x_plane: int, x_pitch: int,
    y: Place, y_plane: int, y_pitch: int, per: int, of_example: int, of_plane: int, of_row: int, of_column: int,
    of_lane: int, first: Table, keys: Table, threshold: int, scale: Place, size: int,
) -> None:  # fmt: skip
    """y = x times its number of the mask: 0, or `scale`

    first: a table with the number of the first example. keys: a table with the key of the mask. size: the numbers of an
    example. of_…: how far one step of an image moves in a batch (n, h, w, c).
    """
    start = table(first)[0] * size
    for c in range(x_planes):
        place = start + c // per * of_example + c % per * of_plane
        for i in range(x_rows):
            for j in range(x_columns):
                past = j * x_lanes
                for p in range(0, x_lanes, vector(m)):
                    drop_row(
                        m, x + c * x_plane + i * x_pitch + past + p, y + c * y_plane + i * y_pitch + past + p,
                        x_lanes - p, place + i * of_row + j * of_column + p * of_lane, of_lane, table(keys)[0],
                        threshold, scale,
                    )  # fmt: skip


@kernel
def add(
    m: Memory, x: Place, x_planes: int, x_rows: int, x_run: int, x_plane: int, x_pitch: int, other: Place,
    other_plane: int, other_pitch: int, y: Place, y_plane: int, y_pitch: int, relu: int,
) -> None:  # fmt: skip
    """y = relu(x + other)"""
    for c in range(x_planes):
        for i in range(x_rows):
            one, two = x + c * x_plane + i * x_pitch, other + c * other_plane + i * other_pitch
            out = y + c * y_plane + i * y_pitch
            for p in range(x_run):
                z = m[one + p] + m[two + p]
                m[out + p] = zero(m) if relu and z < 0 else z


@kernel
def copy(
    m: Memory, x: Place, x_planes: int, x_rows: int, x_run: int, x_plane: int, x_pitch: int, y: Place, y_plane: int,
    y_pitch: int, more: int,
) -> None:  # fmt: skip
    """y = x, or y += x if `more`"""
    for c in range(x_planes):
        for i in range(x_rows):
            source, target = x + c * x_plane + i * x_pitch, y + c * y_plane + i * y_pitch
            if more:
                for p in range(x_run):
                    m[target + p] += m[source + p]
            else:
                for p in range(x_run):
                    m[target + p] = m[source + p]


@kernel
def add_dx(
    m: Memory, dy: Place, dy_planes: int, dy_rows: int, dy_run: int, dy_plane: int, dy_pitch: int, y: Place,
    y_plane: int, y_pitch: int, relu: int, dx: Place, dx_plane: int, dx_pitch: int, other: Place, other_plane: int,
    other_pitch: int,
) -> None:  # fmt: skip
    """dx = dy for both terms of the sum y; with a ReLU after it, dy where y > 0, else 0"""
    for c in range(dy_planes):
        for i in range(dy_rows):
            relu_mask_row(
                m, dy + c * dy_plane + i * dy_pitch, y + c * y_plane + i * y_pitch, relu,
                dx + c * dx_plane + i * dx_pitch, other + c * other_plane + i * other_pitch, dy_run,
            )  # fmt: skip


@kernel
def global_mean(
    m: Memory, x: Place, x_rows: int, x_columns: int, x_plane: int, x_pitch: int, x_lanes: int, per: int, y: Place,
    y_planes: int, y_plane: int, y_lanes: int,
) -> None:  # fmt: skip
    """x with channels in lanes -> y (c, 1, 1, n) with examples in lanes: the mean of each channel's image"""
    for c in range(y_planes):
        for e in range(y_lanes):
            total, start = zero(m), x + (e * per + c // x_lanes) * x_plane + c % x_lanes
            for i in range(x_rows):
                for j in range(x_columns):
                    total += m[start + i * x_pitch + j * x_lanes]
            m[y + c * y_plane + e] = total / (x_rows * x_columns)


@kernel
def global_mean_dx(
    m: Memory, dy: Place, dy_planes: int, dy_plane: int, dy_lanes: int, dx: Place, dx_rows: int, dx_columns: int,
    dx_plane: int, dx_pitch: int, dx_lanes: int, per: int,
) -> None:  # fmt: skip
    """The gradient of `global_mean`"""
    for e in range(dy_lanes):
        for c in range(dy_planes):
            share = m[dy + c * dy_plane + e] / (dx_rows * dx_columns)
            start = dx + (e * per + c // dx_lanes) * dx_plane + c % dx_lanes
            for i in range(dx_rows):
                for j in range(dx_columns):
                    m[start + i * dx_pitch + j * dx_lanes] = share


@kernel
def global_max(
    m: Memory, x: Place, x_rows: int, x_columns: int, x_plane: int, x_pitch: int, x_lanes: int, per: int, y: Place,
    y_planes: int, y_plane: int, y_lanes: int,
) -> None:  # fmt: skip
    """x with channels in lanes -> y (c, 1, 1, n) with examples in lanes: the maximum of each channel's image"""
    for c in range(y_planes):
        for e in range(y_lanes):
            start = x + (e * per + c // x_lanes) * x_plane + c % x_lanes
            most = m[start]
            for i in range(x_rows):
                for j in range(x_columns):
                    value = m[start + i * x_pitch + j * x_lanes]
                    if value > most or value != value:
                        most = value
            m[y + c * y_plane + e] = most


@kernel
def global_max_dx(
    m: Memory, dy: Place, dy_planes: int, dy_plane: int, dy_lanes: int, x: Place, x_plane: int, x_pitch: int, y: Place,
    y_plane: int, dx: Place, dx_rows: int, dx_columns: int, dx_plane: int, dx_pitch: int, dx_lanes: int, per: int,
) -> None:  # fmt: skip
    """The gradient of `global_max`: equal maxima share it."""
    for e in range(dy_lanes):
        for c in range(dy_planes):
            block, lane, most = e * per + c // dx_lanes, c % dx_lanes, m[y + c * y_plane + e]
            count = 0
            for i in range(dx_rows):
                for j in range(dx_columns):
                    count += m[x + block * x_plane + i * x_pitch + j * dx_lanes + lane] == most
            for i in range(dx_rows):
                for j in range(dx_columns):
                    hit = m[x + block * x_plane + i * x_pitch + j * dx_lanes + lane] == most
                    share = m[dy + c * dy_plane + e] / count if hit else zero(m)
                    m[dx + block * dx_plane + i * dx_pitch + j * dx_lanes + lane] = share
