"""Kernels of Winograd's convolution with examples in lanes: 2 × 2 outputs of a 5 × 5 kernel, see `winograd`.

The tiles of a chunk are transformed, then each of their 36 points is a matrix product over the channels, then the
products are transformed back. A place of a chunk is a vector of examples of one tile: (points, places, channels,
vector). Between two points lies one vector more, so that points do not compete for the same lines of the cache.
"""

from __future__ import annotations

from functools import cache

from convlens.engines.compiled.block_tiles import ZERO, convolve_tile
from convlens.engines.compiled.kernel import Kernel, Memory, Place, Table, compiled, kernel
from convlens.engines.compiled.registers import correlate_tile, vector
from convlens.engines.compiled.tape import table
from convlens.engines.compiled.winograd import IN_LANES
from convlens.engines.compiled.winograd_tiles import (
    INPUT_GRADIENTS,
    KERNEL,
    KERNEL_GRADIENT,
    transform,
    transform_outputs,
)

SIZE, TAPS = IN_LANES
SIDE, POINTS = IN_LANES.side, IN_LANES.points


@compiled
def _begin(place: int, across: int, pitch: int, lanes: int, wide: int) -> int:
    """Return where the tile of a place begins in a plane; across: the tiles of a row of tiles"""
    tile, part = divmod(place, lanes // wide)
    i, j = divmod(tile, across)
    return SIZE * (i * pitch + j * lanes) + part * wide


@kernel
def to_points(m: Memory, x: Place, count: int, y: Place, b: Place, outs: int, bias: Place) -> None:
    """y[i, j, k] = (G x[:, :, k] G')[i, j] for k below `count`, at least one vector; bias[o, v] = b[o]

    x (5, 5, count), y (6, 6, count), bias (outs, vector)
    """
    wide = vector(m)
    for start in range(0, count, wide):
        k = min(start, count - wide)
        transform(m, SIZE, TAPS, KERNEL, x + k, TAPS * count, count, y + k, SIDE * count, count)
    for o in range(outs):
        for v in range(wide):
            m[bias + o * wide + v] = m[b + o]


@kernel
def from_points(m: Memory, x: Place, count: int, y: Place, dw: Place) -> None:
    """dw += G' x G; x (6, 6, count), dw (5, 5, count), and y is memory of the size of dw"""
    wide = vector(m)
    for start in range(0, count, wide):
        k = min(start, count - wide)
        transform(m, SIZE, TAPS, KERNEL_GRADIENT, x + k, SIDE * count, count, y + k, TAPS * count, count)
    for p in range(TAPS * TAPS * count):
        m[dw + p] += m[y + p]


@cache
def to_tiles(which: int) -> Kernel:
    """Return the kernel that transforms tiles of images; which: INPUTS or GRADIENTS."""

    @kernel
    def to_tiles(
        m: Memory, x: Place, x_planes: int, x_plane: int, x_pitch: int, lanes: int, across: int, start: int, count: int,
        y: Place,
    ) -> None:  # fmt: skip
        """y[p, t, c, v] = the points p of place start + t of channel c, for t below `count`; across: as in `_begin`"""
        wide = vector(m)
        step = (count * x_planes + 1) * wide
        for t in range(count):
            tile = x + _begin(start + t, across, x_pitch, lanes, wide)
            for c in range(x_planes):
                transform(
                    m, SIZE, TAPS, which, tile + c * x_plane, x_pitch, lanes, y + (t * x_planes + c) * wide,
                    SIDE * step, step,
                )  # fmt: skip

    return to_tiles


@kernel
def from_tiles(
    m: Memory, x: Place, b: Place, relu: int, y: Place, y_planes: int, y_plane: int, y_pitch: int, lanes: int,
    across: int, start: int, count: int,
) -> None:  # fmt: skip
    """y = relu(b + the outputs of the tiles); x (points, places, channels, vector), b (channels, vector)"""
    wide = vector(m)
    step = (count * y_planes + 1) * wide
    for t in range(count):
        tile = y + _begin(start + t, across, y_pitch, lanes, wide)
        for o in range(y_planes):
            transform_outputs(
                m, SIZE, TAPS, x + (t * y_planes + o) * wide, step, b + o * wide, relu, 0, tile + o * y_plane, y_pitch,
                lanes, SIZE, SIZE,
            )  # fmt: skip


@kernel
def from_tiles_dx(
    m: Memory, x: Place, dx: Place, dx_planes: int, dx_plane: int, dx_pitch: int, lanes: int, across: int, start: int,
    count: int,
) -> None:  # fmt: skip
    """dx += B x B' for the points x of each tile; tiles overlap"""
    wide = vector(m)
    step = (count * dx_planes + 1) * wide
    for t in range(count):
        tile = dx + _begin(start + t, across, dx_pitch, lanes, wide)
        for c in range(dx_planes):
            transform(
                m, SIZE, TAPS, INPUT_GRADIENTS, x + (t * dx_planes + c) * wide, SIDE * step, step,
                tile + c * dx_plane, dx_pitch, lanes,
            )  # fmt: skip


@cache
def multiply(outputs: int, wide: int) -> Kernel:
    """Return the kernel of the products of a forward; its register tile has `outputs` channels, vectors of `wide`."""

    @kernel
    def multiply(m: Memory, x: Place, ins: int, taps: Table, w: Place, outs: int, count: int, y: Place) -> None:
        """y[p, t, o, v] = sum_c x[p, t, c, v] w[p, c, o]; taps: c outs for each c"""
        for p in range(POINTS):
            seen, made = x + p * (count * ins + 1) * wide, y + p * (count * outs + 1) * wide
            for o in range(0, outs, outputs):
                for t in range(count):
                    convolve_tile(
                        m, outputs, 1, w + p * ins * outs + o, table(taps), ins, 1, seen + t * ins * wide, w, ZERO, 0,
                        made + (t * outs + o) * wide, wide,
                    )  # fmt: skip

    return multiply


@cache
def multiply_dx(inputs: int, outs: int, wide: int) -> Kernel:
    """Return the kernel of the products for dx; its register tile has `inputs` channels, vectors of `wide`."""

    @kernel
    def multiply_dx(m: Memory, dy: Place, ins: int, tap: Table, w: Place, count: int, y: Place) -> None:
        """y[p, t, c, v] = sum_o dy[p, t, o, v] w[p, c, o]; tap: one 0"""
        for p in range(POINTS):
            given, made = dy + p * (count * outs + 1) * wide, y + p * (count * ins + 1) * wide
            for c in range(0, ins, inputs):
                for t in range(count):
                    convolve_tile(
                        m, inputs, outs, w + (p * ins + c) * outs, table(tap), 1, outs, given + t * outs * wide, w,
                        ZERO, 0, made + (t * ins + c) * wide, wide,
                    )  # fmt: skip

    return multiply_dx


@cache
def multiply_dw(outputs: int, inputs: int) -> Kernel:
    """Return the kernel of the products for dw; its register tile has `outputs` × `inputs` sums."""

    @kernel
    def multiply_dw(m: Memory, x: Place, ins: int, taps: Table, dy: Place, outs: int, count: int, dw: Place) -> None:
        """dw[p, c, o] += sum_tv x[p, t, c, v] dy[p, t, o, v]; taps: where the vector of each channel stands"""
        wide = vector(m)
        for p in range(POINTS):
            seen, given = x + p * (count * ins + 1) * wide, dy + p * (count * outs + 1) * wide
            for o in range(0, outs, outputs):
                for c in range(0, ins, inputs):
                    correlate_tile(
                        m, outputs, inputs, o, outs - 1, c, ins - 1, seen, ins * wide, table(taps), given,
                        (wide, outs * wide), count, wide, dw + p * ins * outs, (1, outs),
                    )  # fmt: skip

    return multiply_dw
