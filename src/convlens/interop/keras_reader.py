"""Keras layers as layers of convlens, from the graph of a configuration. All that is not covered is refused at once."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from convlens.arrays import Array
from convlens.geometry import Pair
from convlens.interop.keras_graph import Branch, Graph, Item, Node, chain
from convlens.interop.layers import ACTIVATIONS, TRAINING_ONLY, in_keras, in_words, keras_words
from convlens.models import MODELS, recognise
from convlens.nn import Add, Dense, Flatten, Layer, Sequential
from convlens.nn.layer import Shape
from convlens.nn.regularizer_texts import RegularizerText, known_regularizer
from convlens.nn.table import LayerRow, table

WeightsOf: TypeAlias = Callable[[Node], "list[Array]"]

_LAST = "channels_last"
# Layers that do something only in training. Without them the predictions are the same.
_TRAINING_KINDS = (
    *("ActivityRegularization", "AlphaDropout", "AugMix", "CutMix", "GaussianDropout", "GaussianNoise", "MixUp"),
    *("RandAugment", "RandomBrightness", "RandomColorDegeneration", "RandomColorJitter", "RandomContrast"),
    *("RandomElasticTransform", "RandomErasing", "RandomFlip", "RandomGaussianBlur", "RandomGrayscale"),
    *("RandomHeight", "RandomHue", "RandomInvert", "RandomPerspective", "RandomPosterization", "RandomRotation"),
    *("RandomSaturation", "RandomSharpness", "RandomShear", "RandomTranslation", "RandomWidth", "RandomZoom"),
    "SpatialDropout2D",
)
_IGNORED = {"batch_input_shape", "batch_shape", "build_input_shape", "renorm_momentum", "quantization_config"}
_TRAINING_ENDS = ("_initializer", "_regularizer", "_constraint")
_OLD_NAMES = {"LeakyReLU": {"alpha": "negative_slope"}}  # Keras 2's name of an argument: Keras 3's


class Imported(NamedTuple):
    """A network read from a file

    notes: sentences about what was left out or changed. difference: the largest difference between the predictions of
    convlens and of the other framework for random images; None if they were not compared, and `notes` say why
    """

    model: Sequential
    notes: tuple[str, ...]
    difference: float | None = None


def in_axes(shape: Sequence[int | None]) -> str:
    """Return a shape as words: "28 × 28 × 1"."""
    return " × ".join("any" if n is None else str(n) for n in shape)


def weights_by_layer(model: Sequential) -> Iterator[tuple[LayerRow, dict[str, Array]]]:
    """Yield each row of the model's table with views of its weights, by name, in Keras's order."""
    named = model.named_weights()
    for row in model.table:
        start = f"{row.name}/"
        own = {name.removeprefix(start): w for name, w in named.items() if name.startswith(start)}
        yield row, row.layer.in_order(own) if isinstance(row.layer, Add) else own


def _wide(shape: Sequence[int | None]) -> str:
    return f"{shape[1]}x{shape[0]} (width x height)"


def build(
    module: Any, graph: Graph, weights_of: WeightsOf, *, size: Pair | None = None, engine: str = "auto"
) -> Imported:
    """Return the network of a graph. module: `keras.layers`. size: (h, w) of the images, if the graph leaves it open.

    Raises ValueError with everything that convlens does not support, and for weights that do not fit or are not finite.
    """
    reader = _Reader(module, graph, weights_of)
    items = chain(graph, adds=("Add",))
    if graph.problems:
        raise ValueError(_one_line(graph.problems))
    if not items:
        raise ValueError(f"a network needs at least one layer; {graph.name} has none")
    shape = reader.input_shape(items, size)
    if graph.batch is not None:
        reader.notes.append(f"the fixed batch of {graph.batch} is left out: the network takes any number of images")
    reader.read(items, shape)
    reader.finish()
    if reader.problems or reader.unknown:
        raise ValueError(reader.complaint())
    layers = _default_names(reader.layers, reader.start)
    model = Sequential(layers, reader.start, dtype=reader.dtype or "float32", engine=engine)
    model.name = recognise(model) or ("sequential" if graph.name in MODELS else _plain(graph.name))
    reader.fill(model)
    return Imported(model, tuple(reader.notes))


def _default_names(layers: Sequence[Layer], shape: Shape) -> Sequence[Layer]:
    """Return the layers without names, if they have the names that a model gives them by default."""
    plain = [replace(layer, name=None) for layer in layers]
    default = [row.name for row in table(plain, shape)]
    return plain if default == [layer.name or name for layer, name in zip(layers, default, strict=True)] else layers


def _plain(name: str) -> str:
    return name.replace("/", "_")


def _one_line(problems: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(problems))


@dataclass
class _Reader:
    """Layers of convlens under construction"""

    module: Any
    graph: Graph
    weights_of: WeightsOf
    start: Shape = ()
    inside: bool = False  # whether the layers are those of a residual block
    shape: Shape | None = None  # of the last layer's output; None if it is not known, after a problem
    dtype: str | None = None
    layers: list[Layer] = field(default_factory=list)
    sources: dict[str, list[Node]] = field(default_factory=dict)  # a layer's name: the Keras layers with its weights
    notes: list[str] = field(default_factory=list)
    problems: dict[str, list[str]] = field(default_factory=dict)  # message: names of layers
    unknown: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ours = in_keras(self.module)

    def complain(self, name: str, message: str) -> None:
        self.problems.setdefault(message, []).append(name)
        self.shape = None

    def complaint(self) -> str:
        found = [
            f"layer{'s' if len(names) > 1 else ''} {', '.join(names)}: {text}" if names[0] else text
            for text, names in self.problems.items()
        ]
        if self.unknown:
            found.insert(0, f"convlens has no layer for {', '.join(self.unknown)}; it has {in_words(self.ours)}")
        return "; ".join(found)

    # ------------------------------------------------------------ the input

    def input_shape(self, items: Sequence[Item], size: Pair | None) -> Shape | None:
        """Return the shape of the input in convlens, which is that of images where the network allows it."""
        given = self.graph.input_shape
        if given is None:
            raise ValueError(f"a Keras model must know the shape of its input; {self.graph.name} is not built")
        if size is not None and len(given) == 3 and given[:2] != size:
            if None not in given[:2]:
                raise ValueError(f"the size must be the network's, {_wide(given)}; got {_wide(size)}")
            given = (*size, given[2])
        known = tuple(n for n in given if n is not None)
        if len(known) != len(given):
            rule = "the input must have a known shape, such as (h, w, channels)"
            self.complain("", f"{rule}; got {given}, where convlens import --size sets w and h")
            return None
        first = items[0].kind if isinstance(items[0], Node) else "Add"
        if len(known) == 2 and first == "Flatten":
            self.notes.append(f"the input {in_axes(known)} is taken as images of {in_axes((*known, 1))}")
            known = (*known, 1)
        if len(known) == 1 and size is not None and first == "Dense" and known[0] % math.prod(size) == 0:
            known = (*size, known[0] // math.prod(size))
            self.notes.append(f"the input of {in_axes(given)} numbers is taken as images of {in_axes(known)}")
            self.layers.append(Flatten())
        if size is not None and known[:2] != size:
            raise ValueError(f"the size must fit the input of {in_axes(known)} numbers; got {_wide(size)}")
        self.start = known
        return known

    # ------------------------------------------------------------ layer by layer

    def read(self, items: Sequence[Item], shape: Shape | None) -> None:
        """Convert the layers of a chain and append them to `layers`."""
        self.shape = self.layers[-1].output_shape(shape) if self.layers and shape else shape
        for k, item in enumerate(items):
            before, after = (items[k - 1] if k else None), (items[k + 1] if k + 1 < len(items) else None)
            node = item.node if isinstance(item, Branch) else item
            try:
                self._check(node)
                if isinstance(item, Branch):
                    self._branch(item)
                else:
                    self._layer(item, before, after)
            except ValueError as error:
                self.complain(node.name, str(error))

    def _check(self, node: Node) -> None:
        dtype = _dtype(node.config)
        if dtype not in (None, "float32", "float64") or (dtype and self.dtype not in (None, dtype)):
            raise ValueError(f"all layers must be float32, or all float64; got {dtype}")
        self.dtype = self.dtype or dtype
        left = [key for key, value in node.config.items() if key.endswith(_TRAINING_ENDS[1:]) and value is not None]
        left = [key for key in left if key not in self._penalties(node)]
        if left:
            self.notes.append(f"layer {node.name}: {in_words(left)} acted only in training and is left out")
        if node.config.get("trainable") is False:
            self.notes.append(f"layer {node.name} was frozen (trainable=False); convlens trains every layer")

    def _penalties(self, node: Node) -> dict[str, RegularizerText | None]:
        """Return the regularizers of a Keras layer that convlens's layer has, too."""
        kind, found = self.ours.get(node.kind), {}
        fields = {field.name for field in dataclasses.fields(kind)} if kind is not None else set()
        for key in fields:
            if key.endswith("_regularizer") and node.config.get(key) is not None:
                with suppress(ValueError):
                    found[key] = known_regularizer(key, node.config[key])
        return found

    def _layer(self, node: Node, before: Item | None, after: Item | None) -> None:
        if node.module not in ("keras.layers", "keras") and not node.module.startswith("keras.src.layers"):
            self.unknown.append(f"{node.name} ({node.kind}, {_origin(node.module)})")
            self.shape = None
        elif node.kind in _TRAINING_KINDS and node.kind not in self.ours:
            self.notes.append(f"layer {node.name} ({node.kind}) acted only in training and is left out")
        elif node.kind in ("Identity", "Reshape") or (
            node.kind == "Activation" and node.config["activation"] == "linear"
        ):
            self._shapes(node)
        elif node.kind in ("Softmax", "Activation") and node.kind not in self.ours:
            self._old_end(node, after)
        elif node.kind == "ZeroPadding2D" and isinstance(after, Node) and _joins(after):
            if node.config.get("data_format", _LAST) not in (_LAST, None):
                raise ValueError(f"data_format must be {_LAST}; got {node.config['data_format']!r}")
        elif node.kind not in self.ours:
            self.unknown.append(f"{node.name} ({node.kind})")
            self.shape = None
        else:
            self._ours(node, before)

    def _shapes(self, node: Node) -> None:
        """Reshape: one at the beginning, one that changes nothing, or one to a vector"""
        target = node.config.get("target_shape")
        if target is None or self.shape is None:
            return
        count = math.prod(self.shape)
        rest = math.prod(n for n in target if n != -1)
        shape = tuple(count // rest if n == -1 else int(n) for n in target)
        if math.prod(shape) != count:
            raise ValueError(f"target_shape must have {count} numbers; got {target}")
        if shape == self.shape:
            return
        beginning = not self.inside and all(type(layer).__name__ == "Rescaling" for layer in self.layers)
        if beginning and len(self.shape) < 3:
            self.notes.append(f"layer {node.name} (Reshape) is left out: the network takes images of {in_axes(shape)}")
            self.start = self.shape = shape
        elif len(shape) == 1:
            self._append(Flatten(name=_plain(node.name)), node)
        else:
            self._ours(node, None)

    def _old_end(self, node: Node, after: Item | None) -> None:
        """A softmax at the end, as a layer of its own"""
        name = _words(node.config.get("activation", "softmax"))
        if name != "softmax":
            raise ValueError(f"an Activation layer must be softmax; got {name}")
        last = self.layers[-1] if self.layers else None
        if after is not None or not isinstance(last, Dense) or last.activation is not None:
            raise ValueError("a softmax must be at the end of the network, after a Dense layer; this one is not")
        self.layers[-1] = replace(last, activation="softmax")

    def _ours(self, node: Node, before: Item | None) -> None:
        kind = self.ours[node.kind]
        words = keras_words(self.module, kind)
        config = {_OLD_NAMES.get(node.kind, {}).get(key, key): value for key, value in node.config.items()}
        fields = {name: _as_tuple(config[name]) for name in words.fields if name in config}
        extra = None
        if "activation" in fields:
            fields["activation"], extra = _activation(fields["activation"])
        if "axis" in config:
            config["axis"] = self._axis(config["axis"])
            fields |= {"axis": config["axis"]} if "axis" in words.fields else {}
        if node.kind == "Normalization" and fields.get("mean") is None:
            mean, variance = self.weights_of(node)[:2]
            fields |= {"mean": _plain_numbers(mean), "variance": _plain_numbers(variance)}
        for name in sorted(config.keys() - {*words.fields, *TRAINING_ONLY, *_IGNORED}):
            value, wanted = _as_tuple(config[name]), words.fixed.get(name, _LAST if name == "data_format" else None)
            if not (name.endswith(_TRAINING_ENDS) or value is None or value == wanted or (not wanted and not value)):
                raise ValueError(f"{name} must be {wanted}; got {value!r}")
        if isinstance(before, Node) and before.kind == "ZeroPadding2D" and _joins(node):
            fields["padding"] = _pads(before.config["padding"])
        self._append(kind(**fields, **self._penalties(node), name=_plain(node.name)), node)
        if extra is not None:
            self._layer(Node((*node.path[:-1], f"{node.name}_activation"), *extra, node.inputs), None, None)

    def _axis(self, axis: Any) -> Any:
        """Return -1 for the last axis, however it is written."""
        axis = axis[0] if isinstance(axis, list | tuple) and len(axis) == 1 else axis
        return -1 if self.shape is not None and axis == len(self.shape) else axis

    def _append(self, layer: Layer, node: Node) -> None:
        own = _plain(node.name)
        if own in self.sources:  # a layer of the same name in another model inside the model
            own = _plain("_".join(node.path))
            layer = replace(layer, name=own)
        self.layers.append(layer)
        self.sources[own] = [node]
        if self.shape is not None:
            self.shape = layer.output_shape(self.shape)

    def _branch(self, item: Branch) -> None:
        """Two chains whose outputs are added: a residual block"""
        if len(item.paths) != 2:
            raise ValueError(f"{item.node.kind} must add two tensors; got {len(item.paths)}")
        outer, shape, nodes = (self.layers, self.sources, self.inside), self.shape, list[Node]()
        chains = []
        for path in sorted(item.paths, key=lambda path: not path):  # a path without layers is the shortcut
            self.layers, self.sources, self.inside = [], {}, True
            self.read(path, shape)
            chains.append(tuple(replace(layer, name=None) for layer in self.layers))
            nodes += [node for found in self.sources.values() for node in found]
        self.layers, self.sources, self.inside = outer
        if self.problems or self.unknown:
            self.shape = None
            return
        self.shape = shape
        self._append(Add(chains[0], chains[1], name=_plain(item.node.name)), item.node)
        self.sources[str(self.layers[-1].name)] = nodes

    def finish(self) -> None:
        """Check the end of the network."""
        if self.shape is not None and not self.problems and len(self.shape) != 1:
            last = self.graph.nodes[self.graph.output].name
            self.complain(last, f"the last layer's output must be of shape (classes,); got {self.shape}")
        if not self.layers and not self.problems and not self.unknown:
            self.problems[f"a network needs at least one layer; {self.graph.name} has none"] = [""]

    # ------------------------------------------------------------ weights

    def fill(self, model: Sequential) -> None:
        """Copy the weights into the model."""
        wrong, infinite = [], []
        for row, own in weights_by_layer(model):
            nodes = self.sources.get(row.name, [])
            arrays = [array for node in nodes for array in self.weights_of(node)] if own else []
            if [w.shape for w in own.values()] != [np.shape(array) for array in arrays]:
                wanted, got = ([tuple(np.shape(w)) for w in found] for found in (own.values(), arrays))
                wrong.append(f"layer {row.name} must have weights of the shapes {wanted}; the file has {got}")
                continue
            for (name, view), array in zip(own.items(), arrays, strict=True):
                if count := np.count_nonzero(~np.isfinite(array)):
                    infinite.append(f"{row.name}/{name} has {count} of {array.size} that are NaN or infinite")
                view[...] = array
        if wrong:
            raise ValueError("; ".join(wrong))
        if infinite:
            raise ValueError(f"weights must be finite; {', '.join(infinite)}")


def _dtype(config: dict[str, Any]) -> str | None:
    dtype = config.get("dtype")
    return dtype["config"]["name"] if isinstance(dtype, dict) else dtype


def _origin(module: str) -> str:
    return "own code" if module == "own code" else f"of {module}"


def _joins(node: Node) -> bool:
    """Whether a ZeroPadding2D before this layer can be its padding."""
    return (
        node.kind in ("Conv2D", "DepthwiseConv2D", "SeparableConv2D") and node.config.get("padding", "valid") == "valid"
    )


def _pads(padding: Any) -> Any:
    if isinstance(padding, int):
        return ((padding, padding), (padding, padding))
    return tuple((side, side) if isinstance(side, int) else tuple(side) for side in padding)


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list | tuple) else value


def _plain_numbers(value: Any) -> Any:
    numbers = [float(number) for number in np.ravel(value)]
    return numbers[0] if len(numbers) == 1 else tuple(numbers)


def _words(activation: Any) -> str:
    """Return an activation's name for a message."""
    if isinstance(activation, dict):
        config = activation.get("config")
        return config if isinstance(config, str) else str(activation.get("class_name", "<lambda>"))
    return str(activation)


def _activation(activation: Any) -> tuple[str | None, tuple[str, str, dict[str, Any]] | None]:
    """Return convlens's name of an activation, or the kind, module and settings of a layer given as one."""
    if isinstance(activation, dict) and activation.get("module") == "keras.layers":
        return None, (activation["class_name"], "keras.layers", dict(activation["config"]))
    allowed = {"linear": None, **{theirs: name for name, theirs in ACTIVATIONS.items()}}
    if not isinstance(activation, str | None) or (activation or "linear") not in allowed:
        raise ValueError(f"activation must be one of {', '.join(allowed)}; got {_words(activation)}")
    return allowed[activation or "linear"], None
