"""Checks of the numbers in a layer's fields."""

from __future__ import annotations

import math


def check_number(name: str, value: object, least: float, below: float = math.inf) -> None:
    """Raise ValueError, which calls the field `name`, unless value is a finite number from `least` to below `below`.

    >>> check_number("rate", 0.5, 0, below=1)
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and math.isfinite(value) and least <= value < below:  # type: ignore[operator,arg-type]
        return
    if least == -math.inf:
        rule = "a finite number"
    elif below == math.inf:
        rule = f"a number of at least {least:g}"
    else:
        rule = f"from {least:g} to below {below:g}"
    raise ValueError(f"{name} must be {rule}; got {value!r}")


def check_flag(name: str, value: object) -> None:
    """Raise ValueError unless value is True or False."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False; got {value!r}")


def check_axis(name: str, axis: object, shape: tuple[int, ...] = ()) -> None:
    """Raise ValueError unless axis means the last axis: -1, or for an input of `shape` its number in (n, *shape).

    >>> check_axis("Softmax", 1, (10,))
    """
    if isinstance(axis, bool) or axis not in (-1, *([len(shape)] if shape else range(1, 5))):
        raise ValueError(f"axis of {name} must be the last one, -1; got {axis!r}")
