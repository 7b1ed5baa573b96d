"""Micro-kernels: the innermost loops of all kernels, on vector registers, written in LLVM instructions.

A compiler keeps a sum in a register only within one loop, but a convolution has four loops around each sum. So each
micro-kernel here holds a *register tile*, a few vectors of sums, and runs all these loops inside. The innermost loop
contains only loads and fused multiply-adds, so it runs as fast as the processor can (Goto and van de Geijn 2008,
"Anatomy of High-Performance Matrix Multiplication"; Van Zee and van de Geijn 2015, "BLIS"). The height of a tile is a
literal in the kernel that calls the micro-kernel.

`m` is memory; a place is an index into it. Three conventions hold for all micro-kernels:
- An output past the last one stands for the last one: the same number is computed twice and stored twice.
- The last vector of a row may be partly used: only its first `count` numbers are read or written.
- A step named `x_c` is the distance in x, in numbers, for one step of the loop variable c.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from convlens.engines.compiled.kernel import intrinsic
from convlens.engines.compiled.later import cgutils, types
from convlens.engines.compiled.machine_code import setting


def _vector_bytes() -> int:
    """Return the size of a vector register: the host's, or of the processor that Numba's settings name."""
    name, features = setting("CPU_NAME"), setting("CPU_FEATURES")
    if not name and features is None:
        found = llvm.get_host_cpu_features()
        return 64 if found.get("avx512f") else 32 if found.get("avx") else 16
    text = "define <16 x float> @f(<16 x float> %a) { %b = fadd <16 x float> %a, %a ret <16 x float> %b }"
    llvm.initialize_native_target()  # Numba does it too, but is not loaded where kernels come from the cache
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    machine = target.create_target_machine(cpu=name or llvm.get_host_cpu_name(), features=features or "")
    code = machine.emit_assembly(llvm.parse_assembly(text))
    return 64 if "zmm" in code else 32 if "ymm" in code else 16


BYTES = _vector_bytes()

# Start values of the sums in `multiply_tile`: one number of b for each output, one vector of b for all, or y itself
BIAS_EACH, BIAS_VECTOR, ADD_TO_Y = range(3)

INT = ir.IntType(64)
_LANE = ir.IntType(32)


class Vectors:
    """Builds instructions on vectors of the memory's number type."""

    def __init__(self, context: Any, builder: Any, number: Any) -> None:
        self.builder = builder
        self.is_double = number.bitwidth == 64
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

    def _pointer(self, m: Any, place: Any) -> Any:
        return self.builder.bitcast(self.builder.gep(m, [place]), self.vector.as_pointer())

    def load(self, m: Any, place: Any) -> Any:
        """m[place : place + size]"""
        found = self.builder.load(self._pointer(m, place))
        found.align = 4
        return found

    def store(self, m: Any, place: Any, value: Any) -> None:
        """m[place : place + size] = value"""
        self.builder.store(value, self._pointer(m, place)).align = 4

    def masked_load(self, m: Any, place: Any, mask: Any) -> Any:
        """m[place : place + size] where the mask is set, else 0; no other memory is read"""
        name = f"llvm.masked.load.{self.short}.p0{self.short}"
        return self._call(name, self.vector, self._pointer(m, place), _LANE(4), mask, self.zero)

    def masked_store(self, m: Any, place: Any, value: Any, mask: Any) -> None:
        """m[place : place + size] = value where the mask is set"""
        name = f"llvm.masked.store.{self.short}.p0{self.short}"
        self._call(name, ir.VoidType(), value, self._pointer(m, place), _LANE(4), mask)

    def constant(self, number: float) -> Any:
        """A vector whose lanes all hold a number"""
        return ir.Constant(self.vector, [float(number)] * self.size)

    def broadcast(self, value: Any) -> Any:
        """A vector whose lanes all hold `value`"""
        none = ir.Constant(ir.VectorType(value.type, self.size), ir.Undefined)
        lowest = self.builder.insert_element(none, value, _LANE(0))
        return self.builder.shuffle_vector(lowest, none, ir.Constant(self.lanes, [0] * self.size))

    def broadcast_from(self, m: Any, place: Any) -> Any:
        """A vector whose lanes all hold m[place]"""
        return self.broadcast(self.builder.load(self.builder.gep(m, [place])))

    def mask_below(self, count: Any) -> Any:
        """A mask that is set for the lanes 0 … count - 1"""
        numbers = ir.Constant(self.lanes, list(range(self.size)))
        return self.builder.icmp_signed("<", numbers, self.broadcast(self.builder.trunc(count, _LANE)))

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """a * b + c"""
        return self._call(f"llvm.fma.{self.short}", self.vector, a, b, c)

    def unary(self, name: str, a: Any) -> Any:
        """An LLVM function of one vector, such as llvm.rint"""
        return self._call(f"{name}.{self.short}", self.vector, a)

    def integers(self, a: Any) -> Any:
        """Whole numbers as integers of the same size; NaN gives 0"""
        bits = 64 if self.is_double else 32
        kind = ir.VectorType(ir.IntType(bits), self.size)
        return self._call(f"llvm.fptosi.sat.v{self.size}i{bits}.{self.short}", kind, a)

    def total(self, a: Any) -> Any:
        """The sum of a vector's numbers, computed by adding its halves until one number is left"""
        size, b = self.size, self.builder
        while size > 1:
            size //= 2
            order = ir.Constant(self.lanes, [(k + size) % self.size for k in range(self.size)])
            a = b.fadd(a, b.shuffle_vector(a, ir.Constant(self.vector, ir.Undefined), order))
        return b.extract_element(a, _LANE(0))

    def registers(self, count: int) -> list[Any]:
        """`count` vector variables, which LLVM keeps in registers"""
        return [cgutils.alloca_once(self.builder, self.vector) for _ in range(count)]

    def clamped(self, start: Any, last: Any, count: int) -> list[Any]:
        """The `count` indices start, start + 1, …, where an index past `last` becomes `last`"""
        b = self.builder
        found = []
        for k in range(count):
            index = b.add(start, INT(k))
            found.append(b.select(b.icmp_signed("<", index, last), index, last))
        return found


def is_true(builder: Any, number: Any) -> Any:
    """number != 0"""
    return builder.icmp_signed("!=", number, number.type(0))


def offset(builder: Any, place: Any, *terms: tuple[Any, Any]) -> Any:
    """place + the sum of index * step"""
    for index, step in terms:
        place = builder.add(place, builder.mul(index, step))
    return place


@intrinsic
def vector(typing, m):
    """The number of elements in a vector register"""
    size = BYTES * 8 // m.dtype.bitwidth
    return types.int64(m), lambda context, builder, signature, values: INT(size)


@intrinsic
def zero(typing, m):
    """The number 0 in the memory's type"""
    return m.dtype(m), lambda context, builder, signature, values: context.get_constant(m.dtype, 0)


@intrinsic(prefer_literal=True)
def multiply_tile(typing, m, TILE, o, last, x, x_steps, sizes, taps, w, w_steps, b, y, y_o, count, start, relu):
    """y[o, p] = relu(b[o] + sum_cad x[c, a, taps[d] + p] w[o, c, a, d])

    for the TILE outputs o, o + 1, … up to `last`, and for p below `count`, which is at most one vector. The sums are
    over c, a, d below `sizes`. Each iteration of the innermost loop loads one vector of x and does TILE multiply-adds,
    each with one number of w.

    x_steps: x_c, x_a. w_steps: w_o, w_c, w_a, w_d. y_o: the step of y from one output to the next. start: the start
    value of the sums; BIAS_EACH is the number b[o], BIAS_VECTOR is b[p] for all outputs, ADD_TO_Y is y itself. relu:
    whether to apply the ReLU.
    """
    if not isinstance(TILE, types.IntegerLiteral):
        return None
    arguments = (m, TILE, o, last, x, x_steps, sizes, taps, w, w_steps, b, y, y_o, count, start, relu)
    tile, number = TILE.literal_value, m.dtype

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = Vectors(context, builder, number)
        m, _, o, last, x, x_steps, sizes, taps, w, w_steps, b, y, y_o, count, start, relu = values
        (x_c, x_a), (cs, as_, ds), (w_o, w_c, w_a, w_d) = (
            cgutils.unpack_tuple(builder, t) for t in (x_steps, sizes, w_steps)
        )
        mask = v.mask_below(count)
        outputs = v.clamped(o, last, tile)
        places = [offset(builder, y, (k, y_o)) for k in outputs]
        rows_of_w = [builder.mul(k, w_o) for k in outputs]
        sums = v.registers(tile)
        for kind, begin in (
            (BIAS_EACH, lambda place, k: v.broadcast_from(m, builder.add(b, k))),
            (ADD_TO_Y, lambda place, k: v.masked_load(m, place, mask)),
            (BIAS_VECTOR, lambda place, k: v.masked_load(m, b, mask)),
        ):
            with builder.if_then(builder.icmp_signed("==", start, start.type(kind))):
                for s, place, k in zip(sums, places, outputs, strict=True):
                    builder.store(begin(place, k), s)
        with cgutils.for_range(builder, cs, intp=INT) as c, cgutils.for_range(builder, as_, intp=INT) as a:
            x_row = offset(builder, x, (c.index, x_c), (a.index, x_a))
            w_row = offset(builder, w, (c.index, w_c), (a.index, w_a))
            with cgutils.for_range(builder, ds, intp=INT) as d:
                seen = v.masked_load(m, builder.add(x_row, builder.load(builder.gep(taps, [d.index]))), mask)
                w_tap = offset(builder, w_row, (d.index, w_d))
                for s, row in zip(sums, rows_of_w, strict=True):
                    builder.store(v.fma(v.broadcast_from(m, builder.add(w_tap, row)), seen, builder.load(s)), s)
        with builder.if_then(is_true(builder, relu)):
            for s in sums:
                z = builder.load(s)
                builder.store(builder.select(builder.fcmp_ordered("<", z, v.zero), v.zero, z), s)
        for s, place in zip(sums, places, strict=True):
            v.masked_store(m, place, builder.load(s), mask)
        return context.get_dummy_value()

    return types.void(*arguments), code


@intrinsic(prefer_literal=True)
def correlate_tile(typing, m, TILE, TAPS, o, last, d, last_tap, x, x_i, taps, dy, dy_steps, rows, run, dw, dw_steps):
    """dw[o, d] += sum_ip x[i, taps[d] + p] dy[o, i, p]

    for the TILE outputs o, o + 1, … up to `last`, and for the TAPS taps d, d + 1, … up to `last_tap`. The sums are over
    i below `rows` and p below `run`. They stay in TILE * TAPS registers over all i and p; the lanes of each register
    are added at the end.

    x_i: the step of x from one row to the next. dy_steps: dy_o, dy_i. dw_steps: dw_o, dw_d.
    """
    if not (isinstance(TILE, types.IntegerLiteral) and isinstance(TAPS, types.IntegerLiteral)):
        return None
    arguments = (m, TILE, TAPS, o, last, d, last_tap, x, x_i, taps, dy, dy_steps, rows, run, dw, dw_steps)
    tile, width, number = TILE.literal_value, TAPS.literal_value, m.dtype

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = Vectors(context, builder, number)
        m, _, _, o, last, d, last_tap, x, x_i, taps, dy, dy_steps, rows, run, dw, dw_steps = values
        (dy_o, dy_i), (dw_o, dw_d) = (cgutils.unpack_tuple(builder, t) for t in (dy_steps, dw_steps))
        outputs, cells = v.clamped(o, last, tile), v.clamped(d, last_tap, width)
        planes = [offset(builder, dy, (k, dy_o)) for k in outputs]
        starts = [builder.add(x, builder.load(builder.gep(taps, [k]))) for k in cells]
        sums = v.registers(tile * width)
        for s in sums:
            builder.store(v.zero, s)

        def turn(x_past: Any, dy_past: Any, read: Any) -> None:
            seen = [read(m, builder.add(start, x_past)) for start in starts]
            for j, plane in enumerate(planes):
                gradient = read(m, builder.add(plane, dy_past))
                for k in range(width):
                    s = sums[j * width + k]
                    builder.store(v.fma(seen[k], gradient, builder.load(s)), s)

        whole = builder.sub(run, builder.srem(run, INT(v.size)))
        left = builder.sub(run, whole)
        with cgutils.for_range(builder, rows, intp=INT) as i:
            x_row, dy_row = builder.mul(i.index, x_i), builder.mul(i.index, dy_i)
            with cgutils.for_range_slice(builder, INT(0), whole, INT(v.size), intp=INT, inc=True) as (p, _):
                turn(builder.add(x_row, p), builder.add(dy_row, p), v.load)
            with builder.if_then(builder.icmp_signed(">", left, INT(0))):
                mask = v.mask_below(left)
                turn(builder.add(x_row, whole), builder.add(dy_row, whole), lambda q, at: v.masked_load(q, at, mask))
        places = [builder.gep(m, [offset(builder, dw, (o, dw_o), (k, dw_d))]) for o in outputs for k in cells]
        found = [builder.fadd(builder.load(q), v.total(builder.load(s))) for q, s in zip(places, sums, strict=True)]
        for q, value in zip(places, found, strict=True):
            builder.store(value, q)
        return context.get_dummy_value()

    return types.void(*arguments), code


@intrinsic
def relu_backward_sum(typing, m, dy, y, run, relu):
    """dy[p] = dy[p] where y[p] > 0, else 0, for p below `run` (only if `relu`); returns the sum of all dy[p]"""
    number = m.dtype

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = Vectors(context, builder, number)
        m, dy, y, run, relu = values
        (total,) = v.registers(1)
        builder.store(v.zero, total)
        with cgutils.for_range_slice(builder, INT(0), run, INT(v.size), intp=INT, inc=True) as (p, _):
            mask = v.mask_below(builder.sub(run, p))
            place = builder.add(dy, p)
            gradient = cgutils.alloca_once_value(builder, v.masked_load(m, place, mask))
            with builder.if_then(is_true(builder, relu)):
                above = builder.fcmp_ordered(">", v.masked_load(m, builder.add(y, p), mask), v.zero)
                builder.store(builder.select(above, builder.load(gradient), v.zero), gradient)
                v.masked_store(m, place, builder.load(gradient), mask)
            builder.store(builder.fadd(builder.load(total), builder.load(gradient)), total)
        return v.total(builder.load(total))

    return number(m, dy, y, run, relu), code
