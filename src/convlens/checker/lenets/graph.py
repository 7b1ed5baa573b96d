"""What task 4's graphs alone must do. Each docstring is the sentence that a student reads."""

from __future__ import annotations

import numpy as np

from convlens.checker.checks import Failed
from convlens.checker.lenets.bench import LenetBench, failed, near, raised
from convlens.checker.lenets.expected import places
from convlens.checker.lenets.facts import Facts, in_words

__all__ = ["builds", "labels", "two_networks"]

_OTHER = {"float32": "int32", "int32": "float32"}


def builds(bench: LenetBench) -> None:
    """lenet5(x, y) returns four things: the output, an operation that trains, the loss, the accuracy."""
    bench.framework = "tensorflow"
    if bench.built("float32")[0].error is not None and bench.built("int32")[0].error is None:
        bench.main = "int32"
    facts = bench.facts(bench.main)
    items = facts.items
    if facts.kind not in ("tuple", "list") or len(items) != 4:
        of = f" of {len(items)}" if facts.kind in ("tuple", "list") else ""
        mistake = "returns_missing" if facts.kind == "NoneType" else "returns_order"
        raise failed(f"it returns {in_words(facts.kind)}{of}, not four things", mistake)
    kinds = [kind for kind, _ in items]
    if "operation" in kinds and kinds != ["tensor", "operation", "tensor", "tensor"]:
        raise failed(f"it returns, in this order: {', '.join(kinds)}", "returns_order")
    for k, (kind, name) in enumerate(items):
        if kind == "other":
            raise failed(f"number {k + 1} of what it returns is {in_words(name)}", "returns_order")


def labels(bench: LenetBench) -> None:
    """The labels' placeholder may hold floats or, as in the course's program, whole numbers."""
    other = _OTHER[bench.main]
    told = bench.built(other)[0]
    if told.error is not None:
        error = raised(told.error, f"with labels of type {other}: ", bench.version)
        raise failed(str(error), "labels_cast") if isinstance(error, Failed) else error
    for here, there in zip(bench.planted(), bench.planted(other), strict=True):
        for name in ("output", "loss", "accuracy"):
            if name in there.raised:
                raise failed(str(raised(there.raised[name], f"with labels of type {other}: ")), "labels_cast")
            if name not in here.arrays or name not in there.arrays:
                raise Failed(f"there is no {name}")
            if not near(there.arrays[name], here.arrays[name]):
                raise failed(f"with labels of type {other} the {name} is another than with {bench.main}", "labels_cast")


def two_networks(bench: LenetBench) -> None:
    """Two networks in one graph, if names allow it, have weights of their own; training one leaves the other alone."""
    first, second = bench.built("pair")
    clash = _clash(second)
    if "/Adam" in clash:  # numbers that Adam keeps for each weight: the weights are the first network's
        raise failed("the second network takes the first one's weights", "weights_shared")
    if first.error is not None or clash:
        return  # names are used up: this is told loudly, and the task asks for one network
    shapes = bench.shapes("pair", 1)
    if not shapes:
        raise failed("the second network has no variables of its own", "weights_shared")
    if places(shapes) is None:
        raise failed(f"the second network has {len(shapes)} variables of its own; it needs 10", "weights_shared")
    batch = bench.expected.batches[0]
    before = bench.weights("weights", "pair", 1)
    bench.plant("pair", 0)
    bench.weights("train", "pair", 0, batch)
    after = bench.weights("weights", "pair", 1)
    if not all(map(np.array_equal, before, after)):
        raise failed("training the first network changes the second one", "weights_shared")
    output = bench.planted("pair", 1)[0].arrays.get("output")
    if output is None or not near(output, batch.output):
        raise failed("the second network's output is wrong where the first one's is right", "weights_shared")


def _clash(told: Facts) -> str:
    """What is said of a name that is there already, or "" """
    message = str(told.error.get("message")) if isinstance(told.error, dict) else ""
    return message if "already exists" in message else ""
