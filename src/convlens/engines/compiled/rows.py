"""Micro-kernels along a row of an image: elementwise operations, and sums that keep the lanes apart.

Each takes `count` neighbouring numbers. Parameters of a channel are one vector, so with channels in lanes each lane has
its own, and with examples in lanes all lanes have the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from llvmlite import ir

from convlens.engines.compiled.kernel import intrinsic
from convlens.engines.compiled.later import cgutils, types
from convlens.engines.compiled.registers import INT, Vectors, is_true

Load = Callable[[Any], Any]


@contextmanager
def _vectors(builder: Any, v: Vectors, count: Any, m: Any) -> Iterator[tuple[Load, Callable[[Any, Any], None], Any]]:
    """Loop over vectors; give functions to load and store the vector at a place, and the numbers before it."""
    with cgutils.for_range_slice(builder, INT(0), count, INT(v.size), intp=INT, inc=True) as (p, _):
        mask = v.mask_below(builder.sub(count, p))

        def load(place: Any) -> Any:
            return v.masked_load(m, builder.add(place, p), mask)

        def store(place: Any, value: Any) -> None:
            v.masked_store(m, builder.add(place, p), value, mask)

        yield load, store, p


@intrinsic
def scale_row(typing, m, x, a, mean, b, y, count, relu):
    """y[p] = relu(a (x[p] - mean) + b), with vectors a, mean and b"""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = Vectors(context, builder, m.dtype)
        memory, x, a, mean, b, y, count, relu = values
        factor, middle, addend = (v.load(memory, place) for place in (a, mean, b))
        with _vectors(builder, v, count, memory) as (load, store, _):
            z = v.fma(builder.fsub(load(x), middle), factor, addend)
            negative = builder.and_(builder.fcmp_ordered("<", z, v.zero), v.broadcast(is_true(builder, relu)))
            store(y, builder.select(negative, v.zero, z))
        return context.get_dummy_value()

    return types.void(m, x, a, mean, b, y, count, relu), code


@intrinsic
def sum_row(typing, m, x, mean, count, total, squares):
    """total[v] += x[p] - mean and squares[v] += (x[p] - mean)², with the vector mean, for p in lane v"""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = Vectors(context, builder, m.dtype)
        memory, x, mean, count, total, squares = values
        middle, (one, two) = v.load(memory, mean), v.registers(2)
        builder.store(v.load(memory, total), one)
        builder.store(v.load(memory, squares), two)
        with cgutils.for_range_slice(builder, INT(0), count, INT(v.size), intp=INT, inc=True) as (p, _):
            mask = v.mask_below(builder.sub(count, p))
            far = builder.fsub(v.masked_load(memory, builder.add(x, p), mask), middle)
            far = builder.select(mask, far, v.zero)
            builder.store(builder.fadd(builder.load(one), far), one)
            builder.store(v.fma(far, far, builder.load(two)), two)
        v.store(memory, total, builder.load(one))
        v.store(memory, squares, builder.load(two))
        return context.get_dummy_value()

    return types.void(m, x, mean, count, total, squares), code


@intrinsic
def relu_sum_row(typing, m, dy, y, relu, x, mean, count, total, products):
    """dy[p] = dy[p] where y[p] > 0, else 0 (only if `relu`); total[v] += dy[p], products[v] += dy[p] (x[p] - mean)"""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = Vectors(context, builder, m.dtype)
        memory, dy, y, relu, x, mean, count, total, products = values
        middle, (one, two) = v.load(memory, mean), v.registers(2)
        builder.store(v.load(memory, total), one)
        builder.store(v.load(memory, products), two)
        with _vectors(builder, v, count, memory) as (load, store, _):
            gradient = cgutils.alloca_once_value(builder, load(dy))
            with builder.if_then(is_true(builder, relu)):
                above = builder.fcmp_ordered(">", load(y), v.zero)
                builder.store(builder.select(above, builder.load(gradient), v.zero), gradient)
                store(dy, builder.load(gradient))
            g = builder.load(gradient)
            builder.store(builder.fadd(builder.load(one), g), one)
            builder.store(v.fma(builder.fsub(load(x), middle), g, builder.load(two)), two)
        v.store(memory, total, builder.load(one))
        v.store(memory, products, builder.load(two))
        return context.get_dummy_value()

    return types.void(m, dy, y, relu, x, mean, count, total, products), code


@intrinsic
def relu_mask_row(typing, m, dy, y, relu, one, two, count):
    """one[p] = two[p] = dy[p] where y[p] > 0, else 0; dy itself unless `relu`"""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = Vectors(context, builder, m.dtype)
        memory, dy, y, relu, one, two, count = values
        every = v.broadcast(builder.not_(is_true(builder, relu)))
        with _vectors(builder, v, count, memory) as (load, store, _):
            above = builder.or_(every, builder.fcmp_ordered(">", load(y), v.zero))
            gradient = builder.select(above, load(dy), v.zero)
            store(one, gradient)
            store(two, gradient)
        return context.get_dummy_value()

    return types.void(m, dy, y, relu, one, two, count), code


@intrinsic
def normalise_dx_row(typing, m, dy, x, a, mean, b, c, dx, count):
    """dx[p] = a dy[p] + b (x[p] - mean) + c, with vectors a, mean, b and c"""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = Vectors(context, builder, m.dtype)
        memory, dy, x, a, mean, b, c, dx, count = values
        factor, middle, slope, addend = (v.load(memory, place) for place in (a, mean, b, c))
        with _vectors(builder, v, count, memory) as (load, store, _):
            through = v.fma(builder.fsub(load(x), middle), slope, addend)
            store(dx, v.fma(load(dy), factor, through))
        return context.get_dummy_value()

    return types.void(m, dy, x, a, mean, b, c, dx, count), code


@intrinsic
def drop_row(typing, m, x, y, count, first, step, key, threshold, scale):
    """y[p] = x[p] scale where hash(first + p step, key) >= threshold, else 0, for p below `count`, at most a vector

    The hash is the finalizer of MurmurHash3 (Appleby 2011) of the index, to which two numbers of 32 bits from `key` are
    added. A number of 32 bits is below `threshold` with probability threshold / 2^32.
    """
    lane = ir.IntType(32)

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = Vectors(context, builder, m.dtype)
        memory, x, y, count, first, step, key, threshold, scale = values

        def word(value: Any, shift: int = 0) -> Any:
            return v.broadcast(builder.trunc(builder.lshr(value, INT(shift)), lane))

        def mixed(z: Any, shift: int, factor: int | None = None) -> Any:
            z = builder.xor(z, builder.lshr(z, ir.Constant(v.lanes, [shift] * v.size)))
            return z if factor is None else builder.mul(z, ir.Constant(v.lanes, [np.int32(np.uint32(factor))] * v.size))

        lanes = ir.Constant(v.lanes, list(range(v.size)))
        index = builder.add(word(first), builder.mul(word(step), lanes))
        z = index
        for half in (0, 32):
            z = mixed(mixed(mixed(builder.add(z, word(key, half)), 16, 0x85EBCA6B), 13, 0xC2B2AE35), 16)
        keep = builder.icmp_unsigned(">=", z, word(threshold))
        mask = v.mask_below(count)
        factor = v.broadcast(builder.load(builder.gep(memory, [scale])))
        v.masked_store(
            memory, y, builder.select(keep, builder.fmul(v.masked_load(memory, x, mask), factor), v.zero), mask
        )
        return context.get_dummy_value()

    return types.void(m, x, y, count, first, step, key, threshold, scale), code
