"""A convolution of few output channels and the 2 × 2 max pool after it, in one kernel: a vector holds windows of a row.

Channels would leave most lanes of a vector empty. So a lane is a window of the pool. A window has four positions of the
convolution, two in each of two rows, and the register tile holds the sums of all four for some output channels. Their
maximum is the only number that is stored. Windows are two columns apart, so the images have their even columns first,
then their odd ones: neighbouring windows then read neighbouring numbers.

Only a prediction uses it: a backward would need the numbers before the pool.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from convlens.engines.compiled.example_calls import Weights
from convlens.engines.compiled.image import Image
from convlens.engines.compiled.kernel import Call, Kernel, Memory, Place, Slot, intrinsic, kernel
from convlens.engines.compiled.later import cgutils, types
from convlens.engines.compiled.over_examples import tile
from convlens.engines.compiled.plan import fuse_relus
from convlens.engines.compiled.registers import BYTES, INT, Vectors, is_true, offset, vector
from convlens.engines.specs import Affine, Conv, Pool, Spec
from convlens.machine.memory import aligned

TILES = (6, 5, 4) if BYTES == 64 else (2,)  # output channels, with four sums each


@intrinsic(prefer_literal=True)
def convolve_windows(typing, m, TILE, o, last, x, x_a, x_c, odd, sizes, w, co, b, relu, y):
    """y[o, p] = relu(max_rs (b[o] + sum_adc x[a + r, c, d + s + 2p] w[a, d, c, o])), for r and s below 2

    for the TILE outputs o, o + 1, … up to `last`, and for p below one vector. y has one vector for each output. sizes:
    of a, d, c. odd: the distance from the even columns of a row to the odd ones
    """
    if not isinstance(TILE, types.IntegerLiteral):
        return None
    arguments = (m, TILE, o, last, x, x_a, x_c, odd, sizes, w, co, b, relu, y)
    height, number = TILE.literal_value, m.dtype

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = Vectors(context, builder, number)
        m, _, o, last, x, x_a, x_c, odd, sizes, w, co, b, relu, y = values
        kh, kw, ci = cgutils.unpack_tuple(builder, sizes)
        outputs = v.clamped(o, last, height)
        sums = [v.registers(4) for _ in outputs]
        for four, k in zip(sums, outputs, strict=True):
            for s in four:
                builder.store(v.broadcast_from(m, builder.add(b, k)), s)
        with cgutils.for_range(builder, kh, intp=INT) as a, cgutils.for_range(builder, kw, intp=INT) as d:
            columns = []
            for past in range(2):
                t = builder.add(d.index, INT(past))
                columns.append(offset(builder, builder.lshr(t, INT(1)), (builder.and_(t, INT(1)), odd)))
            tap = builder.mul(builder.add(builder.mul(a.index, kw), d.index), ci)
            with cgutils.for_range(builder, ci, intp=INT) as c:
                row = offset(builder, x, (a.index, x_a), (c.index, x_c))
                rows = row, builder.add(row, x_a)
                seen = [v.load(m, builder.add(place, column)) for place in rows for column in columns]
                weights = offset(builder, w, (builder.add(tap, c.index), co))
                for four, k in zip(sums, outputs, strict=True):
                    weight = v.broadcast_from(m, builder.add(weights, k))
                    for s, one in zip(four, seen, strict=True):
                        builder.store(v.fma(weight, one, builder.load(s)), s)
        for k, four in enumerate(sums):
            top, *others = map(builder.load, four)
            for other in others:
                stays = builder.or_(builder.fcmp_ordered(">=", top, other), builder.fcmp_unordered("uno", top, top))
                top = builder.select(stays, top, other)
            cut = builder.and_(v.broadcast(is_true(builder, relu)), builder.fcmp_ordered("<", top, v.zero))
            v.store(m, builder.add(y, INT(k * v.size)), builder.select(cut, v.zero, top))
        return context.get_dummy_value()

    return types.void(*arguments), code


@kernel
def by_columns(
    m: Memory, x: Place, rows: int, columns: int, c: int, a: Place, b: Place, y: Place, y_example: int, y_row: int,
    y_c: int, odd: int, left: int, examples: int,
) -> None:  # fmt: skip
    """x (n, h, w, c) -> y = a x + b (n, h, c, 2, half), the even columns of a row before its odd ones; a, b (c,)

    left: the column of y that the first column of x becomes
    """
    for e in range(examples):
        for i in range(rows):
            for k in range(c):
                seen, out = x + (e * rows + i) * columns * c + k, y + e * y_example + i * y_row + k * y_c
                for s in range(2):
                    t = left + s
                    first = out + (t & 1) * odd + (t >> 1)
                    for j in range((columns - s + 1) // 2):
                        m[first + j] = m[a + k] * m[seen + (2 * j + s) * c] + m[b + k]


@cache
def convolve_pool(height: int) -> Kernel:
    """Return the kernel of the convolution and the pool, whose register tile has `height` output channels."""

    @kernel
    def convolve_pool(
        m: Memory, x: Place, x_example: int, x_row: int, x_c: int, odd: int, kh: int, kw: int, ci: int, w: Place,
        co: int, b: Place, relu: int, found: Place, y: Place, y_plane: int, y_rows: int, y_columns: int, y_pitch: int,
        y_lanes: int, examples: int,
    ) -> None:  # fmt: skip
        """y[e, i, j, o] = the maximum of the window i, j of relu(b[o] + sum_adc x[...] w[a, d, c, o])

        found: room for a vector of each output
        """
        wide = vector(m)
        for e in range(examples):
            for i in range(y_rows):
                for p in range(0, y_columns, wide):
                    for o in range(0, co, height):
                        convolve_windows(
                            m, height, o, co - 1, x + e * x_example + 2 * i * x_row + p, x_row, x_c, odd, (kh, kw, ci),
                            w, co, b, relu, found + o * wide,
                        )  # fmt: skip
                    for j in range(min(wide, y_columns - p)):
                        target = y + e * y_plane + i * y_pitch + (p + j) * y_lanes
                        for o in range(co):
                            m[target + o] = m[found + o * wide + j]

    return convolve_pool


class Beginning(NamedTuple):
    """The first operations of a network: perhaps a scale, a convolution, perhaps a ReLU, and a pool

    done: how many operations these are
    """

    scale: Affine | None
    conv: Conv
    relu: bool
    pool: Pool
    done: int


def beginning(specs: Sequence[Spec], lanes: int) -> Beginning | None:
    """Return the operations that one kernel does with windows in lanes; None if they differ or would take longer."""
    scale = specs[0] if specs and isinstance(specs[0], Affine) else None
    two = fuse_relus(specs[scale is not None :][:3])[:2]
    if len(two) < 2 or not isinstance(conv := two[0].spec, Conv) or not isinstance(pool := two[1].spec, Pool):
        return None
    plain = (conv.stride, conv.dilation, conv.groups) == ((1, 1), (1, 1), 1)
    pairs = not pool.average and pool.kernel == pool.stride == (2, 2) and pool.pads == ((0, 0), (0, 0))
    (rows, columns), height = pool.out, tile(conv.co, *TILES)
    products = 4 * rows * -(-columns // lanes) * -(-conv.co // height) * height
    if not plain or not pairs or conv.co > lanes or products >= conv.out[0] * conv.out[1]:
        return None
    return Beginning(scale, conv, two[0].relu, pool, (scale is not None) + 2 + two[0].relu)


def calls(begin: Beginning, weights: Weights, y: Image, n: int) -> list[Call]:
    """Return the calls that read the network's input and write y, the pool's output with channels in lanes."""
    conv, dtype = begin.conv, weights.w.dtype
    (h, w), ((top, bottom), (left, right)), c = conv.size, conv.pads, conv.ci
    odd = -(-(left + w + right) // 2)
    x_row, x_c = 2 * odd * c, 2 * odd
    x_example = (top + h + bottom) * x_row
    images = aligned(n * x_example + BYTES, dtype)  # a vector may begin at the last window
    factor, shift = (begin.scale.factor, begin.scale.offset) if begin.scale else ((1.0,), (0.0,))
    a, b = (np.resize(np.array(numbers, dtype), c) for numbers in (factor, shift))
    height = tile(conv.co, *TILES)
    found = aligned(-(-conv.co // height) * height * (BYTES // dtype.itemsize), dtype)
    steps = {"x_example": x_example, "x_row": x_row, "x_c": x_c}
    return [
        by_columns(
            x=Slot("x"), rows=h, columns=w, c=c, a=a, b=b, y=images[top * x_row :], y_example=x_example, y_row=x_row,
            y_c=x_c, odd=odd, left=left, examples=n,
        ),
        convolve_pool(height)(
            x=images, **steps, odd=odd, kh=conv.kernel[0], kw=conv.kernel[1], ci=c, w=weights.w, co=conv.co,
            b=weights.b, relu=begin.relu, found=found, y=y, y_plane=y.plane, examples=n,
        ),
    ]  # fmt: skip
