"""A network's specification: its layers and their fields as JSON, from which the network is built again.

    {"format": "convlens network", "version": 1, "name": "lenet5", "input_shape": [28, 28, 1], "dtype": "float32",
     "layers": [{"layer": "Conv2D", "filters": 6, "kernel_size": [5, 5], …}, …]}

The specification holds no weights. A field that is left out has its default, so a specification may be written by hand.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import MISSING, Field, fields
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from convlens.nn.layer import Layer, Shape

__all__ = ["Network", "from_specification", "layer_words", "read_specification", "to_specification"]

FORMAT, VERSION = "convlens network", 1
_HEAD = ("format", "version", "name", "input_shape", "dtype", "layers")


class Network(NamedTuple):
    """A network without weights: what `convlens.nn.Sequential` takes."""

    layers: tuple[Layer, ...]
    input_shape: Shape
    name: str
    dtype: np.dtype[Any]


def to_specification(layers: Sequence[Layer], input_shape: Shape, name: str, dtype: Any) -> dict[str, Any]:
    """Return the specification of a network, as plain JSON data.

    Raises ValueError if a layer or a field could not be built again from it, for example a layer of the user's own.
    """
    return {
        "format": FORMAT,
        "version": VERSION,
        "name": str(name),
        "input_shape": [int(size) for size in input_shape],
        "dtype": np.dtype(dtype).name,
        "layers": [_layer_to(layer, f"layer {k}") for k, layer in enumerate(layers, 1)],
    }


def from_specification(found: object) -> Network:
    """Return the network of a specification. Raises ValueError that names the first part that is wrong."""
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        got = repr(found.get("format")) if isinstance(found, dict) else type(found).__name__
        raise ValueError(f'a specification must be JSON with "format": "{FORMAT}"; got {got}')
    version = found.get("version")
    if version != VERSION or isinstance(version, bool):
        later = isinstance(version, int) and version > VERSION
        why = ": a later version of convlens wrote it" if later else ""
        raise ValueError(f"a specification must be of version {VERSION}; got version {version!r}{why}")
    if unknown := sorted(found.keys() - set(_HEAD)):
        raise ValueError(f"a specification must have only {', '.join(_HEAD)}; got {unknown[0]!r} too")
    for key in ("input_shape", "layers"):
        if not isinstance(found.get(key), list) or not found[key]:
            raise ValueError(f"a specification's {key} must be a list that is not empty; got {found.get(key)!r}")
    shape, name, dtype = found["input_shape"], found.get("name", "sequential"), found.get("dtype", "float32")
    if not all(type(size) is int and size > 0 for size in shape):
        raise ValueError(f"a specification's input_shape must be integers of at least 1; got {shape}")
    if not isinstance(name, str) or not name:
        raise ValueError(f"a specification's name must be a text that is not empty; got {name!r}")
    if dtype not in ("float32", "float64"):
        raise ValueError(f"a specification's dtype must be float32 or float64; got {dtype!r}")
    layers = tuple(_layer_from(layer, f"layer {k}") for k, layer in enumerate(found["layers"], 1))
    return Network(layers, tuple(shape), name, np.dtype(dtype))


def read_specification(text: str | bytes, where: str) -> Network:
    """Return the network of a specification's text. Raises ValueError, with `where` in it."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} must be a specification in JSON; it is not: {error}") from None
    try:
        return from_specification(found)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: {error}") from None


def layer_words(layer: Layer) -> str:
    """Return a layer as it is written in Python, without the fields that have their default.

    >>> from convlens.nn import Conv2D
    >>> layer_words(Conv2D(6, (5, 5), padding="same"))
    "Conv2D(6, (5, 5), padding='same')"
    """
    words, by_name = [], False
    for field in _fields(type(layer)):
        value = getattr(layer, field.name)
        needed = field.default is MISSING and field.default_factory is MISSING
        if not needed and _same(value, _default(field)):
            by_name = True
            continue
        by_name = by_name or not needed or bool(field.kw_only)
        said = layer_words(value) if isinstance(value, Layer) else _values_words(value)
        words.append(f"{field.name}={said}" if by_name else said)
    return f"{type(layer).__name__}({', '.join(words)})"


def _values_words(value: Any) -> str:
    if isinstance(value, tuple) and any(isinstance(each, Layer) for each in value):
        return f"({', '.join(layer_words(each) for each in value)})"
    return repr(value)


# ---------------------------------------------------------------- layers


@cache
def _known() -> dict[str, type[Layer]]:
    from convlens import nn

    found = {name: getattr(nn, name) for name in nn.__all__}
    kinds = {name: kind for name, kind in found.items() if isinstance(kind, type) and issubclass(kind, Layer)}
    return {name: kind for name, kind in kinds.items() if kind is not Layer and kind.__name__ == name}


def _fields(kind: type[Layer]) -> list[Field[Any]]:
    """Return the fields of a layer that its constructor takes: `name`, which all layers share, is the last one."""
    found = [field for field in fields(kind) if field.init]
    return sorted(found, key=lambda field: bool(field.kw_only))


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _layer_to(layer: Layer, where: str) -> dict[str, Any]:
    kind = type(layer)
    if _known().get(kind.__name__) is not kind:
        raise ValueError(
            f"{where} must be one of convlens's own layers, so that it can be built again; got "
            f"{kind.__module__}.{kind.__qualname__}"
        )
    found: dict[str, Any] = {"layer": kind.__name__}
    for field in _fields(kind):
        value = getattr(layer, field.name)
        if field.name != "name" or value is not None:
            found[field.name] = _value_to(value, f"{where} ({kind.__name__}), {field.name}")
    if not _same(_layer_from(json.loads(json.dumps(found)), where), layer):
        raise ValueError(f"{where} ({kind.__name__}) cannot be written so that it is built again: {layer!r}")
    return found


def _layer_from(found: object, where: str) -> Layer:
    if not isinstance(found, dict) or not isinstance(found.get("layer"), str):
        raise ValueError(f'{where} must have the form {{"layer": "Conv2D", …}}; got {_short(found)}')
    kind = _known().get(found["layer"])
    if kind is None:
        raise ValueError(f"{where} must be one of {', '.join(sorted(_known()))}; got {found['layer']!r}")
    where = f"{where} ({kind.__name__})"
    known = {field.name: field for field in _fields(kind)}
    values = {}
    for name, value in found.items():
        if name == "layer":
            continue
        if name not in known:
            raise ValueError(f"{where} must have only the fields {', '.join(known)}; got {name!r}")
        values[name] = _value_from(value, f"{where}, {name}")
    for name, field in known.items():
        if name not in values and field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{where} must have the field {name}; it has none")
    if not isinstance(values.get("name"), str | None):
        raise ValueError(f"{where}, name must be a text; got {values['name']!r}")
    try:
        return kind(**values)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise ValueError(f"{where}: {error}") from None


# ---------------------------------------------------------------- the values of fields


def _value_to(value: Any, where: str) -> Any:
    """Return a field's value as JSON data: tuples and arrays become lists, layers become objects."""
    if isinstance(value, Layer):
        return _layer_to(value, where)
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, tuple | list):
        return [_value_to(each, f"{where} {k}") for k, each in enumerate(value, 1)]
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise ValueError(f"{where} must be a number, a text, a tuple or a layer, so that it can be stored; got {value!r}")


def _value_from(value: Any, where: str) -> Any:
    """Return the value of JSON data: lists become tuples, objects become layers."""
    if isinstance(value, dict):
        return _layer_from(value, where)
    if isinstance(value, list):
        return tuple(_value_from(each, f"{where} {k}") for k, each in enumerate(value, 1))
    return value


def _same(one: Any, other: Any) -> bool:
    """Return whether two values are equal. An array equals a tuple of the same numbers."""
    if isinstance(one, Layer):
        return type(one) is type(other) and all(
            _same(getattr(one, field.name), getattr(other, field.name)) for field in _fields(type(one))
        )
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return bool(np.array_equal(one, other))
    return bool(one == other)


def _short(found: object) -> str:
    text = repr(found)
    return text if len(text) < 80 else f"{text[:77]}…"
