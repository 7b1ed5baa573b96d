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
from convlens.engines.compiled.winograd_tiles import (
    GRADIENTS,
    INPUTS,
    KERNEL,
    KERNEL_GRADIENT,
    transform,
    transform_outputs,
)


@cache
def to_points(size: int) -> Kernel:
    """Return the kernel that transforms packed kernels."""
    side = size + 2

    @kernel
    def to_points(m: Memory, x: Place, count: int, y: Place) -> None:
        """y[p, r, v] = (G x[r] G')[p, v]; x (count, 3, 3, vector)"""
        wide = vector(m)
        step = count * wide
        for r in range(count):
            transform(m, size, KERNEL, x + r * 9 * wide, 3 * wide, wide, y + r * wide, side * step, step)

    return to_points


@cache
def from_points(size: int) -> Kernel:
    """Return the kernel that transforms the gradient of packed kernels back."""
    side = size + 2

    @kernel
    def from_points(m: Memory, x: Place, count: int, y: Place) -> None:
        """y[r] = G' x[:, r] G, (count, 3, 3, vector)"""
        wide = vector(m)
        step = count * wide
        for r in range(count):
            transform(m, size, KERNEL_GRADIENT, x + r * wide, side * step, step, y + r * 9 * wide, 3 * wide, wide)

    return from_points


@cache
def convolve(size: int, tile: int, lanes: int) -> Kernel:
    """Return the kernel of a convolution with tiles of size × size outputs; its register tile has `tile` of them."""
    side = size + 2

    @kernel
    def convolve(
        m: Memory, x: Place, x_example: int, x_plane: int, x_pitch: int, corner: int, ins: int, w: Place, b: Place,
        relu: int, more: int, y: Place, y_example: int, y_plane: int, y_pitch: int, outs: int, examples: int, oh: int,
        ow: int, taps: Table, chunk: int, seen: Place, made: Place,
    ) -> None:  # fmt: skip
        """y[e, o] = relu(b[o] + the convolution of x[e] with w), added to y if `more`

        corner: where the first tile begins, from x on. taps: where each block of channels stands in `seen`. seen, made:
        room for the points of `chunk` tiles, a multiple of `tile`
        """
        wide = vector(m)
        across, down = (ow + size - 1) // size, (oh + size - 1) // size
        whole, panel = examples * across * down, ins * wide * wide
        seen_p, made_p = (ins * chunk + 1) * wide, (outs * chunk + 1) * wide
        for k in range((whole + chunk - 1) // chunk):
            start = k * chunk
            count = min(chunk, whole - start)
            for c in range(ins):
                for t in range(count):
                    e, place = divmod(start + t, across * down)
                    i, j = divmod(place, across)
                    corner_of = x + e * x_example + c * x_plane + corner + size * (i * x_pitch + j * wide)
                    transform(
                        m, size, INPUTS, corner_of, x_pitch, wide, seen + (c * chunk + t) * wide, side * seen_p, seen_p
                    )
            for p in range(side * side):
                for o in range(outs):
                    for t in range(0, count, tile):
                        convolve_tile(
                            m, tile, lanes, seen + p * seen_p + t * wide, table(taps), ins, wide,
                            w + (p * outs + o) * panel, b, ZERO, 0, made + p * made_p + (o * chunk + t) * wide, lanes,
                        )  # fmt: skip
            for o in range(outs):
                for t in range(count):
                    e, place = divmod(start + t, across * down)
                    i, j = divmod(place, across)
                    written = y + e * y_example + o * y_plane + size * (i * y_pitch + j * wide)
                    transform_outputs(
                        m, size, made + (o * chunk + t) * wide, made_p, b + o * wide, relu, more, written, y_pitch,
                        oh - size * i, ow - size * j,
                    )  # fmt: skip

    return convolve


@cache
def convolve_dw(size: int, lanes: int) -> Kernel:
    """Return the kernel of the gradient of the points of a kernel, with tiles of size × size outputs."""
    side = size + 2

    @kernel
    def convolve_dw(
        m: Memory, x: Place, x_example: int, x_plane: int, x_pitch: int, corner: int, ins: int, dy: Place,
        dy_example: int, dy_plane: int, dy_pitch: int, outs: int, examples: int, oh: int, ow: int, chunk: int,
        seen: Place, given: Place, dw: Place,
    ) -> None:  # fmt: skip
        """dw[p, o, k, v] += sum over the tiles of (B' x B)[p, k] (A dy A')[p, o, v]"""
        wide = vector(m)
        across, down = (ow + size - 1) // size, (oh + size - 1) // size
        whole, panel = examples * across * down, wide * wide
        seen_p, given_p = (ins * chunk + 1) * wide, (outs * chunk + 1) * wide
        for k in range((whole + chunk - 1) // chunk):
            start = k * chunk
            count = min(chunk, whole - start)
            for t in range(count):
                e, place = divmod(start + t, across * down)
                i, j = divmod(place, across)
                corner_of = x + e * x_example + corner + size * (i * x_pitch + j * wide)
                for c in range(ins):
                    transform(
                        m, size, INPUTS, corner_of + c * x_plane, x_pitch, wide, seen + (c * chunk + t) * wide,
                        side * seen_p, seen_p,
                    )  # fmt: skip
                gradient = dy + e * dy_example + size * (i * dy_pitch + j * wide)
                for o in range(outs):
                    transform(
                        m, size, GRADIENTS, gradient + o * dy_plane, dy_pitch, wide, given + (o * chunk + t) * wide,
                        side * given_p, given_p,
                    )  # fmt: skip
            for p in range(side * side):
                for o in range(outs):
                    for c in range(ins):
                        correlate_block(
                            m, lanes, lanes, seen + p * seen_p + c * chunk * wide, 0,
                            given + p * given_p + o * chunk * wide, 0, 1, count,
                            dw + ((p * outs + o) * ins + c) * panel,
                        )  # fmt: skip

    return convolve_dw
