"""Vector registers by hand: the innermost loops of the compiled kernels, written in LLVM's own terms.

A compiler keeps a sum in a register only while it sees one loop; a convolution has four around each sum. So these few
functions hold a *tile* of sums in registers, one vector for each of some outputs, and run all the loops inside: a load
and that many multiply-adds a turn, nothing else, which is as fast as the processor goes (Goto and van de Geijn 2008,
"Anatomy of High-Performance Matrix Multiplication"; Zhang et al. 2018, "High Performance Zero-Memory Overhead Direct
Convolutions"). The size of a tile is a constant of the kernel that calls.

m is memory, and all places are counted from its beginning. An output past the last one is the last one again: it is
computed twice and stored twice, the same number. The last vector of a row may be cut: `count` says how many of its
numbers there are; no others are read or written.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_features = llvm.get_host_cpu_features()
BYTES = 64 if _features.get("avx512f") else 32 if _features.get("avx") else 16  # of a vector register

EACH, OWN, ALIKE = range(3)  # where the sums of `multiply` start

_INT = ir.IntType(64)
_LANE = ir.IntType(32)


class _Vectors:
    """What a tile is built with: instructions for vectors of the arrays' numbers."""

    def __init__(self, context: Any, builder: Any, number: types.Type) -> None:
        self.builder = builder
        self.size = BYTES * 8 // number.bitwidth
        self.number = context.get_value_type(number)
        self.vector = ir.VectorType(self.number, self.size)
        self.lanes = ir.VectorType(_LANE, self.size)
        self.mask = ir.VectorType(ir.IntType(1), self.size)
        self.short = f"v{self.size}f{number.bitwidth}"
        self.zero = ir.Constant(self.vector, [0.0] * self.size)

    def _call(self, name: str, result: Any, *arguments: Any) -> Any:
        kind = ir.FunctionType(result, [a.type for a in arguments])
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, name), arguments)

    def _place(self, pointer: Any, at: Any) -> Any:
        return self.builder.bitcast(self.builder.gep(pointer, [at]), self.vector.as_pointer())

    def load(self, pointer: Any, at: Any) -> Any:
        """pointer[at : at + size]"""
        found = self.builder.load(self._place(pointer, at))
        found.align = 4
        return found

    def load_some(self, pointer: Any, at: Any, mask: Any) -> Any:
        """The same where the mask is set, else 0; nothing else is read"""
        name = f"llvm.masked.load.{self.short}.p0{self.short}"
        return self._call(name, self.vector, self._place(pointer, at), _LANE(4), mask, self.zero)

    def store_some(self, pointer: Any, at: Any, value: Any, mask: Any) -> None:
        """pointer[at : at + size] = value where the mask is set"""
        name = f"llvm.masked.store.{self.short}.p0{self.short}"
        self._call(name, ir.VoidType(), value, self._place(pointer, at), _LANE(4), mask)

    def spread(self, value: Any) -> Any:
        """A vector of one number"""
        none = ir.Constant(ir.VectorType(value.type, self.size), ir.Undefined)
        first = self.builder.insert_element(none, value, _LANE(0))
        return self.builder.shuffle_vector(first, none, ir.Constant(self.lanes, [0] * self.size))

    def number_at(self, pointer: Any, at: Any) -> Any:
        """A vector of the number pointer[at]"""
        return self.spread(self.builder.load(self.builder.gep(pointer, [at])))

    def first(self, count: Any) -> Any:
        """The mask of the first `count` numbers"""
        numbers = ir.Constant(self.lanes, list(range(self.size)))
        return self.builder.icmp_signed("<", numbers, self.spread(self.builder.trunc(count, _LANE)))

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """a * b + c"""
        return self._call(f"llvm.fma.{self.short}", self.vector, a, b, c)

    def total(self, a: Any) -> Any:
        """The sum of a vector's numbers, halves on halves"""
        size, b = self.size, self.builder
        while size > 1:
            size //= 2
            order = ir.Constant(self.lanes, [(k + size) % self.size for k in range(self.size)])
            a = b.fadd(a, b.shuffle_vector(a, ir.Constant(self.vector, ir.Undefined), order))
        return b.extract_element(a, _LANE(0))

    def sums(self, count: int) -> list[Any]:
        """Registers for sums"""
        return [cgutils.alloca_once(self.builder, self.vector) for _ in range(count)]

    def clamped(self, first: Any, last: Any, count: int) -> list[Any]:
        """first, first + 1, …, but never past `last`"""
        b = self.builder
        found = []
        for k in range(count):
            at = b.add(first, _INT(k))
            found.append(b.select(b.icmp_signed("<", at, last), at, last))
        return found


def _true(builder: Any, number: Any) -> Any:
    """number != 0"""
    return builder.icmp_signed("!=", number, number.type(0))


def _sum(builder: Any, start: Any, *terms: tuple[Any, Any]) -> Any:
    """start + the sum of a * b"""
    for a, b in terms:
        start = builder.add(start, builder.mul(a, b))
    return start


@intrinsic
def vector(typing, m):
    """How many of memory's numbers a register holds"""
    size = BYTES * 8 // m.dtype.bitwidth
    return types.int64(m), lambda context, builder, signature, values: _INT(size)


@intrinsic
def zero(typing, m):
    """0 of memory's type"""
    return m.dtype(m), lambda context, builder, signature, values: context.get_constant(m.dtype, 0)


@intrinsic(prefer_literal=True)
def multiply(typing, m, tile, o, last, x, steps, sizes, columns, w, wsteps, b, y, ystep, count, start, active):
    """m[y + o*ystep + p] = relu(m[b + o] + sum_cad m[x + c*steps[0] + a*steps[1] + columns[d] + p] * w[o, c, a, d])

    for `tile` outputs from o on, but none past `last`, and p below `count`. The sum is over c, a, d below `sizes`; w's
    number lies at w + o*wsteps[0] + c*wsteps[1] + a*wsteps[2] + d*wsteps[3]. That is with `start` EACH: a number of b
    for each output; ALIKE: m[b + p], the same for all; OWN: y itself stands for b. The ReLU only if `active`.
    """
    if not isinstance(tile, types.IntegerLiteral):
        return None
    arguments = (m, tile, o, last, x, steps, sizes, columns, w, wsteps, b, y, ystep, count, start, active)
    outputs, number = tile.literal_value, m.dtype

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = _Vectors(context, builder, number)
        m, _, o, last, x, steps, sizes, columns, w, wsteps, b, y, ystep, count, start, active = values
        steps, sizes, wsteps = (cgutils.unpack_tuple(builder, t) for t in (steps, sizes, wsteps))
        mask = v.first(count)
        numbers = v.clamped(o, last, outputs)
        places = [_sum(builder, y, (o, ystep)) for o in numbers]
        weights = [builder.mul(o, wsteps[0]) for o in numbers]
        sums = v.sums(outputs)
        for kind, begin in (
            (EACH, lambda place, o: v.number_at(m, builder.add(b, o))),
            (OWN, lambda place, o: v.load_some(m, place, mask)),
            (ALIKE, lambda place, o: v.load_some(m, b, mask)),
        ):
            with builder.if_then(builder.icmp_signed("==", start, start.type(kind))):
                for s, place, o in zip(sums, places, numbers, strict=True):
                    builder.store(begin(place, o), s)
        with cgutils.for_range(builder, sizes[0], intp=_INT) as c, cgutils.for_range(builder, sizes[1], intp=_INT) as a:
            row = _sum(builder, x, (c.index, steps[0]), (a.index, steps[1]))
            kernel = _sum(builder, w, (c.index, wsteps[1]), (a.index, wsteps[2]))
            with cgutils.for_range(builder, sizes[2], intp=_INT) as d:
                seen = v.load_some(m, builder.add(row, builder.load(builder.gep(columns, [d.index]))), mask)
                here = _sum(builder, kernel, (d.index, wsteps[3]))
                for s, o in zip(sums, weights, strict=True):
                    builder.store(v.fma(v.number_at(m, builder.add(here, o)), seen, builder.load(s)), s)
        with builder.if_then(_true(builder, active)):
            for s in sums:
                z = builder.load(s)
                builder.store(builder.select(builder.fcmp_ordered("<", z, v.zero), v.zero, z), s)
        for s, place in zip(sums, places, strict=True):
            v.store_some(m, place, builder.load(s), mask)
        return context.get_dummy_value()

    return types.void(*arguments), code


@intrinsic(prefer_literal=True)
def correlate(typing, m, tile, wide, o, last, k, taps, x, step, columns, d, dsteps, rows, run, w, wsteps):
    """m[w + o*wsteps[0] + k*wsteps[1]] += sum_ip m[x + i*step + columns[k] + p] * m[d + o*dsteps[0] + i*dsteps[1] + p]

    for `tile` outputs from o on, but none past `last`, `wide` taps from k on, but none past `taps`, i below `rows` and
    p below `run`.
    """
    if not (isinstance(tile, types.IntegerLiteral) and isinstance(wide, types.IntegerLiteral)):
        return None
    arguments = (m, tile, wide, o, last, k, taps, x, step, columns, d, dsteps, rows, run, w, wsteps)
    outputs, width, number = tile.literal_value, wide.literal_value, m.dtype

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = _Vectors(context, builder, number)
        m, _, _, o, last, k, taps, x, step, columns, d, dsteps, rows, run, w, wsteps = values
        dsteps, wsteps = cgutils.unpack_tuple(builder, dsteps), cgutils.unpack_tuple(builder, wsteps)
        numbers, cells = v.clamped(o, last, outputs), v.clamped(k, taps, width)
        planes = [_sum(builder, d, (o, dsteps[0])) for o in numbers]
        starts = [builder.add(x, builder.load(builder.gep(columns, [k]))) for k in cells]
        sums = v.sums(outputs * width)
        for s in sums:
            builder.store(v.zero, s)

        def turn(at: Any, dat: Any, read: Any) -> None:
            seen = [read(m, builder.add(start, at)) for start in starts]
            for o, plane in enumerate(planes):
                down = read(m, builder.add(plane, dat))
                for k in range(width):
                    s = sums[o * width + k]
                    builder.store(v.fma(seen[k], down, builder.load(s)), s)

        whole = builder.sub(run, builder.srem(run, _INT(v.size)))
        left = builder.sub(run, whole)
        with cgutils.for_range(builder, rows, intp=_INT) as i:
            row, drow = builder.mul(i.index, step), builder.mul(i.index, dsteps[1])
            with cgutils.for_range_slice(builder, _INT(0), whole, _INT(v.size), intp=_INT, inc=True) as (p, _):
                turn(builder.add(row, p), builder.add(drow, p), v.load)
            with builder.if_then(builder.icmp_signed(">", left, _INT(0))):
                mask = v.first(left)
                turn(builder.add(row, whole), builder.add(drow, whole), lambda q, at: v.load_some(q, at, mask))
        places = [builder.gep(m, [_sum(builder, w, (o, wsteps[0]), (k, wsteps[1]))]) for o in numbers for k in cells]
        found = [builder.fadd(builder.load(q), v.total(builder.load(s))) for q, s in zip(places, sums, strict=True)]
        for q, value in zip(places, found, strict=True):
            builder.store(value, q)
        return context.get_dummy_value()

    return types.void(*arguments), code


@intrinsic
def rectify(typing, m, d, y, run, active):
    """m[d + p] = 0 where m[y + p] is not above 0 (if `active`), for p below `run`; the sum of all m[d + p]"""
    number = m.dtype

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = _Vectors(context, builder, number)
        m, d, y, run, active = values
        (total,) = v.sums(1)
        builder.store(v.zero, total)
        with cgutils.for_range_slice(builder, _INT(0), run, _INT(v.size), intp=_INT, inc=True) as (p, _):
            mask = v.first(builder.sub(run, p))
            place = builder.add(d, p)
            down = cgutils.alloca_once_value(builder, v.load_some(m, place, mask))
            with builder.if_then(_true(builder, active)):
                above = builder.fcmp_ordered(">", v.load_some(m, builder.add(y, p), mask), v.zero)
                builder.store(builder.select(above, builder.load(down), v.zero), down)
                v.store_some(m, place, builder.load(down), mask)
            builder.store(builder.fadd(builder.load(total), builder.load(down)), total)
        return v.total(builder.load(total))

    return number(m, d, y, run, active), code


@intrinsic
def largest(typing, m, x, steps, sizes, y, count):
    """m[y + p] = max_ab m[x + a*steps[0] + b*steps[1] + p] for a, b below `sizes` and p below `count`; NaN wins"""
    number = m.dtype

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = _Vectors(context, builder, number)
        m, x, steps, sizes, y, count = values
        steps, sizes = cgutils.unpack_tuple(builder, steps), cgutils.unpack_tuple(builder, sizes)
        (top,) = v.sums(1)
        mask = v.first(count)
        builder.store(v.load_some(m, x, mask), top)
        with cgutils.for_range(builder, sizes[0], intp=_INT) as a, cgutils.for_range(builder, sizes[1], intp=_INT) as b:
            cell = v.load_some(m, _sum(builder, x, (a.index, steps[0]), (b.index, steps[1])), mask)
            now = builder.load(top)
            stays = builder.or_(builder.fcmp_ordered(">=", now, cell), builder.fcmp_unordered("uno", now, now))
            builder.store(builder.select(stays, now, cell), top)
        v.store_some(m, y, builder.load(top), mask)
        return context.get_dummy_value()

    return types.void(m, x, steps, sizes, y, count), code


@intrinsic
def to_largest(typing, m, d, x, y, steps, sizes, first, g, gsteps, count):
    """m[g + a*gsteps[0] + b*gsteps[1] + p] += m[d + p] where m[x + a*steps[0] + b*steps[1] + p] is m[y + p]

    for a, b below `sizes` and p below `count`: at the first such cell if `first`, or at all of them.
    """
    number = m.dtype

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = _Vectors(context, builder, number)
        m, d, x, y, steps, sizes, first, g, gsteps, count = values
        steps, sizes, gsteps = (cgutils.unpack_tuple(builder, t) for t in (steps, sizes, gsteps))
        mask = v.first(count)
        top, down = v.load_some(m, y, mask), v.load_some(m, d, mask)
        free = cgutils.alloca_once_value(builder, mask)
        every = v.spread(builder.not_(_true(builder, first)))
        with cgutils.for_range(builder, sizes[0], intp=_INT) as a, cgutils.for_range(builder, sizes[1], intp=_INT) as b:
            cell = v.load_some(m, _sum(builder, x, (a.index, steps[0]), (b.index, steps[1])), mask)
            place = _sum(builder, g, (a.index, gsteps[0]), (b.index, gsteps[1]))
            hit = builder.and_(builder.load(free), builder.fcmp_ordered("==", cell, top))
            builder.store(builder.and_(builder.load(free), builder.or_(builder.not_(hit), every)), free)
            more = builder.select(hit, down, v.zero)
            v.store_some(m, place, builder.fadd(v.load_some(m, place, mask), more), mask)
        return context.get_dummy_value()

    return types.void(m, d, x, y, steps, sizes, first, g, gsteps, count), code
