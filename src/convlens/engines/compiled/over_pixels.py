"""Kernels over pixels: a vector holds neighbouring pixels of one channel. For results of few channels.

An image lies in planes, one for each channel. A frame of zeros is around each plane, so the rows of a plane are one run
of numbers, and a vector may hold the end of a row and the beginning of the next: what stands for the frame is not used.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from llvmlite import ir

from convlens.engines.compiled.kernel import Kernel, Memory, Place, Table, intrinsic, kernel
from convlens.engines.compiled.later import cgutils, types
from convlens.engines.compiled.registers import INT, Vectors, offset, vector
from convlens.engines.compiled.tape import table


@intrinsic
def transpose_tile(typing, m, x, x_j, channels, y, y_c, columns):
    """y[c, j] = x[j, c] for c below `channels` and j below `columns`, both at most one vector

    Halves, quarters, … of the vectors change places, until each vector holds one channel.
    """
    number = m.dtype

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = Vectors(context, builder, number)
        m, x, x_j, channels, y, y_c, columns = values
        last_pixel, last_channel = (builder.sub(count, INT(1)) for count in (columns, channels))
        mask = v.mask_below(channels)
        rows = [v.masked_load(m, offset(builder, x, (j, x_j)), mask) for j in v.clamped(INT(0), last_pixel, v.size)]
        half = 1
        while half < v.size:
            low = [lane if not lane & half else v.size + lane - half for lane in range(v.size)]
            high = [lane + half if not lane & half else v.size + lane for lane in range(v.size)]
            for k in range(v.size):
                if not k & half:
                    pair = rows[k], rows[k + half]
                    rows[k], rows[k + half] = (
                        builder.shuffle_vector(*pair, ir.Constant(v.lanes, order)) for order in (low, high)
                    )
            half *= 2
        # the places past the last channel are written first, and its own number last
        written = v.mask_below(columns)
        for c, row in reversed(list(zip(v.clamped(INT(0), last_channel, v.size), rows, strict=True))):
            v.masked_store(m, offset(builder, y, (c, y_c)), row, written)
        return context.get_dummy_value()

    return types.void(m, x, x_j, channels, y, y_c, columns), code


@intrinsic(prefer_literal=True)
def pixels_tile(typing, m, TILE, VECTORS, x, taps, count, w, y, y_c):
    """y[c, p] = sum_t x[taps[t] + p] w[t, c]

    for the TILE channels c, and for p below VECTORS vectors. The sum is over t below `count`. Each iteration of the
    innermost loop loads VECTORS vectors of x and TILE numbers of w, each of which is multiplied with all vectors.
    """
    if not (isinstance(TILE, types.IntegerLiteral) and isinstance(VECTORS, types.IntegerLiteral)):
        return None
    arguments = (m, TILE, VECTORS, x, taps, count, w, y, y_c)
    tile, vectors, number = TILE.literal_value, VECTORS.literal_value, m.dtype

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = Vectors(context, builder, number)
        m, _, _, x, taps, count, w, y, y_c = values
        sums = [v.registers(vectors) for _ in range(tile)]
        for s in (s for each in sums for s in each):
            builder.store(v.zero, s)
        with cgutils.for_range(builder, count, intp=INT) as t:
            first = builder.add(x, builder.load(builder.gep(taps, [t.index])))
            seen = [v.load(m, builder.add(first, INT(k * v.size))) for k in range(vectors)]
            weights = builder.gep(m, [offset(builder, w, (t.index, INT(tile)))])
            for c, each in enumerate(sums):
                weight = v.broadcast_from(weights, INT(c))
                for one, s in zip(seen, each, strict=True):
                    builder.store(v.fma(one, weight, builder.load(s)), s)
        for c, each in enumerate(sums):
            for k, s in enumerate(each):
                v.store(m, offset(builder, y, (INT(c), y_c), (INT(k), INT(v.size))), builder.load(s))
        return context.get_dummy_value()

    return types.void(*arguments), code


@kernel
def transpose(
    m: Memory, x: Place, x_example: int, x_i: int, x_j: int, channels: int, y: Place, y_example: int, y_i: int,
    y_c: int, columns: int, rows: int, examples: int,
) -> None:  # fmt: skip
    """y[e, i, c, j] = x[e, i, j, c]"""
    wide = vector(m)
    for e in range(examples):
        for i in range(rows):
            for j in range(0, columns, wide):
                for c in range(0, channels, wide):
                    transpose_tile(
                        m, x + e * x_example + i * x_i + j * x_j + c, x_j, min(wide, channels - c),
                        y + e * y_example + i * y_i + c * y_c + j, y_c, min(wide, columns - j),
                    )  # fmt: skip


@cache
def convolve(tile: int, vectors: int) -> Kernel:
    """Return the kernel of a convolution, whose register tile has `tile` channels and `vectors` vectors of pixels."""

    @kernel
    def convolve(
        m: Memory, x: Place, x_example: int, taps: Table, count: int, w: Place, run: int, examples: int, y: Place,
        y_example: int, y_plane: int, tiles: int,
    ) -> None:  # fmt: skip
        """y[e, c * tile + k, p] = sum_t x[e, taps[t] + p] w[c, t, k], for p below `run`, rounded up to whole tiles"""
        past = vectors * vector(m)
        for e in range(examples):
            for p in range(0, run, past):
                for c in range(tiles):
                    pixels_tile(
                        m, tile, vectors, x + e * x_example + p, table(taps), count, w + c * count * tile,
                        y + e * y_example + c * tile * y_plane + p, y_plane,
                    )  # fmt: skip

    return convolve
