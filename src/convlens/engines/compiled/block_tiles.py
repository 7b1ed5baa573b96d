"""The micro-kernels of the layout with channels in lanes: a vector holds one pixel of neighbouring channels.

Both read one array as vectors and one as single numbers, each of which is multiplied with a whole vector. The single
numbers that belong to one turn of the innermost loop lie at distances that are literals, so one pointer reaches all of
them. See `registers.py` for the conventions.
"""

from __future__ import annotations

from typing import Any

from convlens.engines.compiled.kernel import intrinsic
from convlens.engines.compiled.later import cgutils, types
from convlens.engines.compiled.registers import INT, Vectors, is_true, offset

# Start values of the sums: zero, the vector b, or y itself
ZERO, BIAS, ADD = range(3)


def _literals(*values: Any) -> bool:
    return all(isinstance(value, types.IntegerLiteral) for value in values)


def _begin(builder: Any, v: Vectors, m: Any, sums: list[Any], places: list[Any], b: Any, start: Any) -> None:
    """Give the sums their start values."""
    for s in sums:
        builder.store(v.zero, s)
    with builder.if_then(builder.icmp_signed("==", start, start.type(BIAS))):
        bias = v.load(m, b)
        for s in sums:
            builder.store(bias, s)
    with builder.if_then(builder.icmp_signed("==", start, start.type(ADD))):
        for s, place in zip(sums, places, strict=True):
            builder.store(v.load(m, place), s)


def _end(builder: Any, v: Vectors, m: Any, sums: list[Any], places: list[Any], relu: Any) -> None:
    """Store the sums; if `relu`, negative ones as 0."""
    with builder.if_then(is_true(builder, relu)):
        for s in sums:
            z = builder.load(s)
            builder.store(builder.select(builder.fcmp_ordered("<", z, v.zero), v.zero, z), s)
    for s, place in zip(sums, places, strict=True):
        v.store(m, place, builder.load(s))


@intrinsic(prefer_literal=True)
def convolve_tile(typing, m, TILE, STEP, x, taps, count, depth, w, b, start, relu, y, OUT):
    """y[j OUT + v] = relu(b[v] + sum_tk x[taps[t] + j STEP + k] w[t, k, v])

    for the TILE positions j and for v below one vector. The sums are over the taps t below `count` and k below `depth`.
    Each iteration of the innermost loop loads one vector of w and does TILE multiply-adds, each with one number of x.
    start: the start value of the sums, ZERO, BIAS or ADD. relu: whether to apply the ReLU.
    """
    if not _literals(TILE, STEP, OUT):
        return None
    arguments = (m, TILE, STEP, x, taps, count, depth, w, b, start, relu, y, OUT)
    tile, step, out, number = TILE.literal_value, STEP.literal_value, OUT.literal_value, m.dtype

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = Vectors(context, builder, number)
        m, _, _, x, taps, count, depth, w, b, start, relu, y, _ = values
        sums = v.registers(tile)
        places = [builder.add(y, INT(j * out)) for j in range(tile)]
        _begin(builder, v, m, sums, places, b, start)
        panel = builder.mul(depth, INT(v.size))
        with cgutils.for_range(builder, count, intp=INT) as t:
            seen = builder.gep(m, [builder.add(x, builder.load(builder.gep(taps, [t.index])))])
            weights = builder.gep(m, [offset(builder, w, (t.index, panel))])
            with cgutils.for_range(builder, depth, intp=INT) as k:
                vector = v.load(weights, builder.mul(k.index, INT(v.size)))
                first = builder.gep(seen, [k.index])
                for j, s in enumerate(sums):
                    builder.store(v.fma(v.broadcast_from(first, INT(j * step)), vector, builder.load(s)), s)
        _end(builder, v, m, sums, places, relu)
        return context.get_dummy_value()

    return types.void(*arguments), code


@intrinsic(prefer_literal=True)
def correlate_block(typing, m, TILE, STEP, x, x_i, dy, dy_i, OUT, rows, columns, dw):
    """dw[k, v] += sum_ij x[i, j STEP + k] dy[i, j OUT + v]

    for the TILE numbers k and for v below one vector. The sums over i below `rows` and j below `columns` stay in
    registers. Each iteration of the innermost loop loads one vector of dy and does TILE multiply-adds.
    """
    if not _literals(TILE, STEP, OUT):
        return None
    arguments = (m, TILE, STEP, x, x_i, dy, dy_i, OUT, rows, columns, dw)
    tile, step, out, number = TILE.literal_value, STEP.literal_value, OUT.literal_value, m.dtype

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = Vectors(context, builder, number)
        m, _, _, x, x_i, dy, dy_i, _, rows, columns, dw = values
        sums = v.registers(tile)
        places = [builder.add(dw, INT(k * v.size)) for k in range(tile)]
        for s, place in zip(sums, places, strict=True):
            builder.store(v.load(m, place), s)
        with cgutils.for_range(builder, rows, intp=INT) as i:
            seen = builder.gep(m, [offset(builder, x, (i.index, x_i))])
            gradients = builder.gep(m, [offset(builder, dy, (i.index, dy_i))])
            with cgutils.for_range(builder, columns, intp=INT) as j:
                vector = v.load(gradients, builder.mul(j.index, INT(out)))
                first = builder.gep(seen, [builder.mul(j.index, INT(step))])
                for k, s in enumerate(sums):
                    builder.store(v.fma(v.broadcast_from(first, INT(k)), vector, builder.load(s)), s)
        for s, place in zip(sums, places, strict=True):
            v.store(m, place, builder.load(s))
        return context.get_dummy_value()

    return types.void(*arguments), code


@intrinsic
def relu_backward_add(typing, m, dy, y, count, relu, db):
    """dy[p] = dy[p] where y[p] > 0, else 0, for p below `count`, whole vectors (only if `relu`); db[v] += their sum"""
    number = m.dtype

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = Vectors(context, builder, number)
        m, dy, y, count, relu, db = values
        (total,) = v.registers(1)
        builder.store(v.load(m, db), total)
        with cgutils.for_range_slice(builder, INT(0), count, INT(v.size), intp=INT, inc=True) as (p, _):
            place = builder.add(dy, p)
            gradient = cgutils.alloca_once_value(builder, v.load(m, place))
            with builder.if_then(is_true(builder, relu)):
                above = builder.fcmp_ordered(">", v.load(m, builder.add(y, p)), v.zero)
                builder.store(builder.select(above, builder.load(gradient), v.zero), gradient)
                v.store(m, place, builder.load(gradient))
            builder.store(builder.fadd(builder.load(total), builder.load(gradient)), total)
        v.store(m, db, builder.load(total))
        return context.get_dummy_value()

    return types.void(m, dy, y, count, relu, db), code


@intrinsic(prefer_literal=True)
def depthwise_tile(typing, m, TILE, STEP, x, taps, count, w, b, start, relu, y, OUT):
    """y[j OUT + v] = relu(b[v] + sum_t x[taps[t] + j STEP + v] w[t, v])

    for the TILE positions j: each channel by itself. start: the start value of the sums, ZERO, BIAS or ADD.
    """
    if not _literals(TILE, STEP, OUT):
        return None
    arguments = (m, TILE, STEP, x, taps, count, w, b, start, relu, y, OUT)
    tile, step, out, number = TILE.literal_value, STEP.literal_value, OUT.literal_value, m.dtype

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = Vectors(context, builder, number)
        m, _, _, x, taps, count, w, b, start, relu, y, _ = values
        sums = v.registers(tile)
        places = [builder.add(y, INT(j * out)) for j in range(tile)]
        _begin(builder, v, m, sums, places, b, start)
        with cgutils.for_range(builder, count, intp=INT) as t:
            seen = builder.add(x, builder.load(builder.gep(taps, [t.index])))
            vector = v.load(m, offset(builder, w, (t.index, INT(v.size))))
            for j, s in enumerate(sums):
                builder.store(v.fma(v.load(m, builder.add(seen, INT(j * step))), vector, builder.load(s)), s)
        _end(builder, v, m, sums, places, relu)
        return context.get_dummy_value()

    return types.void(*arguments), code


@intrinsic(prefer_literal=True)
def depthwise_block(typing, m, STEP, x, x_i, dy, dy_i, rows, columns, dw):
    """dw[v] += sum_ij x[i, j STEP + v] dy[i, j, v]"""
    if not _literals(STEP):
        return None
    step, number = STEP.literal_value, m.dtype

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = Vectors(context, builder, number)
        m, _, x, x_i, dy, dy_i, rows, columns, dw = values
        (total,) = v.registers(1)
        builder.store(v.load(m, dw), total)
        with cgutils.for_range(builder, rows, intp=INT) as i:
            seen, gradients = offset(builder, x, (i.index, x_i)), offset(builder, dy, (i.index, dy_i))
            with cgutils.for_range(builder, columns, intp=INT) as j:
                one = v.load(m, offset(builder, seen, (j.index, INT(step))))
                two = v.load(m, offset(builder, gradients, (j.index, INT(v.size))))
                builder.store(v.fma(one, two, builder.load(total)), total)
        v.store(m, dw, builder.load(total))
        return context.get_dummy_value()

    return types.void(m, STEP, x, x_i, dy, dy_i, rows, columns, dw), code


@intrinsic
def copy_pixels(typing, m, x, x_j, seen, y, y_j, written, columns):
    """y[j, v] = x[j, v] for v below `seen`, 0 for other v, for j below `columns` and v below `written`

    seen, written: at most one vector; no other memory is read or written. Returns 0 times the sum of all numbers: 0,
    or NaN if one is not finite.
    """
    number = m.dtype

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = Vectors(context, builder, number)
        m, x, x_j, seen, y, y_j, written, columns = values
        reads, writes = v.mask_below(seen), v.mask_below(written)
        (total,) = v.registers(1)
        builder.store(v.zero, total)
        with cgutils.for_range(builder, columns, intp=INT) as j:
            pixel = v.masked_load(m, offset(builder, x, (j.index, x_j)), reads)
            v.masked_store(m, offset(builder, y, (j.index, y_j)), pixel, writes)
            builder.store(v.fma(pixel, v.zero, builder.load(total)), total)
        return v.total(builder.load(total))

    return number(m, x, x_j, seen, y, y_j, written, columns), code
