"""The graph of layers in a Keras model's configuration, read from JSON alone. Keras is not needed, and no code is run.

`read_graph` takes models inside the model apart, so that the graph holds layers only. `chain` then finds the layers
from input to output. Where a branch leaves the chain and is added to it again, the chain has a `Branch`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

INPUT = -1  # the number of the network's input, in the place of a layer's
_MODELS = ("Sequential", "Functional", "Model")


@dataclass(frozen=True)
class Node:
    """A layer in the graph. path: the names of the models that hold it, and its own. inputs: numbers of layers"""

    path: tuple[str, ...]
    kind: str
    module: str
    config: dict[str, Any]
    inputs: tuple[int, ...]

    @property
    def name(self) -> str:
        """The layer's own name."""
        return self.path[-1]


@dataclass
class Graph:
    """All layers, the number of the last one, and the shape of the input without the batch"""

    name: str
    nodes: list[Node] = field(default_factory=list)
    output: int = INPUT
    input_shape: tuple[int | None, ...] | None = None
    batch: int | None = None  # the fixed batch of the input, which convlens does not need
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Branch:
    """Several chains with the same input, whose outputs `node` adds"""

    node: Node
    paths: tuple[tuple[Item, ...], ...]


Item: TypeAlias = "Node | Branch"


def read_graph(model: dict[str, Any]) -> Graph:
    """Return the graph of a model: {"class_name": "Sequential" or "Functional", "config": …}, of Keras 2 or 3.

    What is wrong with single layers is in `problems`. Raises ValueError if it is another model; KeyError, TypeError or
    AttributeError if the configuration is not one that Keras writes.
    """
    kind = model["class_name"]
    if kind not in _MODELS or not _own(model):
        raise ValueError(f"a Keras model must be a Sequential or functional model; got {kind}")
    graph = Graph(_settings(model).get("name", "sequential"))
    graph.output = _expand(graph, model, (), INPUT)
    return graph


def _own(layer: dict[str, Any]) -> bool:
    """Whether a layer or model is Keras's. Keras 2 writes no module."""
    module = layer.get("module")
    return module is None or module == "keras" or str(module).startswith("keras.")


def _settings(model: dict[str, Any]) -> dict[str, Any]:
    config = model["config"]
    return {"layers": config} if isinstance(config, list | tuple) else dict(config)  # a list: Keras before 2.2.3


def _expand(graph: Graph, model: dict[str, Any], path: tuple[str, ...], source: int) -> int:
    """Add a model's layers to the graph, behind layer number `source`; return the number of the last one."""
    config = _settings(model)
    layers = config["layers"]
    if model["class_name"] == "Sequential":
        return _expand_sequence(graph, config, layers, path, source)
    inputs, outputs = list(_ends(config["input_layers"])), list(_ends(config["output_layers"]))
    if (len(inputs), len(outputs)) != (1, 1):
        graph.problems.append(
            f"a network must have one input and one output; {config['name']} has {len(inputs)} and {len(outputs)}"
        )
        return source
    by_name = {layer["config"].get("name", layer.get("name")): layer for layer in layers}
    found = {inputs[0]: source}
    _input(graph, by_name[inputs[0]]["config"])

    def number(name: str) -> int:
        if name not in found:
            layer = by_name[name]
            sources = list(_sources(layer["inbound_nodes"][0]))
            if len(layer["inbound_nodes"]) > 1:
                graph.problems.append(f"layer {name}: a layer must be used only once; this one is used again")
            found[name] = INPUT  # a layer that is used again may stand behind itself
            found[name] = _add(graph, layer, path, tuple(number(other) for other in sources))
        return found[name]

    return number(outputs[0])


def _expand_sequence(
    graph: Graph, config: dict[str, Any], layers: list[dict[str, Any]], path: tuple[str, ...], source: int
) -> int:
    for k, layer in enumerate(layers):
        if k == 0 or layer["class_name"] == "InputLayer":
            _input(graph, layer["config"])
        if layer["class_name"] != "InputLayer":
            source = _add(graph, layer, path, (source,))
    if graph.input_shape is None and (shape := config.get("build_input_shape")):
        _input(graph, {"batch_shape": shape})
    return source


def _add(graph: Graph, layer: dict[str, Any], path: tuple[str, ...], inputs: tuple[int, ...]) -> int:
    config = _settings(layer)
    path = (*path, config.get("name") or layer.get("name") or layer["class_name"].lower())
    if layer["class_name"] in _MODELS and _own(layer) and len(inputs) == 1:
        return _expand(graph, layer, path, inputs[0])
    graph.nodes.append(
        Node(path, layer["class_name"], layer.get("module", "keras.layers") or "own code", config, inputs)
    )
    return len(graph.nodes) - 1


def _input(graph: Graph, config: dict[str, Any]) -> None:
    shape = config.get("batch_shape") or config.get("batch_input_shape")
    if graph.input_shape is None and shape:
        graph.input_shape, graph.batch = tuple(shape[1:]), shape[0]


def _ends(ends: Any) -> Iterator[str]:
    """Yield the names in [["a", 0, 0], …], which Keras 3 also writes as ["a", 0, 0] or as a dictionary."""
    if isinstance(ends, dict):
        ends = list(ends.values())
    if ends and isinstance(ends[0], str):
        ends = [ends]
    for end in ends:
        yield end[0]


def _sources(call: Any) -> Iterator[str]:
    """Yield the names of the layers whose outputs one call of a layer takes, as Keras 2 or 3 writes it."""
    if isinstance(call, dict) and call.get("class_name") == "__keras_tensor__":
        yield call["config"]["keras_history"][0]
    elif isinstance(call, dict):
        for value in call.values():
            yield from _sources(value)
    elif isinstance(call, list | tuple) and len(call) >= 3 and isinstance(call[0], str):
        yield call[0]
    elif isinstance(call, list | tuple):
        for value in call:
            yield from _sources(value)


# ---------------------------------------------------------------- the chain


def chain(graph: Graph, adds: Iterable[str] = ("Add",)) -> tuple[Item, ...]:
    """Return the layers from input to output. adds: the kinds of layers that add their inputs.

    A layer that has several inputs and is none of `adds`, or a layer that two branches use, goes into `problems`.
    """
    above = _dominators(graph)
    used: set[int] = set()
    kinds = set(adds)

    def walk(start: int, end: int) -> tuple[Item, ...]:
        items: list[Item] = []
        while end != start:
            node = graph.nodes[end]
            if end in used:
                graph.problems.append(f"layer {node.name}: a layer must be used only once; this one is in two branches")
                break
            used.add(end)
            if len(node.inputs) == 1:
                items.insert(0, node)
                end = node.inputs[0]
                continue
            if node.kind not in kinds or not node.inputs:
                graph.problems.append(f"layer {node.name}: a layer must have one input; {node.kind} has several")
            else:
                items.insert(0, Branch(node, tuple(walk(above[end], source) for source in node.inputs)))
            end = above[end]
        return tuple(items)

    return walk(INPUT, graph.output)


def _dominators(graph: Graph) -> dict[int, int]:
    """Return, for each layer, the last layer that every path from the input to it passes."""
    above: dict[int, int] = {}

    def line(k: int) -> list[int]:
        found = [k]
        while k != INPUT:
            k = above[k]
            found.append(k)
        return found

    for k, node in enumerate(graph.nodes):  # a layer stands after its inputs
        common = line(node.inputs[0]) if node.inputs else [INPUT]
        for source in node.inputs[1:]:
            others = set(line(source))
            common = [number for number in common if number in others]
        above[k] = common[0]
    return above
