"""Elementary functions on vectors, written as formulas: each operation on a `Numbers` builds one LLVM instruction.

The exponential follows Cody and Waite 1980, "Software Manual for the Elementary Functions": x = n log 2 + r, and a
polynomial for exp(r) - 1. All functions are within a few units in the last place, and NaN gives NaN.
"""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir

from convlens.engines.compiled.registers import Vectors

_LOG_2, _LOG_2_REST = math.log(2), 2.3190468138462996e-17  # log 2 is their sum


class Mask:
    """A vector of truths"""

    def __init__(self, v: Vectors, value: Any) -> None:
        self.v, self.value = v, value

    def __and__(self, other: Mask) -> Mask:
        return Mask(self.v, self.v.builder.and_(self.value, other.value))

    def where(self, yes: Any, no: Any) -> Numbers:
        """yes where the mask is true, else no"""
        one, two = (each if isinstance(each, Numbers) else constant(self.v, each) for each in (yes, no))
        return Numbers(self.v, self.v.builder.select(self.value, one.value, two.value))


class Numbers:
    """A vector of numbers of the memory's type"""

    def __init__(self, v: Vectors, value: Any) -> None:
        self.v, self.value = v, value

    def _with(self, other: Any, name: str, turned: bool = False) -> Numbers:
        second = other.value if isinstance(other, Numbers) else constant(self.v, other).value
        pair = (second, self.value) if turned else (self.value, second)
        return Numbers(self.v, getattr(self.v.builder, name)(*pair))

    def __add__(self, other: Any) -> Numbers:
        return self._with(other, "fadd")

    def __radd__(self, other: Any) -> Numbers:
        return self._with(other, "fadd", turned=True)

    def __sub__(self, other: Any) -> Numbers:
        return self._with(other, "fsub")

    def __rsub__(self, other: Any) -> Numbers:
        return self._with(other, "fsub", turned=True)

    def __mul__(self, other: Any) -> Numbers:
        return self._with(other, "fmul")

    def __rmul__(self, other: Any) -> Numbers:
        return self._with(other, "fmul", turned=True)

    def __truediv__(self, other: Any) -> Numbers:
        return self._with(other, "fdiv")

    def __rtruediv__(self, other: Any) -> Numbers:
        return self._with(other, "fdiv", turned=True)

    def __neg__(self) -> Numbers:
        return Numbers(self.v, self.v.builder.fneg(self.value))

    def _compared(self, other: Any, sign: str) -> Mask:
        second = other.value if isinstance(other, Numbers) else constant(self.v, other).value
        return Mask(self.v, self.v.builder.fcmp_ordered(sign, self.value, second))

    def __lt__(self, other: Any) -> Mask:
        return self._compared(other, "<")

    def __gt__(self, other: Any) -> Mask:
        return self._compared(other, ">")

    def __ge__(self, other: Any) -> Mask:
        return self._compared(other, ">=")

    def __abs__(self) -> Numbers:
        return (self < 0).where(-self, self)


def constant(v: Vectors, number: float) -> Numbers:
    """A vector whose lanes all hold `number`"""
    return Numbers(v, ir.Constant(v.vector, [float(number)] * v.size))


def at_least(x: Numbers, low: Any) -> Numbers:
    """max(x, low); NaN stays NaN"""
    return Mask.where(x < low, low, x)


def at_most(x: Numbers, high: Any) -> Numbers:
    """min(x, high); NaN stays NaN"""
    return Mask.where(x > high, high, x)


def _parts(x: Numbers, low: float, high: float) -> tuple[Numbers, Any]:
    """x = n log 2 + r -> exp(r) - 1, and n as integers, for x cut off at `low` and `high`"""
    v, double = x.v, x.v.is_double
    x = at_most(at_least(x, low), high)
    n = v.unary("llvm.rint", (x * (1 / _LOG_2)).value)
    # the first part of log 2 has few digits, so n times it is exact
    first = math.ldexp(round(math.ldexp(_LOG_2, 32 if double else 12)), -32 if double else -12)
    near = Numbers(v, v.fma(n, constant(v, -first).value, x.value))
    r = Numbers(v, v.fma(n, constant(v, first - _LOG_2 - _LOG_2_REST).value, near.value))
    terms = 13 if double else 7
    total = constant(v, 1 / math.factorial(terms))
    for k in range(terms - 1, 0, -1):
        total = Numbers(v, v.fma(total.value, r.value, constant(v, 1 / math.factorial(k)).value))
    return total * r, v.integers(n)


def _power(v: Vectors, n: Any) -> Numbers:
    """2^n for integers in the range of normal numbers"""
    double = v.is_double
    bias, digits = (1023, 52) if double else (127, 23)
    b = v.builder
    same = ir.Constant(n.type, [bias] * v.size)
    shift = ir.Constant(n.type, [digits] * v.size)
    return Numbers(v, b.bitcast(b.shl(b.add(n, same), shift), v.vector))


def exp(x: Numbers) -> Numbers:
    """The exponential, 0 and infinity where it is too small and too large"""
    v, double = x.v, x.v.is_double
    rest, n = _parts(x, *((-750.0, 710.0) if double else (-105.0, 89.0)))
    half = v.builder.ashr(n, ir.Constant(n.type, [1] * v.size))  # two factors, so that each is a normal number
    return (rest + 1) * _power(v, half) * _power(v, v.builder.sub(n, half))


def expm1(x: Numbers) -> Numbers:
    """exp(x) - 1, exact in relative terms near 0; for x up to 80"""
    rest, n = _parts(x, -50.0, 80.0)
    scale = _power(x.v, n)
    return scale * rest + (scale - 1)


def log1p(x: Numbers) -> Numbers:
    """log(1 + x) = 2 artanh(x / (2 + x)), for x from 0 to 1"""
    terms = 17 if x.v.is_double else 8
    s = x / (x + 2)
    square = s * s
    total = constant(x.v, 1 / (2 * terms + 1))
    for k in range(terms - 1, -1, -1):
        total = total * square + 1 / (2 * k + 1)
    return s * total * 2


def tanh(x: Numbers) -> Numbers:
    """The hyperbolic tangent, from expm1(-2 |x|)"""
    t = expm1(abs(x) * -2)
    y = -t / (t + 2)
    return (x < 0).where(-y, y)


def sigmoid(x: Numbers) -> Numbers:
    """1 / (1 + exp(-x))"""
    e = exp(-abs(x))
    return (x < 0).where(e, 1) / (e + 1)
