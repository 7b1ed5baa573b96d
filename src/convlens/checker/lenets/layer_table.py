"""The layers of the task, and the layers of a submission.

The submission's layers come from the guest's description, which only explains a failure. The verdict depends on outputs
and weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

__all__ = ["WANTED", "LayerFacts", "from_graph", "from_model", "kind_in_words"]

_PAIR = (2, 2)


@dataclass(frozen=True)
class LayerFacts:
    """One layer with weights, or one pool.

    size: size of the kernel or window; units: number of filters or outputs; activations: all activations, in their
    order; bias: whether a bias is added; inputs: number of inputs of a dense layer, None if unknown
    """

    kind: str
    size: tuple[int, ...] = ()
    units: int | None = None
    strides: tuple[int, ...] = ()
    padding: str = ""
    activations: tuple[str, ...] = ()
    bias: bool = False
    inputs: int | None = field(default=None, compare=False)

    @property
    def is_pool(self) -> bool:
        """Whether this layer is a pool."""
        return self.kind in _POOLS.values()


def _dense(units: int, activation: str) -> LayerFacts:
    return LayerFacts("dense", (), units, (), "", (activation,), True)


WANTED = (
    LayerFacts("convolution", (5, 5), 6, (1, 1), "same", ("relu",), True),
    LayerFacts("max pool", _PAIR, None, _PAIR, "valid"),
    LayerFacts("convolution", (5, 5), 16, (1, 1), "valid", ("relu",), True),
    LayerFacts("max pool", _PAIR, None, _PAIR, "valid"),
    _dense(120, "relu"),
    _dense(84, "relu"),
    _dense(10, "softmax"),
)


_ACTIVATIONS = {
    "Relu": "relu",
    "Softmax": "softmax",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Elu": "elu",
    "Selu": "selu",
}
_WORDS = {"BatchNormalization": "batch normalization", "Dropout": "dropout"}
_POOLS = {
    "MaxPool": "max pool",
    "AvgPool": "average pool",
    "MaxPooling2D": "max pool",
    "AveragePooling2D": "average pool",
}


def from_graph(operations: Sequence[Mapping[str, Any]], shapes: Sequence[Sequence[int]]) -> list[LayerFacts]:
    """Return the layers in the operations of a graph, first to last.

    shapes: shapes of the variables. Raise KeyError, TypeError, ValueError, IndexError or AttributeError if the guest's
    description makes no sense.
    """
    layers: list[LayerFacts] = []
    padded = False
    for operation in operations:
        kind, read = operation["type"], operation["variables"]
        if kind in ("Conv2D", "MatMul") and read:
            shape = tuple(int(size) for size in shapes[read[0]])
            if kind == "MatMul":
                layers.append(LayerFacts("dense", (), (operation["out"] or shape)[-1], inputs=shape[0]))
            else:
                padding = "explicit" if padded else str(operation["padding"])
                layers.append(
                    LayerFacts("convolution", shape[:2], shape[-1], tuple(operation["strides"][1:3]), padding)
                )
        elif kind in _POOLS:
            size, strides = tuple(operation["size"][1:3]), tuple(operation["strides"][1:3])
            layers.append(LayerFacts(_POOLS[kind], size, None, strides, str(operation["padding"])))
        elif kind in ("AddV2", "Add", "BiasAdd") and read and layers:
            layers[-1] = replace(layers[-1], bias=True)
        elif kind.startswith("FusedBatchNorm"):
            layers.append(LayerFacts("batch normalization"))
        elif kind in _ACTIVATIONS:
            _activate(layers, _ACTIVATIONS[kind])
        padded = kind.startswith("Pad") or (padded and kind in ("Identity", "Cast"))
    return layers


def from_model(described: Sequence[Mapping[str, Any]]) -> list[LayerFacts]:
    """Return the layers in the description of a model, first to last. Raise the same errors as `from_graph`."""
    layers: list[LayerFacts] = []
    for layer in described:
        kind, activation = str(layer["type"]), str(layer["activation"])
        bias = bool(layer["bias"])
        if kind in ("InputLayer", "Flatten", "Reshape"):
            continue
        if kind in ("Activation", "ReLU", "Softmax"):
            _activate(layers, activation)
            continue
        if kind == "Conv2D":
            shape, strides = tuple(int(size) for size in layer["kernel"]), tuple(layer["strides"])
            layers.append(LayerFacts("convolution", shape[:2], shape[-1], strides, str(layer["padding"]), (), bias))
        elif kind == "Dense":
            units, inputs = int(layer["kernel"][-1]), int(layer["kernel"][0])
            layers.append(LayerFacts("dense", (), units, (), "", (), bias, inputs))
        elif kind in _POOLS:
            size, strides = tuple(layer["size"]), tuple(layer["strides"])
            layers.append(LayerFacts(_POOLS[kind], size, None, strides, str(layer["padding"])))
        else:
            layers.append(LayerFacts(_WORDS.get(kind, kind)))
        if activation not in ("", "linear"):
            _activate(layers, activation)
    return layers


def kind_in_words(kind: str) -> str:
    """Return the kind of a layer, given the name of its class or of its operation.

    >>> kind_in_words("MaxPool"), kind_in_words("Conv2D"), kind_in_words("Concat")
    ('max pool', 'convolution', 'Concat')
    """
    return {"Conv2D": "convolution", "Dense": "dense", "MatMul": "dense", **_POOLS, **_WORDS}.get(kind, kind)


def _activate(layers: list[LayerFacts], activation: str) -> None:
    """Add an activation to the last layer. A ReLU after a max pool counts as before it: both give the same result.

    A second ReLU changes nothing, so it does not count.
    """
    at = len(layers) - 1
    if activation == "relu" and at > 0 and layers[at].kind == "max pool" and not layers[at - 1].activations:
        at -= 1
    if at >= 0 and not (activation == "relu" and layers[at].activations[-1:] == ("relu",)):
        layers[at] = replace(layers[at], activations=(*layers[at].activations, activation))
