"""Kernels over examples: up to 16 examples side by side, so that a vector holds the same pixel of each example.

An `Image` is a block of `lanes` examples, (planes, rows, pitch). A row holds its columns one after the other, and a
column holds that pixel of each example. With 16 lanes, a column of float32 fills a cache line and a vector register. A
step to the right is a step of 16 numbers, so every vector is aligned. This is the layout of cuda-convnet (Krizhevsky
2012).

A row may begin and end with a frame of zero columns, which a convolution uses as its padding. There are no zero rows:
loops skip the rows above and below the image. The sizes of an image x are x_planes, x_rows, x_pitch (the distance from
one row to the next, with the frame) and x_columns (without the frame). Its place is the place of its first pixel.
"""

from __future__ import annotations

from functools import cache

from convlens.engines.compiled.kernel import Kernel, Memory, Place, Table, kernel
from convlens.engines.compiled.pool_tiles import scatter_to_first_max, scatter_to_max, window_max, window_max_of
from convlens.engines.compiled.registers import (
    BIAS_EACH,
    correlate_tile,
    multiply_tile,
    relu_backward_sum,
    vector,
    zero,
)
from convlens.engines.compiled.tape import table

LANES = 16


def tile(outputs: int, *sizes: int) -> int:
    """Return the size of register tile that wastes least for this number of outputs; the first one if several do.

    >>> tile(16, 8, 6, 4), tile(6, 8, 6, 4), tile(84, 8, 6, 4)
    (8, 6, 6)
    """
    return min(sizes, key=lambda size: -(-outputs // size) * size)


@kernel
def from_nhwc(
    m: Memory, x: Place, y: Place, y_planes: int, y_rows: int, y_columns: int, y_plane: int, y_pitch: int, lanes: int
) -> None:
    """x (n, h, w, c) -> the image y"""
    for k in range(y_planes):
        for i in range(y_rows):
            for j in range(y_columns):
                source, target = x + (i * y_columns + j) * y_planes + k, y + k * y_plane + i * y_pitch + j * lanes
                for e in range(lanes):
                    m[target + e] = m[source + e * y_rows * y_columns * y_planes]


@kernel
def by_phase(
    m: Memory, x: Place, x_planes: int, x_rows: int, x_pitch: int, sw: int, y: Place, phase: int, lanes: int
) -> None:
    """Copy the columns j of x to y, ordered by j % sw, then by j // sw.

    In this order a stride of sw becomes a step of one column.
    phase: the size of all columns with the same j % sw, in numbers
    """
    for k in range(x_planes * x_rows):
        for j in range(x_pitch // lanes):
            source = x + k * x_pitch + j * lanes
            target = y + k * sw * phase + (j % sw) * phase + (j // sw) * lanes
            for e in range(lanes):
                m[target + e] = m[source + e]


@kernel
def fill_zeros(m: Memory, x: Place, count: int) -> None:
    """x[p] = 0 for p below `count`"""
    for p in range(x, x + count):
        m[p] = zero(m)


@kernel
def clear_frame(m: Memory, x: Place, planes: int, rows: int, run: int, plane: int, pitch: int, before: int) -> None:
    """Set the frame around each plane to 0. before: the numbers before the first pixel; run: the numbers of a row"""
    for c in range(planes):
        first = x + c * plane
        for i in range(rows + 1):  # what is before row i
            row = first + before + i * pitch
            for p in range(row - pitch + run if i else first, row if i < rows else first + plane):
                m[p] = zero(m)


# ---------------------------------------------------------------- convolution


@cache
def convolve(outputs: int) -> Kernel:
    """Return the kernel of a convolution whose register tile has `outputs` outputs."""

    @kernel
    def convolve(
        m: Memory, x: Place, x_planes: int, x_rows: int, x_columns: int, x_plane: int, x_pitch: int, lead: int,
        w: Place, w_o: int, w_c: int, w_a: int, w_d: int, kh: int, kw: int, taps: Table, b: Place, relu: int,
        y: Place, y_planes: int, y_rows: int, y_plane: int, y_pitch: int, run: int, sh: int, top: int, lanes: int,
    ) -> None:  # fmt: skip
        """y[o, i, p] = relu(b[o] + sum_cad x[c, top + i*sh + a, taps[d] + p] w[o, c, a, d]), summed over the rows that
        x has for p below `run`, the size of a row of y. Tap d is column d of the kernel; for the first output it reads
        column d - lead of x. A tap outside x reads zeros. If a vector lies inside one column, all its lanes read zeros
        there, and the loop skips the tap.
        """
        for i in range(y_rows):
            start = top + i * sh
            low, high = max(0, -start), min(kh, x_rows - start)
            seen, weights = x + (start + low) * x_pitch, w + low * w_a
            for o in range(0, y_planes, outputs):
                for p in range(0, run, vector(m)):
                    begin, end = 0, kw
                    if lanes % vector(m) == 0:
                        begin, end = max(0, lead - p // lanes), min(kw, lead + x_columns - p // lanes)
                    sizes = (x_planes, max(0, high - low), max(0, end - begin))
                    multiply_tile(
                        m, outputs, o, y_planes - 1, seen + p, (x_plane, x_pitch), sizes, table(taps + begin),
                        weights + begin * w_d, (w_o, w_c, w_a, w_d), b, y + i * y_pitch + p, y_plane, run - p,
                        BIAS_EACH, relu,
                    )  # fmt: skip

    return convolve


@cache
def convolve_dw(outputs: int, width: int) -> Kernel:
    """Return the kernel of the gradient of w; its register tile has `outputs` × `width` sums, for outputs and taps."""

    @kernel
    def convolve_dw(
        m: Memory, x: Place, x_planes: int, x_rows: int, x_plane: int, x_pitch: int, dy: Place, dy_planes: int,
        dy_rows: int, dy_plane: int, dy_pitch: int, run: int, sh: int, top: int, dw: Place, kh: int, kw: int,
        taps: Table,
    ) -> None:  # fmt: skip
        """dw[a, d, c, o] += sum_ip x[c, top + i*sh + a, taps[d] + p] dy[o, i, p], for p below `run`"""
        for o in range(0, dy_planes, outputs):
            for c in range(x_planes):
                for a in range(kh):
                    i = max(0, -((top + a) // sh))
                    rows = max(0, min(dy_rows, (x_rows - 1 - top - a) // sh + 1) - i)
                    seen = x + c * x_plane + (top + i * sh + a) * x_pitch
                    for d in range(0, kw, width):
                        correlate_tile(
                            m, outputs, width, o, dy_planes - 1, d, kw - 1, seen, sh * x_pitch, table(taps),
                            dy + i * dy_pitch, (dy_plane, dy_pitch), rows, run,
                            dw + (a * kw * x_planes + c) * dy_planes, (1, x_planes * dy_planes),
                        )  # fmt: skip

    return convolve_dw


@kernel
def convolve_dx(
    m: Memory, dy: Place, dy_planes: int, dy_rows: int, dy_columns: int, dy_plane: int, dy_pitch: int, w: Place,
    kh: int, kw: int, sh: int, sw: int, top: int, left: int, dx: Place, dx_planes: int, dx_rows: int, dx_columns: int,
    dx_plane: int, dx_pitch: int, lanes: int,
) -> None:  # fmt: skip
    """dx[c, top + i*sh + a, left + j*sw + d] += dy[o, i, j] w[a, d, c, o], at any stride; dx must be 0 before"""
    for c in range(dx_planes):
        for o in range(dy_planes):
            for i in range(dy_rows):
                start = top + i * sh
                for a in range(max(0, -start), min(kh, dx_rows - start)):
                    for d in range(kw):
                        weight = m[w + ((a * kw + d) * dx_planes + c) * dy_planes + o]
                        begin = max(0, -((left + d) // sw))
                        end = min(dy_columns, (dx_columns - 1 - left - d) // sw + 1)
                        for j in range(begin, end):
                            target = dx + c * dx_plane + (start + a) * dx_pitch + (left + j * sw + d) * lanes
                            source = dy + o * dy_plane + i * dy_pitch + j * lanes
                            for e in range(lanes):
                                m[target + e] += weight * m[source + e]


@kernel
def relu_db(
    m: Memory, dy: Place, dy_planes: int, dy_rows: int, dy_plane: int, dy_pitch: int, y: Place, y_plane: int,
    y_pitch: int, run: int, relu: int, db: Place,
) -> None:  # fmt: skip
    """dy = dy where y > 0, else 0, in place (only if `relu`), and db[o] += sum of dy[o]"""
    for o in range(dy_planes):
        total = zero(m)
        for i in range(dy_rows):
            gradient, value = dy + o * dy_plane + i * dy_pitch, y + o * y_plane + i * y_pitch
            total += relu_backward_sum(m, gradient, value, run, relu)
        m[db + o] += total


# ---------------------------------------------------------------- pooling


@cache
def max_pool(side: int) -> Kernel:
    """Return the kernel of max pooling. side: of the windows, whose loops are unrolled; 0 for any windows"""
    whole = max(1, side)

    @kernel
    def max_pool(
        m: Memory, x: Place, x_planes: int, x_rows: int, x_columns: int, x_plane: int, x_pitch: int, kh: int, kw: int,
        sh: int, sw: int, top: int, left: int, y: Place, y_rows: int, y_columns: int, y_plane: int, y_pitch: int,
        lanes: int,
    ) -> None:  # fmt: skip
        """y = the maximum of each window's cells inside x

        The first window begins `top` rows and `left` columns outside x.
        """
        for c in range(x_planes):
            for i in range(y_rows):
                a0, a1 = max(0, i * sh - top), min(x_rows, i * sh - top + kh)
                for j in range(y_columns):
                    b0, b1 = max(0, j * sw - left), min(x_columns, j * sw - left + kw)
                    seen, out = x + c * x_plane + a0 * x_pitch + b0 * lanes, y + c * y_plane + i * y_pitch + j * lanes
                    for p in range(0, lanes, vector(m)):
                        if side and a1 - a0 == side and b1 - b0 == side:
                            window_max_of(m, whole, seen + p, x_pitch, lanes, out + p, lanes - p)
                        else:
                            window_max(m, seen + p, (x_pitch, lanes), (a1 - a0, b1 - b0), out + p, lanes - p)

    return max_pool


@cache
def max_pool_dx(side: int, adds: int) -> Kernel:
    """Return the kernel of the gradient of max pooling. side: as in `max_pool`. adds: whether windows overlap

    If they do not, windows whose loops are unrolled write all their cells, zeros too.
    """
    whole = max(1, side)

    @kernel
    def max_pool_dx(
        m: Memory, dy: Place, dy_plane: int, dy_pitch: int, x: Place, x_planes: int, x_rows: int, x_columns: int,
        x_plane: int, x_pitch: int, y: Place, y_rows: int, y_columns: int, y_plane: int, y_pitch: int, kh: int,
        kw: int, sh: int, sw: int, top: int, left: int, only_one: int, dx: Place, dx_plane: int, dx_pitch: int,
        lanes: int,
    ) -> None:  # fmt: skip
        """dx += dy at the first maximum of each window (if `only_one`), or at all its maxima; dx must be 0 before"""
        for c in range(x_planes):
            for i in range(y_rows):
                a0, a1 = max(0, i * sh - top), min(x_rows, i * sh - top + kh)
                for j in range(y_columns):
                    b0, b1 = max(0, j * sw - left), min(x_columns, j * sw - left + kw)
                    gradient, largest = dy + c * dy_plane + i * dy_pitch, y + c * y_plane + i * y_pitch
                    seen, out = x + c * x_plane + a0 * x_pitch, dx + c * dx_plane + a0 * dx_pitch
                    for p in range(0, lanes, vector(m)):
                        past, inside = j * lanes + p, b0 * lanes + p
                        if side and a1 - a0 == side and b1 - b0 == side:
                            scatter_to_first_max(
                                m, whole, adds, gradient + past, seen + inside, largest + past, x_pitch, lanes,
                                out + inside, dx_pitch, lanes, lanes - p,
                            )  # fmt: skip
                        else:
                            scatter_to_max(
                                m, gradient + past, seen + inside, largest + past, (x_pitch, lanes),
                                (a1 - a0, b1 - b0), only_one, out + inside, (dx_pitch, lanes), lanes - p,
                            )  # fmt: skip

    return max_pool_dx


@kernel
def average_pool(
    m: Memory, x: Place, x_planes: int, x_rows: int, x_columns: int, x_plane: int, x_pitch: int, kh: int, kw: int,
    sh: int, sw: int, top: int, left: int, y: Place, y_rows: int, y_columns: int, y_plane: int, y_pitch: int,
    lanes: int,
) -> None:  # fmt: skip
    """y = the mean of each window's cells inside x"""
    for c in range(x_planes):
        for i in range(y_rows):
            a0, a1 = max(0, i * sh - top), min(x_rows, i * sh - top + kh)
            for j in range(y_columns):
                b0, b1 = max(0, j * sw - left), min(x_columns, j * sw - left + kw)
                out = y + c * y_plane + i * y_pitch + j * lanes
                for e in range(lanes):
                    m[out + e] = zero(m)
                for a in range(a0, a1):
                    for b in range(b0, b1):
                        cell = x + c * x_plane + a * x_pitch + b * lanes
                        for e in range(lanes):
                            m[out + e] += m[cell + e]
                for e in range(lanes):
                    m[out + e] /= (a1 - a0) * (b1 - b0)


@kernel
def average_pool_dx(
    m: Memory, dy: Place, dy_planes: int, dy_rows: int, dy_columns: int, dy_plane: int, dy_pitch: int, kh: int, kw: int,
    sh: int, sw: int, top: int, left: int, dx: Place, dx_rows: int, dx_columns: int, dx_plane: int, dx_pitch: int,
    lanes: int,
) -> None:  # fmt: skip
    """dx += dy / (number of the window's cells inside x); dx must be 0 before"""
    for c in range(dy_planes):
        for i in range(dy_rows):
            a0, a1 = max(0, i * sh - top), min(dx_rows, i * sh - top + kh)
            for j in range(dy_columns):
                b0, b1 = max(0, j * sw - left), min(dx_columns, j * sw - left + kw)
                gradient = dy + c * dy_plane + i * dy_pitch + j * lanes
                for a in range(a0, a1):
                    for b in range(b0, b1):
                        out = dx + c * dx_plane + a * dx_pitch + b * lanes
                        for e in range(lanes):
                            m[out + e] += m[gradient + e] / ((a1 - a0) * (b1 - b0))
