"""Kernels of Winograd's convolution, with channels in lanes: see `winograd`.

A layer runs in chunks of tiles, which fit into the second-level cache. The tiles of a chunk are transformed, then each
of their points is a matrix product over the channels, then the products are transformed back.
"""

from __future__ import annotations

from functools import cache

from convlens.engines.compiled.block_tiles import ZERO, convolve_tile, correlate_block
from convlens.engines.compiled.kernel import Kernel, Memory, Place, Table, kernel
from convlens.engines.compiled.registers import vector
from convlens.engines.compiled.tape import table
from convlens.engines.compiled.winograd import Form
from convlens.engines.compiled.winograd_tiles import (
    KERNEL,
    KERNEL_GRADIENT,
    transform,
    transform_outputs,
)


@cache
def to_points(form: Form) -> Kernel:
    """Return the kernel that transforms packed kernels."""
    (size, taps), side = form, form.side

    @kernel
    def to_points(m: Memory, x: Place, count: int, y: Place) -> None:
        """y[p, r, v] = (G x[r] G')[p, v]; x (count, taps, taps, vector)"""
        wide = vector(m)
        step, cells = count * wide, taps * taps * wide
        for r in range(count):
            transform(m, size, taps, KERNEL, x + r * cells, taps * wide, wide, y + r * wide, side * step, step)

    return to_points


@cache
def from_points(form: Form) -> Kernel:
    """Return the kernel that transforms the gradient of packed kernels back."""
    (size, taps), side = form, form.side

    @kernel
    def from_points(m: Memory, x: Place, count: int, y: Place) -> None:
        """y[r] = G' x[:, r] G, (count, taps, taps, vector)"""
        wide = vector(m)
        step, cells = count * wide, taps * taps * wide
        for r in range(count):
            transform(m, size, taps, KERNEL_GRADIENT, x + r * wide, side * step, step, y + r * cells, taps * wide, wide)

    return from_points


@cache
def to_tiles(form: Form, which: int) -> Kernel:
    """Return the kernel that transforms tiles of images; which: INPUTS or GRADIENTS."""
    (size, taps), side = form, form.side

    @kernel
    def to_tiles(
        m: Memory, x: Place, x_example: int, x_plane: int, x_pitch: int, corner: int, blocks: int, across: int,
        each: int, start: int, count: int, chunk: int, y: Place,
    ) -> None:  # fmt: skip
        """y[p, c, t, v] = the points p of tile start + t of block c, for t below `count`

        An example has `each` tiles, `across` of them side by side. The first one begins `corner` after x. chunk: the
        tiles for which y has room
        """
        wide = vector(m)
        step = (blocks * chunk + 1) * wide
        for c in range(blocks):
            for t in range(count):
                e, place = divmod(start + t, each)
                i, j = divmod(place, across)
                tile = x + e * x_example + c * x_plane + corner + size * (i * x_pitch + j * wide)
                transform(m, size, taps, which, tile, x_pitch, wide, y + (c * chunk + t) * wide, side * step, step)

    return to_tiles


@cache
def multiply(tile: int, lanes: int) -> Kernel:
    """Return the kernel of the products of a forward; its register tile has `tile` tiles of the image."""

    @kernel
    def multiply(
        m: Memory, x: Place, taps: Table, ins: int, w: Place, outs: int, points: int, count: int, chunk: int, y: Place
    ) -> None:
        """y[p, o, t, v] = sum_ck x[p, c, t, k] w[p, o, c, k, v]; taps: where each block of channels stands in x

        The tiles past `count` are computed too, up to a multiple of `tile`.
        """
        wide = vector(m)
        x_p, y_p, panel = (ins * chunk + 1) * wide, (outs * chunk + 1) * wide, ins * wide * wide
        for p in range(points):
            for o in range(outs):
                for t in range(0, count, tile):
                    convolve_tile(
                        m, tile, lanes, x + p * x_p + t * wide, table(taps), ins, wide, w + (p * outs + o) * panel, w,
                        ZERO, 0, y + p * y_p + (o * chunk + t) * wide, lanes,
                    )  # fmt: skip

    return multiply


@cache
def from_tiles(form: Form) -> Kernel:
    """Return the kernel that transforms the products of a forward to the output."""
    size, taps = form

    @kernel
    def from_tiles(
        m: Memory, x: Place, chunk: int, b: Place, relu: int, more: int, y: Place, y_example: int, y_plane: int,
        y_pitch: int, blocks: int, oh: int, ow: int, start: int, count: int,
    ) -> None:  # fmt: skip
        """y = relu(b + the outputs of the tiles), added to y if `more`; start, count, chunk: as in `to_tiles`"""
        wide = vector(m)
        across, down = (ow + size - 1) // size, (oh + size - 1) // size
        for o in range(blocks):
            for t in range(count):
                e, place = divmod(start + t, across * down)
                i, j = divmod(place, across)
                out = y + e * y_example + o * y_plane + size * (i * y_pitch + j * wide)
                transform_outputs(
                    m, size, taps, x + (o * chunk + t) * wide, (blocks * chunk + 1) * wide, b + o * wide, relu, more,
                    out, y_pitch, wide, oh - size * i, ow - size * j,
                )  # fmt: skip

    return from_tiles


@cache
def multiply_dw(lanes: int) -> Kernel:
    """Return the kernel of the products of a kernel's gradient."""

    @kernel
    def multiply_dw(
        m: Memory, x: Place, ins: int, dy: Place, outs: int, points: int, count: int, chunk: int, dw: Place
    ) -> None:
        """dw[p, o, c, k, v] += sum_t x[p, c, t, k] dy[p, o, t, v] for t below `count`"""
        wide = vector(m)
        x_p, dy_p = (ins * chunk + 1) * wide, (outs * chunk + 1) * wide
        for p in range(points):
            for o in range(outs):
                for c in range(ins):
                    correlate_block(
                        m, lanes, lanes, x + p * x_p + c * chunk * wide, 0, dy + p * dy_p + o * chunk * wide, 0, lanes,
                        1, count, dw + ((p * outs + o) * ins + c) * wide * wide,
                    )  # fmt: skip

    return multiply_dw
