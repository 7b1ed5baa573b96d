"""Vector registers by hand: the innermost loops of the compiled kernels, written in LLVM's own terms.

A compiler keeps a sum in a register only while it sees one loop; a convolution has four around each sum. So these few
functions hold a *tile* of sums in registers, one vector for each of O outputs, and run all the loops inside: one load
and O multiply-adds a turn, nothing else, which is as fast as the processor goes (Goto and van de Geijn 2008, "Anatomy
of High-Performance Matrix Multiplication"; Zhang et al. 2018, "High Performance Zero-Memory Overhead Direct
Convolutions"). O and K are constants of the kernel that calls. Arrays are read as flat memory from the given places.

An output past the last one is the last one again: it is computed twice and stored twice, the same number.
The last vector of a row may be cut: `count` says how many of its numbers are stored. Numbers past them are read, so an
array `x` has room for one vector after its end; `aligned` makes such arrays.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from convlens.engines import Array

_features = llvm.get_host_cpu_features()
BYTES = 64 if _features.get("avx512f") else 32 if _features.get("avx") else 16  # of a vector register

_INT = ir.IntType(64)
_LANE = ir.IntType(32)


def aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Zeros that begin on a cache line, with room for a vector after the last one"""
    size = int(np.prod(shape)) * dtype.itemsize
    raw = np.zeros(size + 128, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(dtype).reshape(shape)


class _Vectors:
    """What a tile is built with: instructions for vectors of the arrays' numbers."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any, number: types.Type) -> None:
        self.builder = builder
        self.size = BYTES * 8 // number.bitwidth
        self.number = context.get_value_type(number)
        self.vector = ir.VectorType(self.number, self.size)
        self.lanes = ir.VectorType(_LANE, self.size)
        self.mask = ir.VectorType(ir.IntType(1), self.size)
        self.short = f"v{self.size}f{number.bitwidth}"
        self.zero = ir.Constant(self.vector, [0.0] * self.size)
        self.values = [
            context.make_array(kind)(context, builder, value).data if isinstance(kind, types.Array) else value
            for kind, value in zip(signature.args, arguments, strict=True)
        ]

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


def _sum(builder: Any, start: Any, *terms: tuple[Any, Any]) -> Any:
    """start + the sum of a * b"""
    for a, b in terms:
        start = builder.add(start, builder.mul(a, b))
    return start


@intrinsic(prefer_literal=True)
def multiply(typing, O, last, x, at, steps, sizes, columns, w, wat, wsteps, b, y, yat, ystep, count, add, active):
    """y[yat + o * ystep + p] = relu(b[o] + sum_cad x[at + c*steps[0] + a*steps[1] + columns[d] + p] * w[...])

    for outputs o … o + O - 1 but at most `last[1]`, with last = (o, the last output), and p below `count`. The sum is
    over c, a, d below `sizes`; w is read at wat + o*wsteps[0] + c*wsteps[1] + a*wsteps[2] + d*wsteps[3]. With `add`,
    y itself stands for b.
    """
    arguments = (O, last, x, at, steps, sizes, columns, w, wat, wsteps, b, y, yat, ystep, count, add, active)
    outputs = O.literal_value

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = _Vectors(context, builder, signature, values, x.dtype)
        _, last, px, at, steps, sizes, pcolumns, pw, wat, wsteps, pb, py, yat, ystep, count, add, active = v.values
        last, steps, sizes, wsteps = (cgutils.unpack_tuple(builder, t) for t in (last, steps, sizes, wsteps))
        mask = v.first(count)
        numbers = v.clamped(last[0], last[1], outputs)
        places = [_sum(builder, yat, (o, ystep)) for o in numbers]
        weights = [builder.mul(o, wsteps[0]) for o in numbers]
        sums = v.sums(outputs)
        with builder.if_else(add) as (then, otherwise):
            with then:
                for s, place in zip(sums, places, strict=True):
                    builder.store(v.load_some(py, place, mask), s)
            with otherwise:
                for s, o in zip(sums, numbers, strict=True):
                    builder.store(v.number_at(pb, o), s)
        with cgutils.for_range(builder, sizes[0], intp=_INT) as c, cgutils.for_range(builder, sizes[1], intp=_INT) as a:
            row = _sum(builder, at, (c.index, steps[0]), (a.index, steps[1]))
            kernel = _sum(builder, wat, (c.index, wsteps[1]), (a.index, wsteps[2]))
            with cgutils.for_range(builder, sizes[2], intp=_INT) as d:
                seen = v.load(px, builder.add(row, builder.load(builder.gep(pcolumns, [d.index]))))
                here = _sum(builder, kernel, (d.index, wsteps[3]))
                for s, o in zip(sums, weights, strict=True):
                    builder.store(v.fma(v.number_at(pw, builder.add(here, o)), seen, builder.load(s)), s)
        with builder.if_then(active):
            for s in sums:
                z = builder.load(s)
                builder.store(builder.select(builder.fcmp_ordered("<", z, v.zero), v.zero, z), s)
        for s, place in zip(sums, places, strict=True):
            v.store_some(py, place, builder.load(s), mask)
        return context.get_dummy_value()

    return types.void(*arguments), code


@intrinsic(prefer_literal=True)
def correlate(typing, O, K, last, x, at, step, columns, taps, d, dat, dsteps, rows, run, w, wat, wsteps):
    """w[wat + o*wsteps[0] + k*wsteps[1]] += sum_ip x[at + i*step + columns[k] + p] * d[dat + o*dsteps[0] + i*dsteps[1] + p]

    for outputs o … o + O - 1 but at most `last[1]`, with last = (o, the last output), taps k … k + K - 1 with
    taps = (k, the last tap), i below `rows` and p below `run`.
    """
    arguments = (O, K, last, x, at, step, columns, taps, d, dat, dsteps, rows, run, w, wat, wsteps)
    outputs, width = O.literal_value, K.literal_value

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = _Vectors(context, builder, signature, values, x.dtype)
        _, _, last, px, at, step, pcolumns, taps, pd, dat, dsteps, rows, run, pw, wat, wsteps = v.values
        last, taps, dsteps, wsteps = (cgutils.unpack_tuple(builder, t) for t in (last, taps, dsteps, wsteps))
        numbers, cells = v.clamped(last[0], last[1], outputs), v.clamped(taps[0], taps[1], width)
        planes = [_sum(builder, dat, (o, dsteps[0])) for o in numbers]
        columns = [builder.add(at, builder.load(builder.gep(pcolumns, [k]))) for k in cells]
        sums = v.sums(outputs * width)
        for s in sums:
            builder.store(v.zero, s)

        def turn(at: Any, dat: Any, read: Any) -> None:
            seen = [read(px, builder.add(column, at)) for column in columns]
            for o, plane in enumerate(planes):
                down = read(pd, builder.add(plane, dat))
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
        places = [builder.gep(pw, [_sum(builder, wat, (o, wsteps[0]), (k, wsteps[1]))]) for o in numbers for k in cells]
        found = [builder.fadd(builder.load(q), v.total(builder.load(s))) for q, s in zip(places, sums, strict=True)]
        for q, number in zip(places, found, strict=True):
            builder.store(number, q)
        return context.get_dummy_value()

    return types.void(*arguments), code


@intrinsic
def largest(typing, x, at, steps, sizes, y, yat, count):
    """y[yat + p] = max_ab x[at + a*steps[0] + b*steps[1] + p] for a, b below `sizes` and p below `count`; NaN wins"""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = _Vectors(context, builder, signature, values, x.dtype)
        px, at, steps, sizes, py, yat, count = v.values
        steps, sizes = cgutils.unpack_tuple(builder, steps), cgutils.unpack_tuple(builder, sizes)
        (top,) = v.sums(1)
        builder.store(v.load(px, at), top)
        with cgutils.for_range(builder, sizes[0], intp=_INT) as a, cgutils.for_range(builder, sizes[1], intp=_INT) as b:
            cell = v.load(px, _sum(builder, at, (a.index, steps[0]), (b.index, steps[1])))
            now = builder.load(top)
            stays = builder.or_(builder.fcmp_ordered(">=", now, cell), builder.fcmp_unordered("uno", now, now))
            builder.store(builder.select(stays, now, cell), top)
        v.store_some(py, yat, builder.load(top), v.first(count))
        return context.get_dummy_value()

    return types.void(x, at, steps, sizes, y, yat, count), code


@intrinsic
def to_largest(typing, d, dat, x, at, y, yat, steps, sizes, first, g, gat, gsteps, count):
    """g[gat + a*gsteps[0] + b*gsteps[1] + p] += d[dat + p] where x[at + a*steps[0] + b*steps[1] + p] is y[yat + p]

    for a, b below `sizes` and p below `count`: at the first such cell if `first`, or at all of them.
    """

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = _Vectors(context, builder, signature, values, x.dtype)
        pd, dat, px, at, py, yat, steps, sizes, first, pg, gat, gsteps, count = v.values
        steps, sizes, gsteps = (cgutils.unpack_tuple(builder, t) for t in (steps, sizes, gsteps))
        mask = v.first(count)
        top, down = v.load(py, yat), v.load_some(pd, dat, mask)
        free = cgutils.alloca_once_value(builder, mask)
        every = v.spread(builder.not_(first))
        with cgutils.for_range(builder, sizes[0], intp=_INT) as a, cgutils.for_range(builder, sizes[1], intp=_INT) as b:
            cell = v.load(px, _sum(builder, at, (a.index, steps[0]), (b.index, steps[1])))
            place = _sum(builder, gat, (a.index, gsteps[0]), (b.index, gsteps[1]))
            hit = builder.and_(builder.load(free), builder.fcmp_ordered("==", cell, top))
            builder.store(builder.and_(builder.load(free), builder.or_(builder.not_(hit), every)), free)
            more = builder.select(hit, down, v.zero)
            v.store_some(pg, place, builder.fadd(v.load_some(pg, place, mask), more), mask)
        return context.get_dummy_value()

    return types.void(d, dat, x, at, y, yat, steps, sizes, first, g, gat, gsteps, count), code
