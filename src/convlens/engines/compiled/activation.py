"""Activations on images: for each function its formula and its slope, the derivative, from input x and output y."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from convlens.engines.compiled.elementary import (
    Numbers,
    at_least,
    at_most,
    constant,
    exp,
    expm1,
    log1p,
    sigmoid,
    tanh,
)
from convlens.engines.compiled.kernel import Kernel, Memory, Place, intrinsic, kernel
from convlens.engines.compiled.later import cgutils, types
from convlens.engines.compiled.registers import INT, Vectors
from convlens.engines.normal import SERIES

# Klambauer et al. 2017, "Self-normalizing neural networks"
_ALPHA, _SCALE = 1.6732632423543772, 1.0507009873554805
_ROOT = math.sqrt(0.5)

Given = Sequence[Numbers]  # the numbers of a function, such as its slope below 0


class Function(NamedTuple):
    """y = forward(x, given), and its slope from x, y and given"""

    forward: Callable[[Numbers, Given], Numbers]
    slope: Callable[[Numbers, Numbers, Given], Numbers]


def _elu(x: Numbers, alpha: Any) -> Numbers:
    return (x > 0).where(x, expm1(at_most(x, 0)) * alpha)


def _hard_sigmoid(x: Numbers) -> Numbers:
    return at_most(at_least(x / 6 + 0.5, 0), 1)


def _silu_slope(x: Numbers, y: Numbers, given: Given) -> Numbers:
    s = sigmoid(x)
    return s * (x * (1 - s) + 1)


def _cdf(x: Numbers) -> Numbers:
    """The probability that a standard normal number is below x: see `convlens.ops`"""
    middle, powers = SERIES[8 if x.v.is_double else 4]
    z = at_most(abs(x) * _ROOT, 28.0 if x.v.is_double else 14.0)
    u = (z - middle) / (z + middle)
    total = constant(x.v, 0)
    for power in reversed(powers):
        total = total * u + power
    tail = total / (z * 4 + 2) * exp(-z * z)
    return (x > 0).where(1 - tail, tail)


def _gelu_slope(x: Numbers, y: Numbers, given: Given) -> Numbers:
    return _cdf(x) + x * exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))


def _threshold_relu(x: Numbers, given: Given) -> Numbers:
    slope, threshold, most = given
    return at_most((x > threshold).where(x, (x - threshold) * slope), most)


FUNCTIONS = {
    "relu": Function(lambda x, _: at_least(x, 0), lambda x, y, _: (y > 0).where(1, 0)),
    "tanh": Function(lambda x, _: tanh(x), lambda x, y, _: 1 - y * y),
    "sigmoid": Function(lambda x, _: sigmoid(x), lambda x, y, _: y * (1 - y)),
    "elu": Function(lambda x, given: _elu(x, given[0]), lambda x, y, given: (y < 0).where(y + given[0], 1)),
    "exponential": Function(lambda x, _: exp(x), lambda x, y, _: y),
    "gelu": Function(lambda x, _: x * _cdf(x), _gelu_slope),
    "hard_sigmoid": Function(lambda x, _: _hard_sigmoid(x), lambda x, y, _: ((y > 0) & (y < 1)).where(1 / 6, 0)),
    "hard_silu": Function(
        lambda x, _: x * _hard_sigmoid(x),
        lambda x, y, _: (abs(x) < 3).where(x / 3 + 0.5, (x > 0).where(1, 0)),
    ),
    "leaky_relu": Function(
        lambda x, given: (x > 0).where(x, x * given[0]), lambda x, y, given: (y > 0).where(1, given[0])
    ),
    "relu6": Function(lambda x, _: at_most(at_least(x, 0), 6), lambda x, y, _: ((y > 0) & (y < 6)).where(1, 0)),
    "selu": Function(lambda x, _: _elu(x, _ALPHA) * _SCALE, lambda x, y, _: (y < 0).where(y + _SCALE * _ALPHA, _SCALE)),
    "silu": Function(lambda x, _: x * sigmoid(x), _silu_slope),
    "softplus": Function(lambda x, _: log1p(exp(-abs(x))) + at_least(x, 0), lambda x, y, _: 1 - exp(-y)),
    "softsign": Function(lambda x, _: x / (abs(x) + 1), lambda x, y, _: (1 - abs(y)) * (1 - abs(y))),
    "threshold_relu": Function(
        _threshold_relu,
        lambda x, y, given: (x < given[2]).where((x > given[1]).where(1, given[0]), 0),
    ),
}
GIVEN = 3  # the most numbers that a function has
DEFAULTS = {"elu": (1.0,), "leaky_relu": (0.2,)}


def _row(body: Callable[[Vectors, Callable[[Any], Numbers], Given], Numbers]) -> Any:
    """Return the micro-kernel out[p] = body(…) for p below `count`, on rows of up to three arrays."""

    @intrinsic
    def row(typing, m, one, two, three, given, out, count):
        def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            v = Vectors(context, builder, m.dtype)
            memory, *rows, given, out, count = values
            numbers = [Numbers(v, v.broadcast_from(memory, builder.add(given, INT(k)))) for k in range(GIVEN)]
            with cgutils.for_range_slice(builder, INT(0), count, INT(v.size), intp=INT, inc=True) as (p, _):
                mask = v.mask_below(builder.sub(count, p))

                def load(k: int) -> Numbers:
                    return Numbers(v, v.masked_load(memory, builder.add(rows[k], p), mask))

                v.masked_store(memory, builder.add(out, p), body(v, load, numbers).value, mask)
            return context.get_dummy_value()

        return types.void(m, one, two, three, given, out, count), code

    return row


@cache
def activate(name: str) -> Kernel:
    """Return the kernel y = f(x)."""
    row = _row(lambda v, load, given: FUNCTIONS[name].forward(load(0), given))

    @kernel
    def activate(
        m: Memory, x: Place, x_planes: int, x_rows: int, x_run: int, x_plane: int, x_pitch: int, given: Place,
        y: Place, y_plane: int, y_pitch: int,
    ) -> None:  # fmt: skip
        """y = f(x)"""
        for c in range(x_planes):
            for i in range(x_rows):
                seen = x + c * x_plane + i * x_pitch
                row(m, seen, seen, seen, given, y + c * y_plane + i * y_pitch, x_run)

    return activate


@cache
def activate_dx(name: str) -> Kernel:
    """Return the kernel dx = dy f'(x)."""
    row = _row(lambda v, load, given: load(0) * FUNCTIONS[name].slope(load(1), load(2), given))

    @kernel
    def activate_dx(
        m: Memory, dy: Place, dy_plane: int, dy_pitch: int, x: Place, x_planes: int, x_rows: int, x_run: int,
        x_plane: int, x_pitch: int, y: Place, y_plane: int, y_pitch: int, given: Place, dx: Place, dx_plane: int,
        dx_pitch: int,
    ) -> None:  # fmt: skip
        """dx = dy f'(x)"""
        for c in range(x_planes):
            for i in range(x_rows):
                row(
                    m, dy + c * dy_plane + i * dy_pitch, x + c * x_plane + i * x_pitch, y + c * y_plane + i * y_pitch,
                    given, dx + c * dx_plane + i * dx_pitch, x_run,
                )  # fmt: skip

    return activate_dx
