"""The checks that only task 4 has, about the graph. Each docstring is the sentence that a student reads."""

from __future__ import annotations

import numpy as np

from convlens.checker.checks import Failed
from convlens.checker.lenets.description import Description, returned_in_words
from convlens.checker.lenets.expected import near
from convlens.checker.lenets.outcomes import exception_outcome, failed
from convlens.checker.lenets.under_test import LenetUnderTest
from convlens.checker.lenets.variables import places

__all__ = ["builds", "labels", "two_networks"]

_OTHER = {"float32": "int32", "int32": "float32"}
# TensorFlow's message if a variable's name is taken. Its ValueError has no field that distinguishes this reason.
_NAME_TAKEN = "already exists"


def builds(lenet: LenetUnderTest) -> None:
    """The function lenet5(x, y) returns the output, the training operation, the loss and the accuracy."""
    lenet.framework = "tensorflow"
    if lenet.built("float32")[0].error is not None and lenet.built("int32")[0].error is None:
        lenet.main = "int32"
    description = lenet.description(lenet.main)
    items = description.items
    if description.kind not in ("tuple", "list") or len(items) != 4:
        of = f" of {len(items)}" if description.kind in ("tuple", "list") else ""
        mistake = "returns_missing" if description.kind == "NoneType" else "returns_order"
        raise failed(
            f"the function must return four things; it returns {returned_in_words(description.kind)}{of}", mistake
        )
    if items[1][0] == "other" and items[1][1].endswith("Optimizer"):
        raise failed(f"result 2 of the function is the optimizer itself, {items[1][1]}", "returns_optimizer")
    if items[3] == ("other", "tuple"):
        raise failed("result 4 of the function is a tuple", "returns_metric")
    kinds = [kind for kind, _ in items]
    if "operation" in kinds and kinds != ["tensor", "operation", "tensor", "tensor"]:
        raise failed(f"the function returns, in this order: {', '.join(kinds)}", "returns_order")
    for k, (kind, name) in enumerate(items):
        if kind == "other":
            raise failed(f"result {k + 1} of the function is {returned_in_words(name)}", "returns_order")


def labels(lenet: LenetUnderTest) -> None:
    """The placeholder of the labels may hold floats or, as in the course's program, integers."""
    other = _OTHER[lenet.main]
    told = lenet.built(other)[0]
    if told.error is not None:
        error = exception_outcome(told.error, f"with labels of type {other}: ", lenet.version)
        raise failed(str(error), "labels_cast") if isinstance(error, Failed) else error
    for here, there in zip(lenet.planted(), lenet.planted(other), strict=True):
        for name in ("output", "loss", "accuracy"):
            if name in there.raised:
                raise failed(
                    str(exception_outcome(there.raised[name], f"with labels of type {other}: ")), "labels_cast"
                )
            if name not in here.arrays or name not in there.arrays:
                raise Failed(f"there is no {name}")
            if not near(there.arrays[name], here.arrays[name]):
                raise failed(
                    f"the {name} with labels of type {other} differs from the {name} with {lenet.main}", "labels_cast"
                )


def two_networks(lenet: LenetUnderTest) -> None:
    """If two networks can be built in one graph, each has its own weights: training one does not change the other."""
    first, second = lenet.built("pair")
    clash = _name_clash(second)
    # Adam's variable for a weight has the weight's name, so this clash means that the weight is the first network's
    if "/Adam" in clash:
        raise failed("the second network uses the first one's weights", "weights_shared")
    if first.error is not None or clash:
        return  # the names are taken: TensorFlow says so, and the task asks for only one network
    shapes = lenet.shapes("pair", 1)
    if not shapes:
        raise failed("the second network has no variables of its own", "weights_shared")
    if places(shapes) is None:
        raise failed(f"the second network has {len(shapes)} variables of its own; it needs 10", "weights_shared")
    batch = lenet.expected.batches[0]
    before = lenet.weights("weights", "pair", 1)
    lenet.plant("pair", 0)
    lenet.weights("train", "pair", 0, batch)
    after = lenet.weights("weights", "pair", 1)
    if not all(map(np.array_equal, before, after)):
        raise failed("training the first network changes the second one", "weights_shared")
    output = lenet.planted("pair", 1)[0].arrays.get("output")
    if output is None or not near(output, batch.output):
        raise failed("the second network's output is wrong, although the first one's is right", "weights_shared")


def _name_clash(description: Description) -> str:
    """Return TensorFlow's message that a variable's name is taken, or ""."""
    error = description.error
    message = str(error.get("message")) if isinstance(error, dict) else ""
    return message if _NAME_TAKEN in message else ""
