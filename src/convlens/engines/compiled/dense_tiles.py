"""The micro-kernel of a dense layer's forward. `registers.py` has the conventions."""

from __future__ import annotations

from typing import Any

from convlens.engines.compiled.kernel import intrinsic
from convlens.engines.compiled.later import cgutils, types
from convlens.engines.compiled.registers import INT, Vectors, is_true, offset


@intrinsic(prefer_literal=True)
def dense_tile(typing, m, TILE, WIDE, e, last, x, x_steps, sizes, w, units, b, y, count, relu):
    """y[e, p] = relu(b[p] + sum_ijc x[e, i, j, c] w[i, j, c, p])

    for the TILE examples e, e + 1, … up to `last`, and for p below `count`, in WIDE vectors. Each iteration of the
    innermost loop loads WIDE vectors of w, and multiplies each with one number of x for each example. So one example
    too has several sums, and need not wait for one multiply-add after another.

    x_steps: x_e, x_i, x_j, x_c. sizes: of i, j, c. units: the step of w from one c to the next, and of y
    """
    if not (isinstance(TILE, types.IntegerLiteral) and isinstance(WIDE, types.IntegerLiteral)):
        return None
    arguments = (m, TILE, WIDE, e, last, x, x_steps, sizes, w, units, b, y, count, relu)
    tile, wide, number = TILE.literal_value, WIDE.literal_value, m.dtype

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = Vectors(context, builder, number)
        m, _, _, e, last, x, x_steps, sizes, w, units, b, y, count, relu = values
        (x_e, x_i, x_j, x_c), (rows, columns, planes) = (cgutils.unpack_tuple(builder, t) for t in (x_steps, sizes))
        pasts = [INT(k * v.size) for k in range(wide)]
        masks = [v.mask_below(builder.sub(count, past)) for past in pasts]
        examples = v.clamped(e, last, tile)
        starts = [builder.mul(k, x_e) for k in examples]
        sums = [v.registers(wide) for _ in examples]
        for past, mask, k in zip(pasts, masks, range(wide), strict=True):
            bias = v.masked_load(m, builder.add(b, past), mask)
            for each in sums:
                builder.store(bias, each[k])
        with cgutils.for_range(builder, rows, intp=INT) as i, cgutils.for_range(builder, columns, intp=INT) as j:
            pixel = offset(builder, x, (i.index, x_i), (j.index, x_j))
            before = builder.mul(builder.add(builder.mul(i.index, columns), j.index), planes)
            with cgutils.for_range(builder, planes, intp=INT) as c:
                weights = offset(builder, w, (builder.add(before, c.index), units))
                place = offset(builder, pixel, (c.index, x_c))
                seen = [v.broadcast_from(m, builder.add(place, start)) for start in starts]
                for past, mask, k in zip(pasts, masks, range(wide), strict=True):
                    vector = v.masked_load(m, builder.add(weights, past), mask)
                    for each, one in zip(sums, seen, strict=True):
                        builder.store(v.fma(vector, one, builder.load(each[k])), each[k])
        for each, k in zip(sums, examples, strict=True):
            for s, past, mask in zip(each, pasts, masks, strict=True):
                z = builder.load(s)
                cut = builder.and_(v.broadcast(is_true(builder, relu)), builder.fcmp_ordered("<", z, v.zero))
                place = offset(builder, builder.add(y, past), (k, units))
                v.masked_store(m, place, builder.select(cut, v.zero, z), mask)
        return context.get_dummy_value()

    return types.void(*arguments), code
