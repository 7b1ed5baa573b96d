"""Conversion of a network to a Keras model and back, with the same layers and weights. Nothing is lost silently."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from convlens.geometry import Padding, Pair, pair, plan
from convlens.interop.frameworks import load, load_keras
from convlens.interop.layers import ACTIVATIONS, TRAINING_ONLY, in_keras, in_words, keras_words
from convlens.models import recognise
from convlens.nn import Conv2D, Dense, Layer, Sequential
from convlens.nn.pooling2d import Pooling2D
from convlens.nn.sequential import LayerRow
from convlens.storage.atomic import atomic_write

SUFFIX = ".keras"
_LAST = "channels_last"

# ---------------------------------------------------------------- to Keras


def to_keras(
    model: Sequential, backend: str = "tensorflow", *, softmax: bool = True, initializer: str = "he_normal"
) -> Any:
    """Return the same network with the same weights as a `keras.Sequential`.

    softmax: whether the outputs are probabilities (True) or logits. initializer: the initializer in the configuration
    of the Keras layers; the kernels have the weights of `model`.
    A convolution whose padding is neither "same" nor "valid" gets a ZeroPadding2D before it.
    Raises ValueError for a pooling layer with such a padding, which Keras does not have.
    """
    keras = load_keras(backend, "a Keras model")
    check_end(model)
    layers = [made for row in model.table for made in _keras_layers(keras.layers, row, model.dtype.name, initializer)]
    if softmax:
        layers.append(keras.layers.Softmax(name="softmax", dtype=model.dtype.name))
    found = keras.Sequential([keras.Input(model.input_shape, dtype=model.dtype.name), *layers], name=model.name)
    found.set_weights(model.get_weights())
    return found


def check_end(model: Sequential) -> None:
    """Raise ValueError unless the network's output is one number for each class."""
    if len(model.output_shape) != 1:
        raise ValueError(f"layer {model.table[-1].name}: {_no_end(model.output_shape)}")


def _no_end(shape: tuple[int, ...]) -> str:
    return f"the last layer's output must be of shape (classes,); got {shape}"


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
    """Write the network as a .keras file, whole or not at all. The outputs of that model are probabilities."""
    _check_suffix(Path(path))
    found = to_keras(model)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / f"model{SUFFIX}"
        found.save(whole)
        with atomic_write(path) as file:
            file.write(whole.read_bytes())


def _check_suffix(path: Path) -> None:
    if path.suffix != SUFFIX:
        raise ValueError(f"a Keras model must be a {SUFFIX} file; got {path}")


# ---------------------------------------------------------------- from a file


def read_keras(path: str | os.PathLike[str], *, engine: str = "auto") -> Sequential:
    """Return the network in a .keras file. No code in the file is run.

    Raises FileNotFoundError; ValueError for a damaged file, and for all that `from_keras` refuses.
    """
    path = Path(path)
    _check_suffix(path)
    if not path.is_file():
        raise FileNotFoundError(f"there must be a file {path}; there is none")
    keras = load_keras("tensorflow", f"a {SUFFIX} file")
    try:
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():
                raise ValueError(f"{damaged} is damaged")
            config = json.loads(archive.read("config.json"))
        found = [(layer["config"]["name"], layer["class_name"], layer["module"]) for layer in _layer_configs(config)]
    except Exception as error:  # damaged bytes make zipfile, zlib and json raise many types
        raise _no_model(path, error) from None
    ours = in_keras(keras.layers)
    for name, kind, module in found:  # before Keras makes the layers, since it runs code that some layers hold
        if kind not in (*ours, *_READERS, "InputLayer") or module != "keras.layers":
            raise ValueError(f"{path}: layer {name}: convlens supports {in_words(ours)}; got {kind}")
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a damaged file makes Keras raise many types
        raise _no_model(path, error) from None
    try:
        return from_keras(model, engine=engine)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _layer_configs(config: dict[str, Any]) -> list[dict[str, Any]]:
    if config["class_name"] not in ("Sequential", "Functional"):
        raise ValueError(f"it is a {config['class_name']}, not a Sequential or functional model")
    layers: list[dict[str, Any]] = config["config"]["layers"]
    return layers


def _no_model(path: Path, error: Exception) -> ValueError:
    reason = f"there is no entry {error}" if isinstance(error, KeyError) else str(error).strip()
    reason = (reason.splitlines() or [type(error).__name__])[0]
    return ValueError(f"{path} must be a whole model as Keras 3 saves it; it is not: {reason}")


# ---------------------------------------------------------------- from Keras


def from_keras(found: Any, *, engine: str = "auto") -> Sequential:
    """Return the same network with the same weights.

    found: a Sequential or functional model. A softmax at its end becomes the activation of the last dense layer.
    The optimizer, regularizers and initializers, which only training needs, are ignored.
    Raises ValueError for what convlens does not support: other layers, activations or dtypes, no bias, a branch, …
    """
    chain, shape = _chain(found), tuple(found.inputs[0].shape[1:])
    if None in shape:
        raise ValueError(f"the input must have a known shape, such as (h, w, channels); got {shape}")
    dtype = chain[0].dtype_policy.name if hasattr(chain[0], "dtype_policy") else "float32"
    module, input_shape, layers = load("keras", "a Keras model").layers, shape, list[Layer]()
    ours = in_keras(module)
    for before, layer, after in zip([None, *chain], chain, [*chain[1:], None], strict=False):
        kind = type(layer).__name__
        try:
            if kind not in (*ours, *_READERS) or type(layer) is not getattr(module, kind):
                raise ValueError(f"convlens supports {in_words(ours)}; got {kind}")
            if layer.dtype_policy.name not in ("float32", "float64") or layer.dtype_policy.name != dtype:
                raise ValueError(f"all layers must be float32, or all float64; got {layer.dtype_policy.name}")
            if kind in ours:
                layers.append(_ours(module, ours[kind], layer, before, after))
                shape = layers[-1].output_shape(shape)
            else:
                _READERS[kind](layer, after)
            if after is None and len(shape) != 1:
                raise ValueError(_no_end(shape))
        except ValueError as error:
            raise ValueError(f"layer {layer.name}: {error}") from None
    if layers and isinstance(layers[-1], Dense) and layers[-1].activation is None and _ends_in_softmax(chain[-1]):
        layers[-1] = replace(layers[-1], activation="softmax")
    model = Sequential(layers, input_shape, dtype=dtype, engine=engine)
    model.name = recognise(model) or "sequential"
    model.set_weights([w for layer in chain for w in layer.get_weights()])
    return model


def _ends_in_softmax(last: Any) -> bool:
    return type(last).__name__ in ("Softmax", "Activation")  # the readers of both refuse all but a softmax


def _chain(found: Any) -> list[Any]:
    """Return the layers from input to output, searched from the output; ValueError unless they form one chain."""
    if type(found).__name__ not in ("Sequential", "Functional") or not type(found).__module__.startswith("keras."):
        raise ValueError(f"a Keras model must be a Sequential or functional model; got {type(found).__name__}")
    if not getattr(found, "inputs", None):
        raise ValueError(f"a Keras model must know the shape of its input; {found.name} is not built")
    if len(found.inputs) != 1 or len(found.outputs) != 1:
        raise ValueError(
            "a network must have one input and one output; "
            f"{found.name} has {len(found.inputs)} and {len(found.outputs)}"
        )
    tensor, chain = found.outputs[0], list[Any]()
    while tensor is not found.inputs[0]:
        layer, call, _ = tensor._keras_history
        if any(layer is other for other in chain):
            raise ValueError(f"layer {layer.name}: a layer must be used only once; this one is used again")
        chain.insert(0, layer)
        sources = layer._inbound_nodes[call].input_tensors
        if len(sources) != 1:
            raise ValueError(f"layer {layer.name}: a layer must have one input; {type(layer).__name__} has several")
        tensor = sources[0]
    if not chain:
        raise ValueError(f"a network needs at least one layer; {found.name} has none")
    return chain


# ---------------------------------------------------------------- layer by layer


def _activation(layer: Any) -> str | None:
    own = load("keras", "a Keras model").activations
    allowed = {"linear": None, **{words.keras: name for name, words in ACTIVATIONS.items()}}
    for name, meaning in allowed.items():
        if layer.activation is getattr(own, name):
            return meaning
    name = getattr(layer.activation, "__name__", type(layer.activation).__name__)
    raise ValueError(f"activation must be one of {', '.join(allowed)}; got {name}")


def _ours(module: Any, kind: type[Layer], layer: Any, before: Any, after: Any) -> Layer:
    """Return the layer of convlens for a Keras layer of the same kind, by the rule in `convlens.interop.layers`."""
    words = keras_words(module, kind)
    fields = {name: _as_tuple(getattr(layer, name)) for name in words.fields}
    if "activation" in words.fields:
        fields["activation"] = _activation(layer)
    config = layer.get_config()
    for name in sorted(config.keys() - {*words.fields, *TRAINING_ONLY}):
        value, wanted = _as_tuple(config[name]), words.fixed.get(name)
        if value != wanted and not (wanted is None and value is False):
            raise ValueError(f"{name} must be {wanted}; got {value!r}")
    if type(before).__name__ == "ZeroPadding2D":
        if fields["padding"] != "valid":
            raise ValueError(f"padding after ZeroPadding2D must be valid; got {fields['padding']!r}")
        fields["padding"] = before.padding
    return kind(**fields)


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _zeros(layer: Any, after: Any) -> None:
    if layer.data_format != _LAST:
        raise ValueError(f"data_format must be {_LAST}; got {layer.data_format!r}")
    if type(after).__name__ != "Conv2D":
        raise ValueError(f"after ZeroPadding2D there must be a Conv2D; got {type(after).__name__ if after else 'none'}")


def _softmax(layer: Any, after: Any) -> None:
    if after is not None:
        raise ValueError(f"a softmax must be at the end of the network; after it comes {type(after).__name__}")
    if layer.axis not in (-1, 1):
        raise ValueError(f"a softmax must be over the classes, axis -1; got {layer.axis}")


def _activation_layer(layer: Any, after: Any) -> None:
    if layer.activation is not load("keras", "a Keras model").activations.softmax:
        name = getattr(layer.activation, "__name__", type(layer.activation).__name__)
        raise ValueError(
            f"an Activation layer must be softmax; other activations must be part of Conv2D or Dense; got {name}"
        )
    if after is not None:
        raise ValueError(f"a softmax must be at the end of the network; after it comes {type(after).__name__}")


# Keras layers that become part of another layer of convlens. Each reader checks the layer and the one after it.
_READERS: dict[str, Callable[[Any, Any], None]] = {
    "ZeroPadding2D": _zeros,
    "Softmax": _softmax,
    "Activation": _activation_layer,
}
