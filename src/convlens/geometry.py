"""The geometry of windows: output sizes and padding. Everything here is an integer.

Each letter has one meaning. h, w: rows and columns of the input. kh, kw: of the kernel. oh, ow: of the output.
sh, sw: the strides along rows and columns.
Along one axis, an input of `size` with `before` and `after` rows of padding holds
(before + size + after - kernel) // stride + 1 windows. Rows left over at the end are dropped.
"""

from __future__ import annotations

import operator
from functools import lru_cache
from typing import NamedTuple

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]
Padding = str | Pads

RULES = ("valid", "same", "course")
# The largest stride, kernel side and side of a padded image. The product of two such numbers fits into 64 bits.
LARGEST = 2**31 - 1


class Plan(NamedTuple):
    """The plan of a window operation: the padding of each side, and how many windows fit along each axis."""

    pads: Pads
    out: Pair


def out_size(size: int, kernel: int, stride: int, before: int = 0, after: int = 0) -> int:
    """Return the number of windows along one axis.

    >>> out_size(28, 5, 1), out_size(28, 5, 1, before=2, after=2), out_size(7, 2, 2)
    (24, 28, 3)
    """
    return (before + size + after - kernel) // stride + 1


def same_pads(size: int, kernel: int, stride: int) -> Pair:
    """Return the padding (before, after) for ceil(size / stride) windows, as in TensorFlow and Keras.

    If the total is odd, the extra row goes to the end.

    >>> same_pads(28, 5, 1), same_pads(7, 3, 2), same_pads(6, 3, 2), same_pads(5, 1, 2)
    ((2, 2), (1, 1), (0, 1), (0, 0))
    """
    windows = -(-size // stride)
    total = max((windows - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def course_pads(size: int, kernel: int, stride: int) -> Pair:
    """Return the padding (before, after) for `size` windows at any stride, as in the course.

    If the total is odd, the extra row goes to the start.

    >>> course_pads(28, 5, 1), course_pads(7, 3, 2), course_pads(4, 2, 1)
    ((2, 2), (4, 4), (1, 0))
    """
    total = (size - 1) * stride + kernel - size
    return total - total // 2, total // 2


def pair(name: str, value: object, least: int) -> Pair:
    """Return two integers from `least` to LARGEST. `value` is a pair, or one integer that stands for both.

    Raises ValueError, which calls the argument `name`, for anything else.

    >>> pair("stride", 2, 1), pair("stride", (1, 3), 1)
    ((2, 2), (1, 3))
    """
    if type(value) is tuple and len(value) == 2:  # the usual case, kept fast: a training step calls `pair` 100 times
        a, b = value
        if type(a) is int and type(b) is int and least <= a <= LARGEST and least <= b <= LARGEST:
            return a, b
    both = _two(value, least)
    if both is None:
        raise ValueError(f"{name} must be an integer of at least {least}, or two of them; got {value!r}")
    if max(both) > LARGEST:
        raise ValueError(f"{name} must be at most {LARGEST}; got {value!r}")
    return both


def _two(value: object, least: int) -> Pair | None:
    """Return the two integers, or None if they are not integers or below `least`."""
    both = value if isinstance(value, tuple | list) else (value, value)
    try:
        first, second = (operator.index(v) for v in both)
    except (TypeError, ValueError):
        return None
    if any(isinstance(v, bool) for v in both) or min(first, second) < least:
        return None
    return first, second


def check_count(name: str, value: object, least: int) -> None:
    """Raise ValueError unless value is an integer of at least `least`. NumPy's integers are accepted, True is not."""
    try:
        if isinstance(value, bool) or operator.index(value) < least:  # type: ignore[arg-type]
            raise ValueError
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be an integer of at least {least}; got {value!r}") from None


def plan(size: Pair, kernel: int | Pair, stride: int | Pair, padding: Padding) -> Plan:
    """Return the padding and the number of windows for an input of `size` (h, w).

    `padding` is the name of a rule, or explicit numbers. The rules are "valid" (none), "same" (Keras: ceil(h / sh)
    windows) and "course" (h windows at any stride). Explicit padding is ((top, bottom), (left, right)), in rows and
    columns.

    Raises ValueError for bad arguments, and if the kernel does not fit into the padded input.

    >>> plan((28, 20), (5, 3), (1, 2), "same")
    Plan(pads=((2, 2), (0, 1)), out=(28, 10))
    >>> plan((5, 4), (2, 2), (2, 2), ((0, 1), (0, 0)))
    Plan(pads=((0, 1), (0, 0)), out=(3, 2))
    """
    return _plan(size, pair("kernel", kernel, 1), pair("stride", stride, 1), as_padding(padding))


@lru_cache(maxsize=1024)
def _plan(size: Pair, kernel: Pair, stride: Pair, padding: Padding) -> Plan:
    pads = _pads(size, kernel, stride, padding)
    padded = (sum(pads[0]) + size[0], sum(pads[1]) + size[1])
    if max(padded) > LARGEST:
        raise ValueError(f"the padded input must have at most {LARGEST} rows and columns; got {padded}")
    if kernel[0] > padded[0] or kernel[1] > padded[1]:
        raise ValueError(f"the kernel must fit into the padded input; got kernel {kernel}, padded input {padded}")
    oh, ow = (out_size(size[a], kernel[a], stride[a], *pads[a]) for a in (0, 1))
    return Plan(pads, (oh, ow))


def _pads(size: Pair, kernel: Pair, stride: Pair, padding: Padding) -> Pads:
    if not isinstance(padding, str):
        return padding
    if padding == "valid":
        return (0, 0), (0, 0)
    rule = same_pads if padding == "same" else course_pads
    return rule(size[0], kernel[0], stride[0]), rule(size[1], kernel[1], stride[1])


def as_padding(padding: object) -> Padding:
    """Return padding in its normal form: the name of a rule, or ((top, bottom), (left, right)).

    Raises ValueError for anything else.

    >>> as_padding("same"), as_padding([[1, 0], (2, 3)])
    ('same', ((1, 0), (2, 3)))
    """
    if isinstance(padding, str) and padding in RULES:
        return padding
    sides = padding if isinstance(padding, tuple | list) else ()
    if len(sides) == 2 and all(isinstance(side, tuple | list) for side in sides):
        rows, columns = (_two(side, 0) for side in sides)
        if rows is not None and columns is not None:
            return rows, columns
    raise ValueError(
        "padding must be 'valid', 'same', 'course' or ((top, bottom), (left, right)) of integers of at least 0; "
        f"got {padding!r}"
    )
