"""Kernels that find each number in a table: moves between layouts, and softmax.

A table holds the places of an example's numbers in an image, and the next example is a fixed distance away: see
`value.Places`. So one kernel serves both layouts, and a kernel of grouped channels becomes one without groups.
"""

from __future__ import annotations

import numpy as np

from convlens.engines.compiled.kernel import Memory, Place, Table, kernel
from convlens.engines.compiled.registers import zero
from convlens.engines.compiled.tape import table


@kernel
def move(
    m: Memory, x: Place, x_at: Table, x_example: int, y: Place, y_at: Table, y_example: int, count: int, examples: int
) -> None:
    """y[e, y_at[k]] = x[e, x_at[k]] for k below `count`"""
    if x_example == 1 or y_example == 1:  # examples lie side by side
        for k in range(count):
            source, target = x + table(x_at)[k], y + table(y_at)[k]
            for e in range(examples):
                m[target + e * y_example] = m[source + e * x_example]
    else:
        for e in range(examples):
            source, target = x + e * x_example, y + e * y_example
            for k in range(count):
                m[target + table(y_at)[k]] = m[source + table(x_at)[k]]


@kernel
def gather(m: Memory, x: Place, at: Table, count: int, y: Place) -> None:
    """y[k] = x[at[k]], or 0 where at[k] is below 0"""
    for k in range(count):
        place = table(at)[k]
        m[y + k] = m[x + place] if place >= 0 else zero(m)


@kernel
def scatter(m: Memory, x: Place, at: Table, count: int, y: Place) -> None:
    """y[at[k]] += x[k], except where at[k] is below 0"""
    for k in range(count):
        place = table(at)[k]
        if place >= 0:
            m[y + place] += m[x + k]


@kernel
def softmax(
    m: Memory, x: Place, x_at: Table, x_example: int, y: Place, y_at: Table, y_example: int, count: int, c: int,
    examples: int,
) -> None:  # fmt: skip
    """y = exp(x) / (the sum of exp(x) over `c` neighbouring places)"""
    for e in range(examples):
        seen, out = x + e * x_example, y + e * y_example
        for group in range(count // c):
            first = group * c
            top, total = m[seen + table(x_at)[first]], zero(m)
            for k in range(first, first + c):
                top = max(top, m[seen + table(x_at)[k]])
            for k in range(first, first + c):
                power = np.exp(m[seen + table(x_at)[k]] - top)
                m[out + table(y_at)[k]] = power
                total += power
            for k in range(first, first + c):
                m[out + table(y_at)[k]] /= total


@kernel
def softmax_dx(
    m: Memory, dy: Place, dy_at: Table, dy_example: int, y: Place, y_at: Table, y_example: int, dx: Place, dx_at: Table,
    dx_example: int, count: int, c: int, examples: int,
) -> None:  # fmt: skip
    """dx = y (dy - the sum of dy y over `c` neighbouring places)"""
    for e in range(examples):
        given, seen, out = dy + e * dy_example, y + e * y_example, dx + e * dx_example
        for group in range(count // c):
            first = group * c
            total = zero(m)
            for k in range(first, first + c):
                total += m[given + table(dy_at)[k]] * m[seen + table(y_at)[k]]
            for k in range(first, first + c):
                m[out + table(dx_at)[k]] = m[seen + table(y_at)[k]] * (m[given + table(dy_at)[k]] - total)
