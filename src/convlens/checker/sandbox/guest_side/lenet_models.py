"""Networks of task 5 in a guest: models of Keras, and a description of each one."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING or __package__:
    from convlens.checker.sandbox.guest_side import editions
    from convlens.checker.sandbox.guest_side.lenet_tools import IMAGE, Arrays, Describe, Reply, each, name_of, sizes
else:  # inside the sandbox this folder is on the path, and there is no convlens
    import editions
    from lenet_tools import IMAGE, Arrays, Describe, Reply, each, name_of, sizes


class Models:
    """Models of task 5.

    The description of a network:
    "returned": {"kind": the type, "model": whether it is a K.Model}
    "variables": [{"name", "shape", "trainable"}]
    "layers": [{"type", "kernel", "strides", "padding", "size", "activation", "bias", "regularizer", "initializer":
        whether the regularizer is an initializer}], where a model inside the model is replaced by its layers
    "unused": the types of the layers that X reaches, but that the model does not have
    "compiled": whether the model is compiled; "optimizers": [the type of its optimizer]; "from_logits": this option of
        the loss
    """

    def __init__(self, older: bool, seed: int, labels: str, describe: Describe) -> None:
        self.describe = describe
        self.K = editions.keras_2() if older else importlib.import_module("tensorflow").keras
        self.made: list[Any] = []
        self.K.utils.set_random_seed(seed)

    def add(self, lenet5: Any) -> dict[str, Any]:
        """Build one more network and return its description."""
        image = self.K.Input(shape=IMAGE)
        model = lenet5(image)
        self.made.append(model)
        returned = {"kind": type(model).__name__, "model": isinstance(model, self.K.Model)}
        if not returned["model"]:
            return {"returned": returned, "variables": [], "layers": [], "compiled": False}
        variables = _weights(model)
        trained = {id(v) for v in model.trainable_weights} if variables else set()
        description = {
            "returned": returned,
            "variables": [
                {"name": v.name, "shape": sizes(v.shape), "trainable": id(v) in trained} for v in variables[:100]
            ],
            "layers": [self._layer(layer) for layer in self._flat(model)][:100],
            "unused": _unused_layers(image, model),
            "compiled": getattr(model, "optimizer", None) is not None,
        }
        if description["compiled"]:
            description["optimizers"] = [type(model.optimizer).__name__]
            config: dict[str, Any] = getattr(getattr(model, "loss", None), "get_config", dict)()
            description["from_logits"] = bool(config.get("from_logits"))
        return description

    def _flat(self, model: Any) -> list[Any]:
        found = []
        for layer in model.layers:
            found += self._flat(layer) if isinstance(layer, self.K.Model) else [layer]
        return found

    def _layer(self, layer: Any) -> dict[str, Any]:
        kind, kernel = type(layer).__name__, getattr(layer, "kernel", None)
        activation = kind.lower() if kind in ("ReLU", "Softmax") else getattr(layer, "activation", None)
        strides, size = getattr(layer, "strides", None), getattr(layer, "pool_size", None)
        regularizer = getattr(layer, "kernel_regularizer", None) or getattr(layer, "bias_regularizer", None)
        return {
            "type": kind,
            "kernel": None if kernel is None else sizes(kernel.shape),
            "strides": None if strides is None else sizes(strides),
            "size": None if size is None else sizes(size),
            "padding": str(getattr(layer, "padding", "")).lower(),
            "activation": "" if activation is None else name_of(activation),
            "bias": getattr(layer, "bias", None) is not None,
            "regularizer": name_of(regularizer),
            "initializer": isinstance(regularizer, self.K.initializers.Initializer),
        }

    def weights(self, network: int, _: Arrays) -> Reply:
        """Return the values of the variables."""
        return {}, [np.asarray(value) for value in self.made[network].get_weights()]

    def plant(self, network: int, arrays: Arrays) -> Reply:
        """Set the values of the variables."""
        self.made[network].set_weights(arrays)
        return {"planted": len(arrays)}, []

    def values(self, network: int, arrays: Arrays) -> Reply:
        """Return the output, the loss, and the metrics with which the model was compiled, by name."""
        model = self.made[network]
        numbers: dict[str, Any] = {}

        def test() -> Any:
            model.reset_metrics()
            numbers.update(model.test_on_batch(arrays[0], arrays[1], return_dict=True))
            return numbers.pop("loss")

        reply, found = each({"output": lambda: model(arrays[0], training=False), "loss": test}, self.describe)
        reply["names"].extend(numbers)
        return reply, [*found, *(np.asarray(value) for value in numbers.values())]

    def train(self, network: int, arrays: Arrays) -> Reply:
        """Train the model for one step on a batch. Return the new weights."""
        self.made[network].train_on_batch(arrays[0], arrays[1])
        return self.weights(network, [])


def _weights(model: Any) -> list[Any]:
    """Return the variables of a model, [] if it has not made them: then Keras 2 raises ValueError."""
    try:
        return list(model.weights)
    except ValueError:
        return []


def _unused_layers(image: Any, model: Any) -> list[str]:
    """Return the types of the layers that an input of Keras reaches, but that are not in the model."""
    try:
        history = image._keras_history
        reached, new = [], [getattr(history, "operation", None) or history.layer]
        while new:
            layer = new.pop()
            reached.append(layer)
            nodes = layer._outbound_nodes
            following = [getattr(node, "operation", None) or node.layer for node in nodes]
            new += [one for one in following if not any(one is other for other in (*reached, *new))]
        return [type(one).__name__ for one in reached[1:] if not any(one is layer for layer in model.layers)][:20]
    except AttributeError:  # Keras has no public name for this
        return []
