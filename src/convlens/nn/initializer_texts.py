"""Initializers as texts: "he_normal", or with numbers "random_normal(stddev=0.01)". A layer's field holds such a text.

A text can be compared, printed and stored in a specification. `InitializerText` can also be called, as Keras's
initializers can: `RandomNormal(stddev=0.01)((3, 4))` is an array.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from convlens.arrays import FLOATS, Array
from convlens.geometry import check_count
from convlens.nn import initializers as plain
from convlens.nn.initializers import INITIALIZERS, Initializer

__all__ = ["NUMBERS", "InitializerText", "class_and_config", "initializer", "known_initializer", "text_of"]

_MODES = ("fan_in", "fan_out", "fan_avg")
_DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")

# The numbers of each initializer and Keras's defaults; each takes a seed, too
NUMBERS: dict[str, dict[str, Any]] = {
    **{name: {} for name in INITIALIZERS},
    "random_normal": {"mean": 0.0, "stddev": 0.05},
    "random_uniform": {"minval": -0.05, "maxval": 0.05},
    "truncated_normal": {"mean": 0.0, "stddev": 0.05},
    "constant": {"value": 0.0},
    "variance_scaling": {"scale": 1.0, "mode": "fan_in", "distribution": "truncated_normal"},
    "orthogonal": {"gain": 1.0},
    "identity": {"gain": 1.0},
}
_SEEDLESS = ("zeros", "ones", "constant", "identity")


class InitializerText(str):
    """The text of an initializer, which draws an array when it is called"""

    __slots__ = ()

    def __call__(self, shape: Any, dtype: Any = None) -> Array:
        """Return an array of a shape, by default float32, drawn with the seed of the initializer, or 0."""
        found = np.dtype(np.float32 if dtype is None else dtype)
        sizes = (shape,) if isinstance(shape, int) else tuple(int(size) for size in shape)
        if found not in FLOATS:
            raise ValueError(f"dtype must be float32 or float64; got {dtype!r}")
        return initializer(self)(sizes, np.random.default_rng(0), found)

    def get_config(self) -> dict[str, Any]:
        """Return the numbers by name, as Keras's `get_config` does."""
        return class_and_config(self)[1]


def text_of(name: str, numbers: Mapping[str, Any]) -> InitializerText:
    """Return the text of an initializer; numbers that have Keras's default are left out. ValueError for bad ones."""
    known = NUMBERS[name] | ({} if name in _SEEDLESS else {"seed": None})
    for key, value in numbers.items():
        if key not in known:
            raise ValueError(f"{name} has no {key}; it has {', '.join(known) or 'no numbers'}")
        _check(name, key, value)
    if numbers.get("maxval", math.inf) < numbers.get("minval", -math.inf):
        raise ValueError(f"maxval must be at least minval; got {numbers['maxval']} and {numbers['minval']}")
    words = [
        f"{key}={_plain(numbers[key])!r}" for key in known if key in numbers and _plain(numbers[key]) != known[key]
    ]
    return InitializerText(f"{name}({', '.join(words)})" if words else name)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _check(name: str, key: str, value: Any) -> None:
    value = _plain(value)
    if key == "seed":
        if value is not None:
            check_count("seed", value, 0)
    elif key in ("mode", "distribution"):
        wanted = _MODES if key == "mode" else (*_DISTRIBUTIONS, "normal")
        if value not in wanted:
            raise ValueError(f"{key} must be one of {', '.join(wanted)}; got {value!r}")
    elif isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{key} of {name} must be a finite number; got {value!r}")
    elif key in ("stddev", "scale") and value < 0:
        raise ValueError(f"{key} of {name} must be at least 0; got {value!r}")


def known_initializer(field: str, value: Any) -> InitializerText | None:
    """Return the text of an initializer, or None for the model's own.

    Keras's two spellings are known, "he_normal" and "HeNormal", texts with numbers, and Keras's own serialized form, a
    dictionary with class_name and config. Raises ValueError, which calls the field by its name, for anything else.

    >>> known_initializer("kernel_initializer", "GlorotUniform")
    'glorot_uniform'
    >>> known_initializer("kernel_initializer", "TruncatedNormal(stddev=0.02)")
    'truncated_normal(stddev=0.02)'
    """
    if value is None:
        return None
    if isinstance(value, Mapping) and isinstance(value.get("class_name"), str):
        numbers = value.get("config") or {}
        value = f"{value['class_name']}({', '.join(f'{key}={each!r}' for key, each in numbers.items())})"
    if isinstance(value, type) and isinstance(made := _called(value), str):
        value = made
    if isinstance(value, str):
        name, numbers = _parse(value)
        if name in NUMBERS and numbers is not None:
            try:
                return text_of(name, numbers)
            except (ValueError, TypeError) as error:
                raise ValueError(f"{field}: {error}") from None
    more = ""
    if callable(value) and not isinstance(value, str):
        more = ": a function of one's own is the argument initial= of Sequential, (shape, rng, dtype) -> array"
    raise ValueError(f"{field} must be one of None, {', '.join(NUMBERS)}; got {value!r}{more}")


def _called(kind: type) -> Any:
    return kind() if kind.__module__.startswith("convlens") else None


def _parse(text: str) -> tuple[str, dict[str, Any] | None]:
    """ "HeNormal(seed=3)" -> ("he_normal", {"seed": 3}); None for a text that is not written so"""
    head, _, _ = text.partition("(")
    name = "".join(f"_{c.lower()}" if c.isupper() else c for c in head).removeprefix("_")
    if head == text:
        return name, {}
    try:
        call = ast.parse(text, mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            return name, None
        return name, {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    except (SyntaxError, ValueError):
        return name, None


def initializer(text: str) -> Initializer:
    """Return the function (shape, rng, dtype) -> array of a text that `known_initializer` gave."""
    name, given = _parse(text)
    numbers = {**NUMBERS[name], **(given or {})}
    seed = numbers.pop("seed", None)
    draw = INITIALIZERS.get(name) if not given or not given.keys() - {"seed"} else None
    if draw is None:
        draw = _MAKERS[name](**numbers)
    assert draw is not None
    if seed is None:
        return draw
    return lambda shape, rng, dtype: draw(shape, np.random.default_rng(seed), dtype)


def class_and_config(text: str) -> tuple[str, dict[str, Any]]:
    """Return Keras's class and its arguments: "random_normal(stddev=0.01)" -> ("RandomNormal", {"mean": 0.0, …})"""
    name, given = _parse(text)
    config = {**NUMBERS[name], **({} if name in _SEEDLESS else {"seed": None}), **(given or {})}
    return "".join(part.capitalize() for part in name.split("_")), config


# ---------------------------------------------------------------- initializers with numbers


def _random_normal(mean: float, stddev: float) -> Initializer:
    return lambda shape, rng, dtype: (mean + stddev * rng.standard_normal(shape)).astype(dtype)


def _random_uniform(minval: float, maxval: float) -> Initializer:
    return lambda shape, rng, dtype: rng.uniform(minval, maxval, shape).astype(dtype)


def _truncated_normal(mean: float, stddev: float) -> Initializer:
    def draw(shape: tuple[int, ...], rng: np.random.Generator, dtype: Any) -> Array:
        values = plain._truncated(shape, rng, np.float64, stddev * plain._TRUNCATED_STD)
        return np.asarray(mean + values, dtype)

    return draw


def _constant(value: float) -> Initializer:
    return lambda shape, rng, dtype: np.full(shape, value, dtype)


def _variance_scaling(scale: float, mode: str, distribution: str) -> Initializer:
    """Variance scale / fan, with fan_in, fan_out or their mean; He et al. 2015 is scale 2 and "fan_in"."""

    def draw(shape: tuple[int, ...], rng: np.random.Generator, dtype: Any) -> Array:
        fan_in, fan_out = plain._fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]
        variance = scale / max(1.0, fan)
        if distribution == "uniform":
            return plain._uniform(shape, rng, dtype, math.sqrt(3 * variance))
        if distribution == "untruncated_normal":
            return np.asarray(math.sqrt(variance) * rng.standard_normal(shape), dtype)
        return plain._truncated(shape, rng, dtype, math.sqrt(variance))

    return draw


def _orthogonal(gain: float) -> Initializer:
    """Rows or columns of length `gain` at right angles; Saxe et al. 2014, "Exact solutions to the nonlinear …" """

    def draw(shape: tuple[int, ...], rng: np.random.Generator, dtype: Any) -> Array:
        if len(shape) < 2:
            raise ValueError(f"orthogonal needs a kernel of at least 2 axes; got {shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
        q *= np.sign(np.diag(r))
        return np.asarray(gain * (q if rows >= columns else q.T).reshape(shape), dtype)

    return draw


def _identity(gain: float) -> Initializer:
    def draw(shape: tuple[int, ...], rng: np.random.Generator, dtype: Any) -> Array:
        if len(shape) != 2:
            raise ValueError(f"identity needs a kernel of 2 axes; got {shape}")
        return np.asarray(gain * np.eye(*shape), dtype)

    return draw


_MAKERS: dict[str, Callable[..., Initializer]] = {
    "random_normal": _random_normal,
    "random_uniform": _random_uniform,
    "truncated_normal": _truncated_normal,
    "constant": _constant,
    "variance_scaling": _variance_scaling,
    "orthogonal": _orthogonal,
    "identity": _identity,
}
