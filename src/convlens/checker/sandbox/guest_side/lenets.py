"""A guest's job: build the LeNet-5 of task 4 or 5, set its weights, run it, and describe its layers.

The answers of this process are not trusted: the verdict is made outside, from the arrays. The description of layers and
optimizers only explains a verdict.
"""

from __future__ import annotations

import functools
import importlib
import random
import re
import sys
import traceback
import types
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING or __package__:
    from convlens.checker.sandbox.guest_side import editions
else:  # inside the sandbox this folder is on the path, and there is no convlens
    import editions

Arrays = list[NDArray[Any]]
Reply = tuple[dict[str, Any], Arrays]
Handler = Callable[[dict[str, Any], Arrays], Reply]
Describe = Callable[[BaseException], dict[str, Any]]  # returns an exception as JSON values

IMAGE, CLASSES = (28, 28, 1), 10
LONGEST = 400  # characters of an exception's text


def start(source: bytes, options: dict[str, Any]) -> Handler:
    """Return the function that answers requests about a file.

    options: "file" is the file's name, "framework" is "tensorflow" (task 4) or "keras" (task 5)
    {"do": "load"} -> {"loaded": true, "version", "edition": the edition of the course}, {"missing": [the functions of
        the file]}, or without TensorFlow {"absent": why}
    {"do": "build", "key": name, "networks": n, "labels": dtype, "seed": k} -> {"networks": [descriptions]}: n networks
        in one new graph (task 4), or n models (task 5), kept under this name; see the two classes below
    {"do": "weights", "key", "network"} -> an array for each of the description's "variables", in the same order
    {"do": "plant", "key", "network"} and an array for each variable -> {"planted": number of arrays}
    {"do": "values", "key", "network"}, x and labels -> {"names": [...], "errors": {name: error}}, an array per name
    {"do": "train", "key", "network"}, x and labels -> the weights after one training step
    After an exception, the answer (or the description of one network) is {"raised": error}. An error is {"type",
    "message", "line": line of the file, 0 if unknown, "code": the whole statement that starts in this line}.
    """
    name = str(options["file"])
    module = types.ModuleType(name.removesuffix(".py"))
    module.__file__ = name
    build = _Graph if options["framework"] == "tensorflow" else _Models
    built: dict[str, Any] = {}

    def load() -> Reply:
        try:
            version = str(importlib.import_module("tensorflow").__version__)
        except ImportError as error:
            return {"absent": str(error)[:LONGEST]}, []
        sys.modules[module.__name__] = module
        if options["framework"] == "tensorflow":
            module.__dict__["__builtins__"] = editions.builtins_for(source)
        exec(compile(source, name, "exec"), module.__dict__)
        if not callable(getattr(module, "lenet5", None)):
            made = [key for key, value in vars(module).items() if isinstance(value, types.FunctionType)]
            return {"missing": made[:10]}, []
        return {"loaded": True, "version": version, "edition": editions.edition(source, options["framework"])}, []

    def describe(error: BaseException) -> dict[str, Any]:
        return _describe(error, name, source)

    def answer(request: dict[str, Any], arrays: Arrays) -> Reply:
        if request["do"] == "load":
            return load()
        if request["do"] == "build":
            random.seed(request["seed"])
            made = built[request["key"]] = build(request["seed"], request["labels"], describe)
            return {
                "networks": [_try(lambda: made.add(module.lenet5), describe) for _ in range(request["networks"])]
            }, []
        reply: Reply = getattr(built[request["key"]], request["do"])(request["network"], arrays)
        return reply

    def guarded(request: dict[str, Any], arrays: Arrays) -> Reply:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return answer(request, arrays)
            except BaseException as error:
                return {"raised": describe(error)}, []

    return guarded


def _describe(error: BaseException, name: str, source: bytes) -> dict[str, Any]:
    """Return an exception's type and text, shortened, and the innermost statement of the file in its traceback."""
    line = last = 0
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == name:
            line, last = frame.lineno or 0, getattr(frame, "end_lineno", None) or frame.lineno or 0
    if isinstance(error, SyntaxError) and error.filename == name:
        line = last = error.lineno or 0
    text = source.decode("utf-8", "replace").splitlines()
    code = "\n".join(part.strip() for part in text[max(line - 1, 0) : last])[:LONGEST]
    return {"type": type(error).__name__, "message": plain(str(error))[:LONGEST], "line": line, "code": code}


def plain(text: str) -> str:
    """Return the text of an error without TensorFlow's additions: where a node was created, and the node.

    The result is only shown. A text of another form is returned unchanged.

    >>> plain("too long for '{{node add}} = Add[T=DT_FLOAT](x, y)' with shapes 2, 3 [[{{node add}}]]")
    'too long with shapes 2, 3'
    """
    text = text.partition("\n\nOriginal stack trace")[0]
    around = re.compile(r'Graph execution error:|Detected at node|\s+File "|Node: |<stack traces unavailable>')
    lines = text.splitlines()
    if lines and lines[0].startswith("Graph execution error"):
        text = "\n".join(line for line in lines if not around.match(line))
    text = re.sub(r"\s*\[\[\{\{node.*", "", text, flags=re.DOTALL)
    return re.sub(r"\.? for '\{\{node [^']*'", "", text).strip()


def _try(add: Callable[[], dict[str, Any]], describe: Describe) -> dict[str, Any]:
    try:
        return add()
    except BaseException as error:
        return {"raised": describe(error)}


def _each(calls: dict[str, Callable[[], Any]], describe: Describe) -> Reply:
    """Return the array of each call, or the exception that the call raises."""
    names, found, errors = [], [], {}
    for name, call in calls.items():
        try:
            found.append(np.asarray(call()))
            names.append(name)
        except BaseException as error:
            errors[name] = describe(error)
    return {"names": names, "errors": errors}, found


def _sizes(shape: Any) -> list[int | None] | None:
    """Return a shape as JSON values, with None for an unknown size or an unknown shape."""
    try:
        return [None if size is None else int(size) for size in tuple(shape)]
    except (TypeError, ValueError):
        return None


class _Graph:
    """A graph of task 4 with one or more networks, and its session.

    The description of a network:
    "returned": {"kind": "tuple", "list" or another type, "items": [{"kind", "type", "shape"}]}
    "variables": [{"name", "shape", "trainable"}] for every variable that is trained or that the output depends on
    "operations": [{"type", "out", "variables": the numbers of the variables that the operation reads, "strides",
        "padding", "size"}] from x to the first item, in order
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
                {"name": v.name, "shape": _sizes(v.shape), "trainable": v.name in trained} for v in variables[:100]
            ],
            "operations": self._operations(items[0], variables) if items and self._is_tensor(items[0]) else [],
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
                "shape": _sizes(item.shape) if item.shape.rank is not None else None,
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
            row = {"type": op.type, "out": _sizes(op.outputs[0].shape) if op.outputs else None, "variables": read}
            if op.type in ("Conv2D", "MaxPool", "AvgPool"):
                row["strides"] = [int(s) for s in op.get_attr("strides")]
                row["padding"] = op.get_attr("padding").decode().lower()
            if op.type in ("MaxPool", "AvgPool"):
                row["size"] = [int(s) for s in op.get_attr("ksize")]
            found.append(row)
        return found[:400]

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
        return _each(
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


class _Models:
    """Models of task 5.

    The description of a network:
    "returned": {"kind": the type, "model": whether it is a K.Model}
    "variables": [{"name", "shape", "trainable"}]
    "layers": [{"type", "kernel", "strides", "padding", "size", "activation", "bias", "regularizer", "initializer":
        whether the regularizer is an initializer}], where a model inside the model is replaced by its layers
    "compiled": whether the model is compiled; "optimizers": [the type of its optimizer]; "from_logits": this option of
        the loss
    """

    def __init__(self, seed: int, labels: str, describe: Describe) -> None:
        self.describe = describe
        self.K = importlib.import_module("tensorflow").keras
        self.made: list[Any] = []
        self.K.utils.set_random_seed(seed)

    def add(self, lenet5: Any) -> dict[str, Any]:
        """Build one more network and return its description."""
        model = lenet5(self.K.Input(shape=IMAGE))
        self.made.append(model)
        returned = {"kind": type(model).__name__, "model": isinstance(model, self.K.Model)}
        if not returned["model"]:
            return {"returned": returned, "variables": [], "layers": [], "compiled": False}
        trained = {id(v) for v in model.trainable_weights}
        description = {
            "returned": returned,
            "variables": [
                {"name": v.name, "shape": _sizes(v.shape), "trainable": id(v) in trained} for v in model.weights[:100]
            ],
            "layers": [self._layer(layer) for layer in self._flat(model)][:100],
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
        sizes = {name: getattr(layer, name, None) for name in ("strides", "pool_size")}
        regularizer = getattr(layer, "kernel_regularizer", None) or getattr(layer, "bias_regularizer", None)
        return {
            "type": kind,
            "kernel": None if kernel is None else _sizes(kernel.shape),
            "strides": None if sizes["strides"] is None else _sizes(sizes["strides"]),
            "size": None if sizes["pool_size"] is None else _sizes(sizes["pool_size"]),
            "padding": str(getattr(layer, "padding", "")).lower(),
            "activation": "" if activation is None else _name(activation),
            "bias": getattr(layer, "bias", None) is not None,
            "regularizer": _name(regularizer),
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

        reply, found = _each({"output": lambda: model(arrays[0], training=False), "loss": test}, self.describe)
        reply["names"].extend(numbers)
        return reply, [*found, *(np.asarray(value) for value in numbers.values())]

    def train(self, network: int, arrays: Arrays) -> Reply:
        """Train the model for one step on a batch. Return the new weights."""
        self.made[network].train_on_batch(arrays[0], arrays[1])
        return self.weights(network, [])


def _name(value: Any) -> str:
    """Return the name of a function or of an object's type, "" for None."""
    if value is None:
        return ""
    return str(value if isinstance(value, str) else getattr(value, "__name__", type(value).__name__))[:100]
