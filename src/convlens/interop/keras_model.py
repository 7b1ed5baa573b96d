"""A network as a Keras model, and a Keras model as a network: the same layers, the same weights, nothing lost."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from convlens.atomic import atomic_write
from convlens.geometry import Pair, pair, plan
from convlens.interop.frameworks import load_keras
from convlens.models import MODELS
from convlens.nn import AveragePooling2D, Conv2D, Dense, Flatten, MaxPooling2D, Sequential
from convlens.nn.sequential import Row

_KINDS = "Conv2D, MaxPooling2D, AveragePooling2D, Flatten and Dense"


# ---------------------------------------------------------------- to Keras


def to_keras(model: Sequential, backend: str = "tensorflow", *, softmax: bool = True) -> Any:
    """The same network with the same weights as a `keras.Sequential`; its outputs are probabilities, or logits

    ValueError for a layer that Keras does not have: pooling in a frame of its own.
    """
    keras = load_keras(backend, "a Keras model")
    layers = [made for row in model.table for made in _keras_layers(keras.layers, row, model.dtype.name)]
    if softmax:
        layers.append(keras.layers.Softmax(name="softmax", dtype=model.dtype.name))
    found = keras.Sequential([keras.Input(model.input_shape, dtype=model.dtype.name), *layers], name=model.name)
    found.set_weights(model.get_weights())
    return found


def _keras_layers(kinds: Any, row: Row, dtype: str) -> Iterator[Any]:
    layer, settings = row.layer, {"name": row.name, "dtype": dtype}
    if isinstance(layer, Conv2D):
        padding: Any = layer.padding
        if padding not in ("same", "valid"):
            kernel, strides = pair("kernel_size", layer.kernel_size, 1), pair("strides", layer.strides, 1)
            pads = plan((row.input_shape[0], row.input_shape[1]), kernel, strides, padding).pads
            padding = "valid"
            yield kinds.ZeroPadding2D(pads, name=f"{row.name}_frame")
        yield kinds.Conv2D(
            layer.filters, layer.kernel_size, layer.strides, padding, activation=layer.activation, **settings
        )
    elif isinstance(layer, MaxPooling2D | AveragePooling2D):
        if layer.padding not in ("same", "valid"):
            raise ValueError(f"layer {row.name}: Keras pools with padding same or valid; got {layer.padding!r}")
        kind = kinds.MaxPooling2D if isinstance(layer, MaxPooling2D) else kinds.AveragePooling2D
        yield kind(layer.pool_size, layer.strides, layer.padding, **settings)
    elif isinstance(layer, Flatten):
        yield kinds.Flatten(**settings)
    elif isinstance(layer, Dense):
        yield kinds.Dense(layer.units, activation=layer.activation, **settings)
    else:
        raise ValueError(f"layer {row.name}: only {_KINDS} can go to Keras; got {type(layer).__name__}")


def save_keras(path: str | os.PathLike[str], model: Sequential) -> None:
    """Write the network as a .keras file, whole or not at all. Its outputs are probabilities."""
    found = to_keras(model)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "model.keras"
        found.save(whole)
        with atomic_write(path) as file:
            file.write(whole.read_bytes())


# ---------------------------------------------------------------- from Keras


def read_keras(path: str | os.PathLike[str], *, engine: str = "auto") -> Sequential:
    """The network in a .keras file; ValueError, naming the layer and what differs, for what convlens does not have"""
    keras = load_keras("tensorflow", "a .keras file")
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there must be a .keras file to read; {path} is none")
    try:
        found = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # whatever a damaged file makes of Keras
        raise ValueError(f"{path} must be a model as Keras 3 saves it; it cannot be read: {_line(error)}") from None
    try:
        return from_keras(found, engine=engine)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def from_keras(found: Any, *, engine: str = "auto") -> Sequential:
    """The same network with the same weights; the softmax at its end is left out, since logits come before it

    ValueError for what convlens does not have: another layer, activation, dtype, a layer without bias, a branch.
    """
    chain = [layer for layer in found.layers if type(layer).__name__ != "InputLayer"]
    _check_chain(found, chain)
    layers: list[Any] = []
    for k, layer in enumerate(chain):
        last = k == len(chain) - 1
        read = _READERS.get(type(layer).__name__)
        if read is None:
            raise ValueError(f"layer {layer.name}: convlens has {_KINDS}; got {type(layer).__name__}")
        made = read(layer, last)
        layers += [] if made is None else [made]
    shape = found.input_shape[1:]
    model = Sequential(layers, shape, name=_model_name(layers, shape), engine=engine)
    model.set_weights([np.asarray(w, np.float32) for w in found.get_weights()])
    return model


def _model_name(layers: list[Any], shape: tuple[int, ...]) -> str:
    """The name of our own model of these layers, if there is one"""
    for name, build in MODELS.items():
        own = build(engine="numpy")
        if [_plain(layer) for layer in own.layers] == [_plain(layer) for layer in layers] and own.input_shape == shape:
            return name
    return "sequential"


def _plain(layer: Any) -> Any:
    """A layer's settings, written out, whichever way they were given"""
    settings = {name: getattr(layer, name) for name in layer.__dataclass_fields__}
    for name in ("kernel_size", "strides", "pool_size"):
        if name in settings:
            settings[name] = pair(name, settings[name] or settings["pool_size"], 1)
    return type(layer).__name__, settings


def _check_chain(found: Any, chain: list[Any]) -> None:
    if not chain or len(found.inputs) != 1 or len(found.outputs) != 1:
        raise ValueError("a network needs layers, one input and one output")
    before = found.inputs[0]
    for layer in chain:
        if not _single(layer) or layer.input is not before:
            raise ValueError(f"layer {layer.name}: layers must come one after the other, each used once")
        before = layer.output
    if before is not found.outputs[0]:
        raise ValueError(f"layer {chain[-1].name}: the last layer's output must be the network's")


def _single(layer: Any) -> bool:
    try:
        return layer.input is not None and layer.output is not None
    except (AttributeError, ValueError):
        return False


def _expect(layer: Any, **wanted: Any) -> None:
    for name, value in wanted.items():
        if getattr(layer, name) != value:
            raise ValueError(f"layer {layer.name}: {name} must be {value}; got {getattr(layer, name)!r}")


def _activation(layer: Any, last: bool) -> str | None:
    name = layer.activation.__name__
    allowed = {"linear": None, "relu": "relu", **({"softmax": None} if last else {})}
    if name not in allowed:
        raise ValueError(f"layer {layer.name}: activation must be {' or '.join(allowed)}; got {name}")
    return allowed[name]


def _numbers(layer: Any) -> None:
    _expect(layer, compute_dtype="float32")


def _conv(layer: Any, last: bool) -> Conv2D:
    _numbers(layer)
    _expect(layer, data_format="channels_last", use_bias=True, groups=1, dilation_rate=(1, 1))
    strides: Pair = tuple(layer.strides)
    return Conv2D(layer.filters, tuple(layer.kernel_size), strides, layer.padding, _activation(layer, last=False))


def _pool(kind: Callable[..., Any]) -> Callable[[Any, bool], Any]:
    def read(layer: Any, last: bool) -> Any:
        _expect(layer, data_format="channels_last")
        return kind(tuple(layer.pool_size), tuple(layer.strides), layer.padding)

    return read


def _flatten(layer: Any, last: bool) -> Flatten:
    _expect(layer, data_format="channels_last")
    return Flatten()


def _dense(layer: Any, last: bool) -> Dense:
    _numbers(layer)
    _expect(layer, use_bias=True)
    return Dense(layer.units, _activation(layer, last))


def _end(layer: Any, last: bool) -> None:
    if not last or getattr(layer, "axis", -1) != -1:
        raise ValueError(f"layer {layer.name}: a softmax must be the last layer, over the last axis")
    if type(layer).__name__ == "Activation":
        _activation(layer, last)


_READERS: dict[str, Callable[[Any, bool], Any]] = {
    "Conv2D": _conv,
    "MaxPooling2D": _pool(MaxPooling2D),
    "AveragePooling2D": _pool(AveragePooling2D),
    "Flatten": _flatten,
    "Dense": _dense,
    "Softmax": _end,
    "Activation": _end,
}
