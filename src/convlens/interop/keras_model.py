"""Conversion of a network to a Keras model with the same layers and weights. Nothing is lost silently."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from convlens.geometry import Padding, Pair, pair, plan
from convlens.interop.frameworks import load_keras
from convlens.interop.layers import ACTIVATIONS, in_keras, in_words, keras_words
from convlens.nn import Conv2D, Sequential
from convlens.nn.pooling2d import Pooling2D
from convlens.nn.table import LayerRow, table
from convlens.storage.atomic import atomic_write

SUFFIXES = (".keras", ".h5")
_LAST = "channels_last"


def to_keras(
    model: Sequential, backend: str = "tensorflow", *, softmax: bool | None = None, initializer: str = "he_normal"
) -> Any:
    """Return the same network with the same weights as a `keras.Sequential`.

    softmax: whether the outputs are probabilities (True) or logits (False); by default they are what `model.predict`
    gives. initializer: the initializer in the configuration of the Keras layers; the kernels have the weights of
    `model`.
    A convolution whose padding is neither "same" nor "valid" gets a ZeroPadding2D before it.
    Raises ValueError for a pooling layer with such a padding, which Keras does not have.
    """
    keras = load_keras(backend, "a Keras model")
    check_end(model)
    rows = model.table if softmax is False else table(model.layers, model.input_shape)
    layers = [made for row in rows for made in _keras_layers(keras.layers, row, model.dtype.name, initializer)]
    if softmax and model.end is None:
        layers.append(keras.layers.Softmax(name="softmax", dtype=model.dtype.name))
    found = keras.Sequential([keras.Input(model.input_shape, dtype=model.dtype.name), *layers], name=model.name)
    found.set_weights(model.get_weights())
    return found


def check_end(model: Sequential) -> None:
    """Raise ValueError unless the network's output is one number for each class."""
    if len(model.output_shape) != 1:
        name, shape = model.table[-1].name, model.output_shape
        raise ValueError(f"layer {name}: the last layer's output must be of shape (classes,); got {shape}")


def _keras_layers(module: Any, row: LayerRow, dtype: str, initializer: str) -> Iterator[Any]:
    """Yield the Keras layers of one row, by the rule in `convlens.interop.layers`."""
    layer, settings, kinds = row.layer, {"name": row.name, "dtype": dtype}, in_keras(module)
    if type(layer) not in kinds.values():
        raise ValueError(
            f"layer {row.name}: only {in_words(kinds)} can be exported to Keras; got {type(layer).__name__}"
        )
    try:
        words = keras_words(module, type(layer))
    except ValueError as error:
        raise ValueError(f"layer {row.name}: {error}") from None
    fields = {name: getattr(layer, name) for name in words.fields}
    if row.layer.weight_shapes(row.input_shape):
        settings["kernel_initializer"] = initializer
    if "activation" in fields and fields["activation"] is not None:
        fields["activation"] = ACTIVATIONS[fields["activation"]].keras
    if isinstance(layer, Conv2D | Pooling2D):
        kernel = layer.kernel_size if isinstance(layer, Conv2D) else layer.pool_size
        kernel, strides, size = pair("kernel", kernel, 1), pair("strides", layer.strides, 1), row.input_shape[:2]
        rule = _rule(row, kernel, strides, layer.padding)
        if rule is None and isinstance(layer, Pooling2D):
            raise ValueError(f"layer {row.name}: Keras pools with padding same or valid; got {layer.padding!r}")
        if rule is None:
            pads = plan((size[0], size[1]), kernel, strides, layer.padding).pads
            zeros = {"name": f"{row.name}_zeros", "dtype": dtype, "data_format": _LAST}
            yield module.ZeroPadding2D(pads, **zeros)
        fields["padding"] = rule or "valid"
    yield getattr(module, type(layer).__name__)(**fields, **words.fixed, **settings)


def _rule(row: LayerRow, kernel: Pair, strides: Pair, padding: Padding) -> str | None:
    """Return the Keras rule that gives the same padding, or None if there is none. The rule `padding` itself is
    preferred."""
    size = row.input_shape[0], row.input_shape[1]
    wanted = plan(size, kernel, strides, padding)
    rules = sorted(("valid", "same"), key=lambda rule: rule != padding)
    return next((rule for rule in rules if plan(size, kernel, strides, rule) == wanted), None)


def save_keras(path: str | os.PathLike[str], model: Sequential) -> None:
    """Write the network as a .keras or .h5 file, whole or not at all. The model gives what `model.predict` gives."""
    suffix = Path(path).suffix
    if suffix not in SUFFIXES:
        raise ValueError(f"a Keras model must be a .keras or .h5 file; got {path}")
    found = to_keras(model)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / f"model{suffix}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras advises against .h5
            found.save(whole)
        with atomic_write(path) as file:
            file.write(whole.read_bytes())
