"""The micro-kernels of max pooling: the maximum of a window, and its gradient. `registers.py` has the conventions."""

from __future__ import annotations

from typing import Any

from convlens.engines.compiled.kernel import intrinsic
from convlens.engines.compiled.later import cgutils, types
from convlens.engines.compiled.registers import INT, Vectors, is_true, offset


@intrinsic
def window_max(typing, m, x, x_steps, sizes, y, count):
    """y[p] = max_ab x[a, b, p] for a, b below `sizes` and p below `count`; NaN gives NaN. x_steps: x_a, x_b"""
    number = m.dtype

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = Vectors(context, builder, number)
        m, x, x_steps, sizes, y, count = values
        (x_a, x_b), (as_, bs) = (cgutils.unpack_tuple(builder, t) for t in (x_steps, sizes))
        (top,) = v.registers(1)
        mask = v.mask_below(count)
        builder.store(v.masked_load(m, x, mask), top)
        with cgutils.for_range(builder, as_, intp=INT) as a, cgutils.for_range(builder, bs, intp=INT) as b:
            cell = v.masked_load(m, offset(builder, x, (a.index, x_a), (b.index, x_b)), mask)
            now = builder.load(top)
            stays = builder.or_(builder.fcmp_ordered(">=", now, cell), builder.fcmp_unordered("uno", now, now))
            builder.store(builder.select(stays, now, cell), top)
        v.masked_store(m, y, builder.load(top), mask)
        return context.get_dummy_value()

    return types.void(m, x, x_steps, sizes, y, count), code


@intrinsic
def scatter_to_max(typing, m, dy, x, y, x_steps, sizes, only_one, dx, dx_steps, count):
    """dx[a, b, p] += dy[p] where x[a, b, p] == y[p], for a, b below `sizes` and p below `count`

    only_one: whether only the first such cell of the window gets dy, or all such cells. x_steps: x_a, x_b; dx_steps:
    dx_a, dx_b.
    """
    number = m.dtype

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = Vectors(context, builder, number)
        m, dy, x, y, x_steps, sizes, only_one, dx, dx_steps, count = values
        (x_a, x_b), (as_, bs), (dx_a, dx_b) = (cgutils.unpack_tuple(builder, t) for t in (x_steps, sizes, dx_steps))
        mask = v.mask_below(count)
        top, gradient = v.masked_load(m, y, mask), v.masked_load(m, dy, mask)
        free = cgutils.alloca_once_value(builder, mask)
        every = v.broadcast(builder.not_(is_true(builder, only_one)))
        with cgutils.for_range(builder, as_, intp=INT) as a, cgutils.for_range(builder, bs, intp=INT) as b:
            cell = v.masked_load(m, offset(builder, x, (a.index, x_a), (b.index, x_b)), mask)
            place = offset(builder, dx, (a.index, dx_a), (b.index, dx_b))
            hit = builder.and_(builder.load(free), builder.fcmp_ordered("==", cell, top))
            builder.store(builder.and_(builder.load(free), builder.or_(builder.not_(hit), every)), free)
            more = builder.select(hit, gradient, v.zero)
            v.masked_store(m, place, builder.fadd(v.masked_load(m, place, mask), more), mask)
        return context.get_dummy_value()

    return types.void(m, dy, x, y, x_steps, sizes, only_one, dx, dx_steps, count), code


@intrinsic(prefer_literal=True)
def window_max_of(typing, m, SIDE, x, x_a, x_b, y, count):
    """y[p] = max_ab x[a, b, p] for a, b below SIDE and p below `count`; NaN gives NaN. As `window_max`, unrolled"""
    if not isinstance(SIDE, types.IntegerLiteral):
        return None
    side, number = SIDE.literal_value, m.dtype

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = Vectors(context, builder, number)
        m, _, x, x_a, x_b, y, count = values
        mask = v.mask_below(count)
        top = None
        for a in range(side):
            for b in range(side):
                cell = v.masked_load(m, offset(builder, x, (INT(a), x_a), (INT(b), x_b)), mask)
                if top is None:
                    top = cell
                else:
                    stays = builder.or_(builder.fcmp_ordered(">=", top, cell), builder.fcmp_unordered("uno", top, top))
                    top = builder.select(stays, top, cell)
        v.masked_store(m, y, top, mask)
        return context.get_dummy_value()

    return types.void(m, SIDE, x, x_a, x_b, y, count), code


@intrinsic(prefer_literal=True)
def scatter_to_first_max(typing, m, SIDE, ADDS, dy, x, y, x_a, x_b, dx, dx_a, dx_b, count):
    """dx[a, b, p] = dy[p] at the first a, b below SIDE with x[a, b, p] == y[p], else 0, for p below `count`

    As `scatter_to_max`, unrolled. ADDS: whether this is added to dx, since windows overlap
    """
    if not all(isinstance(each, types.IntegerLiteral) for each in (SIDE, ADDS)):
        return None
    side, adds, number = SIDE.literal_value, ADDS.literal_value, m.dtype

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = Vectors(context, builder, number)
        m, _, _, dy, x, y, x_a, x_b, dx, dx_a, dx_b, count = values
        mask = v.mask_below(count)
        top, gradient = v.masked_load(m, y, mask), v.masked_load(m, dy, mask)
        free = mask
        for a in range(side):
            for b in range(side):
                cell = v.masked_load(m, offset(builder, x, (INT(a), x_a), (INT(b), x_b)), mask)
                place = offset(builder, dx, (INT(a), dx_a), (INT(b), dx_b))
                hit = builder.and_(free, builder.fcmp_ordered("==", cell, top))
                free = builder.and_(free, builder.not_(hit))
                found = builder.select(hit, gradient, v.zero)
                if adds:
                    found = builder.fadd(v.masked_load(m, place, mask), found)
                v.masked_store(m, place, found, mask)
        return context.get_dummy_value()

    return types.void(m, SIDE, ADDS, dy, x, y, x_a, x_b, dx, dx_a, dx_b, count), code
