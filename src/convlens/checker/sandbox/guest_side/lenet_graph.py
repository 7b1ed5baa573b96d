"""Networks of task 4 in a guest: a graph of TensorFlow, its session, and a description of each network."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING or __package__:
    from convlens.checker.sandbox.guest_side.lenet_tools import CLASSES, IMAGE, Arrays, Describe, Reply, each, sizes
else:  # inside the sandbox this folder is on the path, and there is no convlens
    from lenet_tools import CLASSES, IMAGE, Arrays, Describe, Reply, each, sizes


class Graph:
    """A graph of task 4 with one or more networks, and its session.

    The description of a network:
    "returned": {"kind": "tuple", "list" or another type, "items": [{"kind", "type", "shape"}]}
    "variables": [{"name", "shape", "trainable"}] for every variable that is trained or that the output depends on
    "operations": [{"type", "out", "variables": the numbers of the variables that the operation reads, "strides",
        "padding", "size"}] from x to the first item, in order
    "unused": the types of the layers that x reaches, but that do not reach the output
    "regularizers": number of regularizers; "optimizers": the types of the operations that change weights
    """

    def __init__(self, seed: int, labels: str, describe: Describe) -> None:
        self.describe = describe
        self.tf = importlib.import_module("tensorflow.compat.v1")
        self.graph = self.tf.Graph()
        self.session: Any = None
        self.made: list[tuple[Any, Any]] = []  # for each call of lenet5: the returned items and the variables
        with self.graph.as_default():
            self.tf.set_random_seed(seed)
            self.x = self.tf.placeholder(self.tf.float32, (None, *IMAGE))
            self.y = self.tf.placeholder(labels, (None, CLASSES))

    def add(self, lenet5: Any) -> dict[str, Any]:
        """Build one more network and return its description."""
        with self.graph.as_default():
            before = {v.name for v in self.tf.global_variables()}
            found = lenet5(self.x, self.y)
            trained = {v.name for v in self.tf.trainable_variables()}
            new = [v for v in self.tf.global_variables() if v.name not in before]
            regularizers = len(self.tf.losses.get_regularization_losses())
        items = list(found) if isinstance(found, tuple | list) else []
        used = {op.name for op in _closure(items[0].op, _before)} if items and self._is_tensor(items[0]) else set()
        variables = [v for v in new if v.name in trained or v.op.name in used]
        self.made.append((items, variables))
        return {
            "returned": {"kind": type(found).__name__, "items": [self._kind(item) for item in items[:20]]},
            "variables": [
                {"name": v.name, "shape": sizes(v.shape), "trainable": v.name in trained} for v in variables[:100]
            ],
            "operations": self._operations(items[0], variables) if items and self._is_tensor(items[0]) else [],
            "unused": self._unused(items[0]) if items and self._is_tensor(items[0]) else [],
            "regularizers": regularizers,
            "optimizers": sorted({op.type for op in self.graph.get_operations() if "Apply" in op.type})[:20],
        }

    def _is_tensor(self, item: Any) -> bool:
        return isinstance(item, self.tf.Tensor)

    def _kind(self, item: Any) -> dict[str, Any]:
        if self._is_tensor(item):
            return {
                "kind": "tensor",
                "type": item.dtype.name,
                "shape": sizes(item.shape) if item.shape.rank is not None else None,
            }
        if isinstance(item, self.tf.Operation):
            return {"kind": "operation", "type": item.type, "shape": None}
        return {"kind": "other", "type": type(item).__name__, "shape": None}

    def _operations(self, output: Any, variables: Any) -> list[dict[str, Any]]:
        """Return the operations on a path from x to the output."""
        above, below = _closure(output.op, _before), _closure(self.x.op, _after)
        names = {v.op.name: k for k, v in enumerate(variables)}
        found = []
        for op in self.graph.get_operations():
            if op is self.x.op or op not in above or op not in below:
                continue
            sides = [tensor.op for tensor in op.inputs if tensor.op not in below]
            read = sorted({names[o.name] for side in sides for o in _closure(side, _before) if o.name in names})
            row = {"type": op.type, "out": sizes(op.outputs[0].shape) if op.outputs else None, "variables": read}
            if op.type in ("Conv2D", "MaxPool", "AvgPool"):
                row["strides"] = [int(s) for s in op.get_attr("strides")]
                row["padding"] = op.get_attr("padding").decode().lower()
            if op.type in ("MaxPool", "AvgPool"):
                row["size"] = [int(s) for s in op.get_attr("ksize")]
            found.append(row)
        return found[:400]

    def _unused(self, output: Any) -> list[str]:
        below = _closure(self.x.op, _after) - _closure(output.op, _before)
        layers = [op for op in below if op.type in ("Conv2D", "MaxPool", "AvgPool", "MatMul")]
        return [op.type for op in layers if "gradients" not in op.name.split("/")][:20]

    def _run(self, what: Any, arrays: Arrays) -> Any:
        if self.session is None:
            with self.graph.as_default():
                self.session = self.tf.Session(graph=self.graph)
                self.session.run(self.tf.global_variables_initializer())
        feed = dict(zip((self.x, self.y), arrays, strict=False))
        with self.graph.as_default():
            return self.session.run(what, feed)

    def weights(self, network: int, _: Arrays) -> Reply:
        """Return the values of the variables."""
        return {}, [np.asarray(value) for value in self._run(list(self.made[network][1]), [])]

    def plant(self, network: int, arrays: Arrays) -> Reply:
        """Set the values of the variables."""
        self._run([], [])
        initializers = [variable.initializer for variable in self.made[network][1]]
        self.session.run(initializers, {op.inputs[1]: v for op, v in zip(initializers, arrays, strict=True)})
        return {"planted": len(arrays)}, []

    def values(self, network: int, arrays: Arrays) -> Reply:
        """Return output, loss and accuracy: the values of the returned items 0, 2 and 3."""
        items = self.made[network][0]
        tensors = {name: items[k] for name, k in (("output", 0), ("loss", 2), ("accuracy", 3)) if k < len(items)}
        return each(
            {name: functools.partial(self._run, tensor, arrays) for name, tensor in tensors.items()}, self.describe
        )

    def train(self, network: int, arrays: Arrays) -> Reply:
        """Run the returned item 1, the training operation, once. Return the new weights."""
        self._run(self.made[network][0][1], arrays)
        return self.weights(network, [])


def _before(op: Any) -> list[Any]:
    return [tensor.op for tensor in op.inputs]


def _after(op: Any) -> list[Any]:
    return [reader for tensor in op.outputs for reader in tensor.consumers()]


def _closure(op: Any, following: Callable[[Any], list[Any]]) -> set[Any]:
    """Return an operation and all that follow it, directly or indirectly."""
    found, new = {op}, [op]
    while new:
        new = [other for one in new for other in following(one) if other not in found]
        found.update(new)
    return found
