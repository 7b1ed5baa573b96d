"""Kernels over blocks of channels: a vector holds one pixel of neighbouring channels of one example.

A convolution reads its input as single numbers and its packed kernel as vectors, one for each number of a window: tap t
of the kernel (its row and column, and the block of input channels) and number k of the tap. `rows` is a table: where
the vector of tap t and number k stands in the unpacked kernel, -1 for a channel that only fills a block. The images of
the network itself have fewer channels than a vector has lanes. There a tap is a whole row of the kernel.
"""

from __future__ import annotations

from functools import cache

from convlens.engines.compiled.block_tiles import (
    convolve_tile,
    copy_pixels,
    correlate_block,
    depthwise_block,
    depthwise_tile,
    relu_backward_add,
)
from convlens.engines.compiled.kernel import Kernel, Memory, Place, Table, kernel
from convlens.engines.compiled.registers import vector, zero
from convlens.engines.compiled.tape import table


@kernel
def from_nhwc(
    m: Memory, x: Place, y: Place, y_planes: int, y_rows: int, y_columns: int, y_plane: int, y_pitch: int, y_lanes: int
) -> None:
    """x (n, h, w, c) -> the image y, whose lanes are the channels"""
    run = y_columns * y_lanes
    for e in range(y_planes):
        for i in range(y_rows):
            source, target = x + (e * y_rows + i) * run, y + e * y_plane + i * y_pitch
            for p in range(run):
                m[target + p] = m[source + p]


@kernel
def from_nhwc_scaled(
    m: Memory, x: Place, y: Place, y_planes: int, y_rows: int, y_columns: int, y_plane: int, y_pitch: int, y_lanes: int,
    a: Place, b: Place,
) -> None:  # fmt: skip
    """x (n, h, w, c) -> the image y = a x + b, whose lanes are the channels; a, b (c,)"""
    for e in range(y_planes):
        for i in range(y_rows):
            row, out = x + (e * y_rows + i) * y_columns * y_lanes, y + e * y_plane + i * y_pitch
            for j in range(y_columns):
                for v in range(y_lanes):
                    m[out + j * y_lanes + v] = m[a + v] * m[row + j * y_lanes + v] + m[b + v]


@kernel
def pack(m: Memory, w: Place, step: int, channels: int, rows: Table, count: int, y: Place) -> None:
    """y[o, r, v] = w[rows[r] + (o * vector + v) * step] for the channels that exist, else 0"""
    wide = vector(m)
    for o in range(0, channels, wide):
        for r in range(count):
            target, source = y + o * count + r * wide, table(rows)[r]
            if source >= 0 and step == 1:
                copy_pixels(m, source + w + o, 0, channels - o, target, 0, wide, 1)
            elif source >= 0 and o + wide <= channels:
                source += w + o * step
                for v in range(wide):
                    m[target + v] = m[source + v * step]
            else:
                for v in range(wide):
                    m[target + v] = m[w + source + (o + v) * step] if source >= 0 and o + v < channels else zero(m)


@kernel
def differs(m: Memory, x: Place, count: int, kept: Place, found: Table) -> None:
    """found[0] = 1 if x (count,) differs from `kept`, which becomes x"""
    for p in range(0, count, 256):
        other = 0
        for q in range(p, min(p + 256, count)):
            other += m[x + q] != m[kept + q]
        if other:
            for q in range(p, count):
                m[kept + q] = m[x + q]
            table(found)[0] = 1
            return


@kernel
def unpack(m: Memory, x: Place, channels: int, rows: Table, count: int, dw: Place) -> None:
    """dw[rows[r] + o * vector + v] += x[o, r, v] for the channels that exist"""
    wide = vector(m)
    for o in range(0, channels, wide):
        for r in range(count):
            source, target = x + o * count + r * wide, table(rows)[r] + dw + o
            if target >= dw:
                for v in range(min(wide, channels - o)):
                    m[target + v] += m[source + v]


@cache
def convolve(tile: int, rest: int, step: int, out: int) -> Kernel:
    """Return the kernel of a convolution, whose register tile has `tile` positions of a row.

    The last tile of a row has `rest` positions, if `rest` is not 0. step, out: the distance of two positions in x and y
    """

    @kernel
    def convolve(
        m: Memory, x: Place, x_example: int, x_i: int, taps: Table, count: int, depth: int, w: Place, b: Place,
        start: int, relu: int, y: Place, y_example: int, y_plane: int, y_i: int, blocks: int, examples: int, oh: int,
        ow: int,
    ) -> None:  # fmt: skip
        """y[e, o, i, j, v] = relu(b[o, v] + sum_tk x[e, taps[t] + i x_i + j step + k] w[o, t, k, v])"""
        wide = vector(m)
        for e in range(examples):
            for o in range(blocks):
                for i in range(oh):
                    seen, written = x + e * x_example + i * x_i, y + e * y_example + o * y_plane + i * y_i
                    panel = w + o * count * depth * wide
                    for j in range(0, ow - rest, tile):
                        convolve_tile(
                            m, tile, step, seen + j * step, table(taps), count, depth, panel, b + o * wide, start, relu,
                            written + j * out, out,
                        )  # fmt: skip
                    if rest:
                        j = ow - rest
                        convolve_tile(
                            m, rest, step, seen + j * step, table(taps), count, depth, panel, b + o * wide, start, relu,
                            written + j * out, out,
                        )  # fmt: skip

    return convolve


@cache
def convolve_dw(tile: int, step: int, out: int) -> Kernel:
    """Return the kernel of the gradient of a packed kernel; its register tile has `tile` numbers of a tap.

    step, out: the distance of two positions in x and dy
    """

    @kernel
    def convolve_dw(
        m: Memory, x: Place, x_example: int, x_i: int, taps: Table, count: int, depth: int, dy: Place, dy_example: int,
        dy_plane: int, dy_pitch: int, blocks: int, examples: int, oh: int, ow: int, dw: Place,
    ) -> None:  # fmt: skip
        """dw[o, t, k, v] += sum_eij x[e, taps[t] + i x_i + j step + k] dy[e, o, i, j, v]"""
        wide = vector(m)
        for e in range(examples):
            for o in range(blocks):
                gradient = dy + e * dy_example + o * dy_plane
                for t in range(count):
                    for k in range(0, depth, tile):
                        correlate_block(
                            m, tile, step, x + e * x_example + table(taps)[t] + k, x_i, gradient, dy_pitch, out, oh,
                            ow, dw + ((o * count + t) * depth + k) * wide,
                        )  # fmt: skip

    return convolve_dw


@cache
def depthwise(tile: int, rest: int, step: int, out: int) -> Kernel:
    """Return the kernel of a depthwise convolution, with tiles as in `convolve`."""

    @kernel
    def depthwise(
        m: Memory, x: Place, x_plane: int, x_i: int, taps: Table, count: int, w: Place, b: Place, start: int, relu: int,
        y: Place, y_plane: int, y_i: int, blocks: int, examples: int, oh: int, ow: int,
    ) -> None:  # fmt: skip
        """y[e, o, i, j, v] = relu(b[o, v] + sum_t x[e, o, taps[t] + i x_i + j step + v] w[o, t, v])"""
        wide = vector(m)
        for c in range(examples * blocks):
            o = c % blocks
            for i in range(oh):
                seen, written, kernels = x + c * x_plane + i * x_i, y + c * y_plane + i * y_i, w + o * count * wide
                for j in range(0, ow - rest, tile):
                    depthwise_tile(
                        m, tile, step, seen + j * step, table(taps), count, kernels, b + o * wide, start, relu,
                        written + j * out, out,
                    )  # fmt: skip
                if rest:
                    j = ow - rest
                    depthwise_tile(
                        m, rest, step, seen + j * step, table(taps), count, kernels, b + o * wide, start, relu,
                        written + j * out, out,
                    )  # fmt: skip

    return depthwise


@cache
def depthwise_dw(step: int) -> Kernel:
    """Return the kernel of the gradient of a depthwise convolution's packed kernel."""

    @kernel
    def depthwise_dw(
        m: Memory, x: Place, x_plane: int, x_i: int, taps: Table, count: int, dy: Place, dy_plane: int, dy_pitch: int,
        blocks: int, examples: int, oh: int, ow: int, dw: Place,
    ) -> None:  # fmt: skip
        """dw[o, t, v] += sum_eij x[e, o, taps[t] + i x_i + j step + v] dy[e, o, i, j, v]"""
        for c in range(examples * blocks):
            for t in range(count):
                depthwise_block(
                    m, step, x + c * x_plane + table(taps)[t], x_i, dy + c * dy_plane, dy_pitch, oh, ow,
                    dw + (c % blocks * count + t) * vector(m),
                )  # fmt: skip

    return depthwise_dw


@kernel
def relu_db(
    m: Memory, dy: Place, dy_plane: int, dy_rows: int, dy_pitch: int, run: int, y: Place, y_plane: int, y_pitch: int,
    relu: int, db: Place, blocks: int, examples: int,
) -> None:  # fmt: skip
    """dy = dy where y > 0, else 0, in place (only if `relu`), and db[o, v] += sum of dy[o, v]"""
    for e in range(examples):
        for o in range(blocks):
            plane = e * blocks + o
            for i in range(dy_rows):
                relu_backward_add(
                    m, dy + plane * dy_plane + i * dy_pitch, y + plane * y_plane + i * y_pitch, run, relu,
                    db + o * vector(m),
                )  # fmt: skip


@kernel
def to_examples(
    m: Memory, x: Place, x_plane: int, x_rows: int, x_columns: int, x_pitch: int, x_lanes: int, blocks: int, y: Place,
    y_planes: int, y_plane: int, y_pitch: int, y_lanes: int,
) -> None:  # fmt: skip
    """The image x with channels in lanes -> the image y with examples in lanes"""
    for o in range(blocks):
        channels = min(x_lanes, y_planes - o * x_lanes)
        for i in range(x_rows):
            for j in range(x_columns):
                source = x + o * x_plane + i * x_pitch + j * x_lanes
                target = y + o * x_lanes * y_plane + i * y_pitch + j * y_lanes
                if y_lanes == 1:
                    for v in range(channels):
                        m[target + v * y_plane] = m[source + v]
                else:
                    for v in range(channels):
                        for e in range(y_lanes):
                            m[target + v * y_plane + e] = m[source + e * blocks * x_plane + v]


@kernel
def from_examples(
    m: Memory, y: Place, y_planes: int, y_plane: int, y_pitch: int, y_lanes: int, x: Place, x_plane: int, x_rows: int,
    x_columns: int, x_pitch: int, x_lanes: int, blocks: int,
) -> None:  # fmt: skip
    """The image y with examples in lanes -> the image x with channels in lanes"""
    for o in range(blocks):
        channels = min(x_lanes, y_planes - o * x_lanes)
        for i in range(x_rows):
            for j in range(x_columns):
                target = x + o * x_plane + i * x_pitch + j * x_lanes
                source = y + o * x_lanes * y_plane + i * y_pitch + j * y_lanes
                for v in range(channels):
                    for e in range(y_lanes):
                        m[target + e * blocks * x_plane + v] = m[source + v * y_plane + e]
