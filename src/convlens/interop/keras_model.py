"""Conversion of a network to a Keras model with the same layers and weights. Nothing is lost silently."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from convlens.arrays import Array
from convlens.geometry import Padding, Pair, pair, plan
from convlens.interop.frameworks import load_keras
from convlens.interop.layers import ACTIVATIONS, in_keras, in_words, keras_words
from convlens.nn import Add, Conv2D, DepthwiseConv2D, SeparableConv2D, Sequential
from convlens.nn.add import Part, own_weights
from convlens.nn.initializer_texts import class_and_config
from convlens.nn.layer import Weights
from convlens.nn.pooling2d import Pooling2D
from convlens.nn.regularizer_texts import regularizer_config
from convlens.nn.table import LayerRow, table

SUFFIXES = (".keras", ".h5")
_LAST = "channels_last"


def to_keras(
    model: Sequential,
    backend: str = "tensorflow",
    *,
    softmax: bool | None = None,
    initializer: str = "he_normal",
    module: Any = None,
) -> Any:
    """Return the same network with the same weights as a `keras.Sequential`.

    A network with an Add becomes a functional `keras.Model`, since Keras's Add adds two tensors.

    softmax: whether the outputs are probabilities (True) or logits (False); by default they are what `model.predict`
    gives. initializer: the initializer in the configuration of the Keras layers; the kernels have the weights of
    `model`. module: the layers to use in place of `keras.layers`.
    A convolution whose padding is neither "same" nor "valid" gets a ZeroPadding2D before it.
    Raises ValueError for a pooling layer with such a padding, which Keras does not have.
    """
    keras = load_keras(backend, "a Keras model")
    check_end(model)
    rows = model.table if softmax is False else table(model.layers, model.input_shape)
    weights = dict(zip((row.name for row in model.table), model.layer_weights, strict=True))
    writer = _Writer(module or keras.layers, model.dtype.name, initializer)
    first = tensor = keras.Input(model.input_shape, dtype=model.dtype.name)
    for row in rows:
        tensor = writer.add(row, weights.get(row.name, {}), tensor)
    if softmax and model.end is None:
        writer.layers.append(keras.layers.Softmax(name="softmax", dtype=model.dtype.name))
        tensor = writer.layers[-1](tensor)
    if any(isinstance(row.layer, Add) for row in model.table):
        found = keras.Model(first, tensor, name=model.name)
    else:
        found = keras.Sequential([first, *writer.layers], name=model.name)
    for made, own in writer.weights:
        made.set_weights(own)
    return found


@dataclass
class _Writer:
    """Keras layers under construction

    layers: in order, without those inside a residual block. weights: pairs of a Keras layer and the arrays that it gets
    """

    module: Any
    dtype: str
    initializer: str
    layers: list[Any] = field(default_factory=list)
    weights: list[tuple[Any, list[Array]]] = field(default_factory=list)

    def add(self, row: LayerRow, weights: Weights, tensor: Any) -> Any:
        """Append the Keras layers of a row, and return the output that they have for the input `tensor`."""
        if type(row.layer) is Add:
            return self._block(row, row.layer, weights, tensor)
        for made in _keras_layers(self.module, row, self.dtype, self.initializer):
            self.layers.append(made)
            tensor = made(tensor)
            if made.weights:
                self.weights.append((made, list(weights.values())))
        return tensor

    def _block(self, row: LayerRow, block: Add, weights: Weights, tensor: Any) -> Any:
        ends = {"branch": tensor, "shortcut": tensor}
        for part, inner in _inner(row, block):
            chain = part.prefix.rpartition("_")[0]
            ends[chain] = self.add(inner, own_weights(weights, part.prefix), ends[chain])
        tensor = self.module.Add(name=row.name, dtype=self.dtype)(list(ends.values()))
        if block.activation is None:
            return tensor
        words = ACTIVATIONS[block.activation]
        return self.module.Activation(words, name=f"{row.name}_activation", dtype=self.dtype)(tensor)


def _inner(row: LayerRow, block: Add) -> Iterator[tuple[Part, LayerRow]]:
    """Yield the layers inside a residual block as rows of their own."""
    for part in block.parts(row.input_shape):
        name, out = f"{row.name}_{part.prefix[:-1]}", part.layer.output_shape(part.shape)
        yield part, LayerRow(name, part.layer, part.shape, out, 0)


def check_layers(model: Sequential, module: Any) -> None:
    """Raise ValueError unless `module` (`keras.layers`) has all layers of the network. No backend starts."""
    check_end(model)
    rows = list(reversed(model.table))
    while rows:
        row = rows.pop()
        if type(row.layer) is Add:
            rows += reversed([inner for _, inner in _inner(row, row.layer)])
        elif not row.layer.draws:  # Keras has all of these; making one would start the backend, for its seed
            list(_keras_layers(module, row, model.dtype.name, "zeros"))


def keras_weights(model: Sequential, found: Any) -> dict[str, Any]:
    """Return the variables of `found = to_keras(model)` by the names of `model.named_weights()`, in the same order.

    Keras orders the layers of a functional model by their depth, so its own order differs where there is an Add.
    """
    layers = {layer.name: layer for layer in found.layers}
    variables = {}
    for name in model.named_weights():
        *path, own = name.split("/")
        variables[name] = next(variable for variable in layers["_".join(path)].weights if variable.name == own)
    return variables


def check_end(model: Sequential) -> None:
    """Raise ValueError unless the network's output is one number for each class."""
    if len(model.output_shape) != 1:
        name, shape = model.table[-1].name, model.output_shape
        raise ValueError(f"layer {name}: the last layer's output must be of shape (classes,); got {shape}")


def _keras_layers(module: Any, row: LayerRow, dtype: str, initializer: str) -> Iterator[Any]:
    """Yield the Keras layers of one row, by the rule in `convlens.interop.layers`."""
    layer, kinds = row.layer, in_keras(module)
    settings: dict[str, Any] = {"name": row.name, "dtype": dtype}
    if type(layer) not in kinds.values():
        raise ValueError(
            f"layer {row.name}: only {in_words(kinds)} can be exported to Keras; got {type(layer).__name__}"
        )
    try:
        words = keras_words(module, type(layer))
    except ValueError as error:
        raise ValueError(f"layer {row.name}: {error}") from None
    fields = {name: getattr(layer, name) for name in words.fields}
    given = {field.name for field in dataclasses.fields(layer)}
    for name in sorted(name for name in given if name.endswith("_initializer")):
        default = "zeros" if name == "bias_initializer" else initializer
        settings[name] = _initializer(getattr(layer, name) or default)
    for name in sorted(name for name in given if name.endswith("_regularizer")):
        if (text := getattr(layer, name)) is not None:
            settings[name] = regularizer_config(text)
    if "activation" in fields:
        fields["activation"] = ACTIVATIONS[fields["activation"]] if fields["activation"] else "linear"
    if isinstance(layer, Conv2D | DepthwiseConv2D | SeparableConv2D | Pooling2D):
        pools = isinstance(layer, Pooling2D)
        reach, strides, size = _reach(layer), pair("strides", layer.strides, 1), row.input_shape[:2]
        rule = _rule(row, reach, strides, layer.padding)
        if isinstance(layer, DepthwiseConv2D | SeparableConv2D) and strides[0] != strides[1]:
            raise ValueError(
                f"layer {row.name}: Keras on TensorFlow has only equal strides here; got strides {strides}"
            )
        if rule is None and pools:
            raise ValueError(f"layer {row.name}: Keras pools with padding same or valid; got {layer.padding!r}")
        if rule is None:
            pads = plan((size[0], size[1]), reach, strides, layer.padding).pads
            zeros = {"name": f"{row.name}_zeros", "dtype": dtype, "data_format": _LAST}
            yield module.ZeroPadding2D(pads, **zeros)
        fields["padding"] = rule or "valid"
    yield getattr(module, type(layer).__name__)(**fields, **_without(words.fixed, settings), **settings)


def _without(fixed: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fixed.items() if name not in settings}


def _initializer(text: str) -> Any:
    """Return an initializer as a Keras layer takes it: a name, or a class with its numbers"""
    if "(" not in text:
        return text
    name, config = class_and_config(text)
    return {"class_name": name, "config": config}


def _reach(layer: Conv2D | DepthwiseConv2D | SeparableConv2D | Pooling2D) -> Pair:
    """Return the rows and columns that a window covers."""
    if isinstance(layer, Pooling2D):
        return pair("pool_size", layer.pool_size, 1)
    (kh, kw), (dh, dw) = pair("kernel_size", layer.kernel_size, 1), pair("dilation_rate", layer.dilation_rate, 1)
    return (kh - 1) * dh + 1, (kw - 1) * dw + 1


def _rule(row: LayerRow, reach: Pair, strides: Pair, padding: Padding) -> str | None:
    """Return the Keras rule that gives the same padding, or None if there is none. The rule `padding` itself is
    preferred."""
    size = row.input_shape[0], row.input_shape[1]
    wanted = plan(size, reach, strides, padding)
    rules = sorted(("valid", "same"), key=lambda rule: rule != padding)
    return next((rule for rule in rules if plan(size, reach, strides, rule) == wanted), None)
