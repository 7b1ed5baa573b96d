"""The micro-kernels of Winograd's convolution: the transforms of one tile, on vectors of neighbouring channels.

Each computes M x M' for a matrix M of `winograd`, first along the columns, then along the rows. See `registers.py` for
the conventions.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from convlens.engines.compiled.kernel import intrinsic
from convlens.engines.compiled.later import types
from convlens.engines.compiled.registers import INT, Vectors, is_true, offset
from convlens.engines.compiled.winograd import PAIRS, Form, matrices

# What a transform does: B' of the inputs, A of dy, G of a kernel, G' of a kernel's gradient, and B of the inputs'
INPUTS, GRADIENTS, KERNEL, KERNEL_GRADIENT, INPUT_GRADIENTS = range(5)


def _matrix(form: Form, which: int) -> Any:
    found = matrices(form)
    return (found.inputs, found.outputs.T, found.kernel, found.kernel.T, found.inputs.T)[which]


def _sum(v: Vectors, numbers: Any, vectors: list[Any]) -> Any:
    """The sum of number * vector; None if all numbers are 0"""
    found, b = None, v.builder
    for number, vector in sorted(zip(numbers, vectors, strict=True), key=lambda pair: abs(pair[0]) != 1):
        if number == 0:
            continue
        if found is None:
            found = vector if number == 1 else b.fmul(v.constant(number), vector)
        elif abs(number) == 1:
            found = (b.fadd if number == 1 else b.fsub)(found, vector)
        else:
            found = v.fma(v.constant(number), vector, found)
    return found


def _product(v: Vectors, matrix: Any, xs: list[Any], by_rows: bool) -> list[Any]:
    """matrix x; the rows of a pair of points ±p (the columns, if not `by_rows`) differ in the signs of odd powers"""
    rows, columns = matrix.shape
    b, side = v.builder, max(rows, columns)
    pairs = [(1 + 2 * k, 2 + 2 * k) for k in range(len(PAIRS[side]))]
    if by_rows:  # the rows belong to points
        found = [None if any(r in pair for pair in pairs) else _sum(v, matrix[r], xs) for r in range(rows)]
        for one, two in pairs:
            same = (matrix[one] + matrix[two]) / 2
            even, odd = _sum(v, same, xs), _sum(v, matrix[one] - same, xs)
            found[one], found[two] = b.fadd(even, odd), b.fsub(even, odd)
        return found
    for one, two in pairs:  # the columns belong to points
        xs = [*xs]
        xs[one], xs[two] = b.fadd(xs[one], xs[two]), b.fsub(xs[one], xs[two])
    found = []
    for row in matrix:
        numbers = row.copy()
        for one, two in pairs:
            numbers[one], numbers[two] = (row[one] + row[two]) / 2, (row[one] - row[two]) / 2
        found.append(_sum(v, numbers, xs))
    return found


def _twice(v: Vectors, matrix: Any, at: Any, by_rows: bool) -> Any:
    """M x M'; at(i, j): the vector x[i, j]. Yields i, j and the result's vector, row by row."""
    rows, columns = matrix.shape
    between = [_product(v, matrix, [at(i, j) for i in range(columns)], by_rows) for j in range(columns)]
    for i in range(rows):
        for j, found in enumerate(_product(v, matrix, [between[k][i] for k in range(columns)], by_rows)):
            yield i, j, found


@intrinsic(prefer_literal=True)
def transform(typing, m, SIZE, TAPS, WHICH, x, x_i, x_j, y, y_i, y_j):
    """y[i, j, v] = (M x M')[i, j, v] for v below one vector, with the matrix M that WHICH names; INPUT_GRADIENTS: added
    to y"""
    if not all(isinstance(each, types.IntegerLiteral) for each in (SIZE, TAPS, WHICH)):
        return None
    which, number = WHICH.literal_value, m.dtype
    matrix = _matrix(Form(SIZE.literal_value, TAPS.literal_value), which)
    adds, by_rows = which == INPUT_GRADIENTS, which in (INPUTS, GRADIENTS, KERNEL)

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = Vectors(context, builder, number)
        m, _, _, _, x, x_i, x_j, y, y_i, y_j = values

        def place(start: Any, i: int, i_step: Any, j: int, j_step: Any) -> Any:
            return offset(builder, start, (INT(i), i_step), (INT(j), j_step))

        for i, j, found in _twice(v, matrix, lambda i, j: v.load(m, place(x, i, x_i, j, x_j)), by_rows):
            target = place(y, i, y_i, j, y_j)
            v.store(m, target, builder.fadd(v.load(m, target), found) if adds else found)
        return context.get_dummy_value()

    return types.void(m, SIZE, TAPS, WHICH, x, x_i, x_j, y, y_i, y_j), code


@intrinsic(prefer_literal=True)
def transform_outputs(typing, m, SIZE, TAPS, x, x_p, b, relu, more, y, y_i, y_j, rows, columns):
    """y[i, j, v] = relu(b[v] + (A' x A)[i, j, v]) for i below `rows` and j below `columns`; added to y if `more`

    x_p: the step of x from one point to the next
    """
    if not isinstance(SIZE, types.IntegerLiteral) or not isinstance(TAPS, types.IntegerLiteral):
        return None
    form, number = Form(SIZE.literal_value, TAPS.literal_value), m.dtype
    size, matrix = form.size, matrices(form).outputs

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = Vectors(context, builder, number)
        m, _, _, x, x_p, b, relu, more, y, y_i, y_j, rows, columns = values
        bias = v.load(m, b)
        least = v.broadcast(
            builder.select(is_true(builder, relu), ir.Constant(v.number, 0.0), ir.Constant(v.number, float("-inf")))
        )
        n = form.side
        whole = _twice(v, matrix, lambda i, j: v.load(m, offset(builder, x, (INT(i * n + j), x_p))), False)
        inside = {}
        for i, j, found in whole:
            z = builder.fadd(found, bias)
            place = offset(builder, y, (INT(i), y_i), (INT(j), y_j))
            inside[i, j] = (place, builder.select(builder.fcmp_ordered("<", z, least), least, z))
        for i in range(size):
            with builder.if_then(builder.icmp_signed(">", rows, INT(i))):
                for j in range(size):
                    with builder.if_then(builder.icmp_signed(">", columns, INT(j))):
                        place, z = inside[i, j]
                        with builder.if_else(is_true(builder, more)) as (adds, writes):
                            with adds:
                                v.store(m, place, builder.fadd(v.load(m, place), z))
                            with writes:
                                v.store(m, place, z)
        return context.get_dummy_value()

    return types.void(m, SIZE, TAPS, x, x_p, b, relu, more, y, y_i, y_j, rows, columns), code
