"""The checks of tasks 4 and 5, the two LeNets. Each docstring is the sentence that a student reads.

A guest builds, plants, runs and reports; here is known what right numbers are. What a guest says of its layers may
explain a failure: outputs, loss, accuracy, weights before and after training decide.
"""

from __future__ import annotations

import math

import numpy as np

from convlens.arrays import Array
from convlens.checker.checks import Checks, Failed, Unknown
from convlens.checker.lenets import graph as lenet_graph
from convlens.checker.lenets import model as lenet_model
from convlens.checker.lenets.bench import LenetBench, failed, near, raised
from convlens.checker.lenets.expected import LAYERS, places
from convlens.checker.lenets.mistakes import Likely, accuracies, losses, output_mistake, shape_mistake
from convlens.checker.lenets.sketch import RIGHT, Trace, trace
from convlens.checker.lenets.start import start_mistake
from convlens.checker.lenets.step import first_step, second_step
from convlens.checker.lenets.table import difference
from convlens.checker.verdict import Map

__all__ = ["KERAS", "TENSORFLOW", "LenetBench"]

PARAMETERS = 61_706
EPSILON = {"tensorflow": 1e-8, "keras": 1e-7}  # what each one's Adam adds to the root


def loads(bench: LenetBench) -> None:
    """The file can be imported, and the function lenet5 is there."""
    bench.load()


def layers(bench: LenetBench) -> None:
    """The layers are those of the task, one after the other."""
    facts = bench.facts(bench.main)
    found = difference(facts.rows)
    if found is not None and not bench.right_output():  # if it is right, that is another way to write the same network
        raise failed(found.message, found.mistake)
    if facts.noisy:
        raise failed(f"there is one more layer, {facts.noisy[0]}", "layer_other")
    if bench.framework == "keras" and facts.regularized:
        mistake = "initializer_as_regularizer" if facts.misplaced else "regularizer"
        raise failed("a layer has a regularizer; the task has none", mistake)


def parameters(bench: LenetBench) -> None:
    """There are 61,706 numbers to be trained, in ten kernels and biases."""
    facts = bench.facts(bench.main)
    shapes = facts.shapes
    if places(shapes) is None:
        count = sum(math.prod(shape) for shape in shapes)
        listed = ", ".join(str(shape) for shape in shapes[:12]) or "none at all"
        raise failed(
            f"there are {count:,} numbers in {len(shapes)} variables, not {PARAMETERS:,} in 10: {listed}",
            shape_mistake(shapes) if shapes else "not_trained",
        )
    if not all(facts.trained):
        count = sum(math.prod(shape) for shape, trained in zip(shapes, facts.trained, strict=True) if not trained)
        raise failed(f"{count:,} of {PARAMETERS:,} numbers are not to be trained", "frozen")


def start(bench: LenetBench) -> None:
    """Every kernel starts from he_normal, in every network anew, and every bias from 0."""
    keys = (bench.main,) if bench.framework == "keras" else ("float32", "int32", "pair")
    networks: list[list[Array]] = []
    for key in keys:
        for network, told in enumerate(bench.built(key) if len(networks) < 2 else []):
            if told.error is None and told.shapes:
                networks.append(bench.start(key, network))
    _check_start(bench, networks)


def _check_start(bench: LenetBench, networks: list[list[Array]]) -> None:
    if not networks or len({tuple(array.shape for array in one) for one in networks}) > 1:
        raise Failed("networks that are made one after the other have weights of different shapes")
    names = iter(LAYERS if len([a for a in networks[0] if a.ndim > 1]) == len(LAYERS) else [])
    for arrays in zip(*networks, strict=True):
        if arrays[0].ndim > 1:
            name = next(names, f"the kernel {arrays[0].shape}")
            if (found := start_mistake(arrays)) is not None:
                message, mistake = found
                if mistake == "initializer_missing" and bench.facts(bench.main).misplaced:
                    mistake = "initializer_as_regularizer"
                raise failed(f"{name} {message}", mistake)
    for arrays in zip(*networks, strict=True):
        if arrays[0].ndim <= 1 and any(array.any() for array in arrays):
            raise failed(f"a bias of {arrays[0].size} starts from {float(arrays[0].flat[0]):g}", "bias_not_zero")


def output(bench: LenetBench) -> None:
    """With weights that are given to it, the network's output is that of LeNet-5, its softmax."""
    for values, batch in zip(bench.planted(), bench.expected.batches, strict=True):
        if "output" in values.raised:
            raise raised(values.raised["output"], f"for {len(batch.x)} images: ")
        if (got := values.arrays.get("output")) is None:
            raise Failed("there is no output")
        if near(got, batch.output):
            continue
        message, maps = _first_wrong(bench, got, batch.output), _maps(got, batch.output)
        bench.output_is = output_mistake(bench.expected.weights, batch, got) or (Likely(""), None)
        likely, _ = bench.output_is
        raise failed(message, likely.mistake, maps, likely.what)


def _first_wrong(bench: LenetBench, got: Array, want: Array) -> str:
    if got.shape != want.shape:
        return f"for {len(want)} images the output has shape {got.shape}, not {want.shape}"
    with np.errstate(all="ignore"):
        right = np.abs(got - want) <= 1e-5
    at = tuple(int(k) for k in np.argwhere(~right)[0])
    there = f"[{at[0]}, {at[1]}]"
    return f"output{there} is {got[at]:.6g} for {len(want)} images and the weights given{bench.told(float(want[at]))}"


def _maps(got: Array, want: Array) -> list[Map]:
    """Where the first examples' output is wrong"""
    if got.shape != want.shape:
        return []
    with np.errstate(all="ignore"):
        off = np.abs(got - want)[:20]
    finite = np.isfinite(off)
    largest = max(float(off[finite].max(initial=0)), 1e-300)
    tenths = np.where(finite, np.ceil(10 * np.where(off > 1e-5, np.where(finite, off, 0), 0) / largest), -1)
    return [Map("output: examples downwards, classes across", tenths.astype(int).tolist())]


def _traces(bench: LenetBench) -> list[Trace | None]:
    """What the network would give, with the mistake that its output shows; None if that is not known"""
    found: list[Trace | None] = []
    for batch in bench.expected.batches:
        sketch = RIGHT if bench.output_is is None else bench.output_is[1]
        x = batch.x.astype(np.float64)
        found.append(None if sketch is None else trace(bench.expected.weights, x, sketch))
    return found


def loss(bench: LenetBench) -> None:
    """The loss is the softmax cross-entropy of one-hot labels, the mean over the batch."""
    for values, batch, traced in zip(bench.planted(), bench.expected.batches, _traces(bench), strict=True):
        if "loss" in values.raised:
            raise _no_loss(bench, values.raised["loss"], f"the loss of {len(batch.x)} images: ")
        if (got := values.arrays.get("loss")) is None:
            raise Failed("there is no loss")
        want = _known(batch.labels, traced, batch.loss)
        if near(got, want):
            if bench.facts(bench.main).from_logits and bench.output_is is None:
                message = "the loss is told that it gets logits (from_logits=True), and it gets probabilities"
                raise failed(message, "softmax_twice")
            continue
        if traced is None:
            raise Unknown("the loss is another than LeNet-5's, as the output is")
        message = f"the loss of {len(batch.x)} images is {_shown(got)}{bench.told(want)}"
        if got.shape == batch.labels.shape:
            raise failed(message, "loss_not_reduced")
        accuracy = values.arrays.get("accuracy", got)
        if near(got, batch.accuracy) and near(accuracy, batch.loss):
            raise failed(message + ", which is the accuracy", "returns_order")
        for likely, value in losses(batch, traced.logits):
            if near(got, value):
                raise failed(message, likely.mistake, (), likely.what)
        facts = bench.facts(bench.main)
        mistake = "regularizer" if facts.regularized else "loss_other"
        raise failed(message, "initializer_as_regularizer" if facts.misplaced else mistake)


def _no_loss(bench: LenetBench, error: object, before: str) -> Failed | Unknown:
    """The outcome of a check where an exception is raised in place of the loss, with the reason if it is known"""
    found = raised(error, before)
    if isinstance(found, Unknown) or found.mistake:
        return found
    if bench.facts(bench.main).misplaced:
        return failed(str(found), "initializer_as_regularizer")
    return failed(str(found), "loss_other") if bench.output_is is None else found


def _known(labels: Array, traced: Trace | None, right: float) -> float:
    """The mean cross-entropy of that network, LeNet-5's own if there is no other"""
    if traced is None or traced.logits.shape[1:] != (10,):
        return right
    top = traced.logits - traced.logits.max(axis=1, keepdims=True)
    return float((np.log(np.exp(top).sum(axis=1)) - top[np.arange(len(labels)), labels]).mean())


def _shown(got: Array) -> str:
    return f"{float(got):.6g}" if got.ndim == 0 else f"an array of shape {got.shape}"


def accuracy(bench: LenetBench) -> None:
    """The accuracy is the share of examples for which the largest output is at the label's place."""
    for values, batch, traced in zip(bench.planted(), bench.expected.batches, _traces(bench), strict=True):
        if "accuracy" in values.raised:
            raise raised(values.raised["accuracy"], f"the accuracy of {len(batch.x)} images: ")
        numbers = {name: got for name, got in values.arrays.items() if name not in ("output", "loss")}
        if not numbers:
            error = values.raised.get("loss")
            if error is not None:
                raise _no_loss(bench, error, "there is no accuracy, as there is no loss: ")
            raise failed("there is no accuracy", "metrics_missing")
        outputs = batch.output if traced is None else traced.output
        want = float((outputs.argmax(axis=1) == batch.labels).mean())
        if any(near(got, want) for got in numbers.values()):
            continue
        name, got = next(iter(numbers.items()))
        if traced is None:
            raise Unknown("the accuracy is another than LeNet-5's, as the output is")
        message = f"the {name} of {len(batch.x)} images is {_shown(got)}{bench.told(want)}"
        if near(got, batch.loss):
            raise failed(message + ", which is the loss", "returns_order")
        for likely, value in accuracies(batch, outputs):
            if near(got, value):
                raise failed(message, likely.mistake, (), likely.what)
        raise failed(message, "accuracy_other")


def training(bench: LenetBench) -> None:
    """Each training step is one of Adam, with its default numbers, by the gradient of the loss."""
    epsilon = EPSILON[bench.framework]
    first, second = bench.expected.batches
    weights = bench.expected.weights
    bench.plant(bench.main)
    after = bench.ten(bench.weights("train", bench.main, 0, first), bench.main, 0)
    gradients = [bench.expected.gradient(weights, first)]
    optimizers = bench.facts(bench.main).optimizers
    first_step(weights, after, gradients[0], epsilon, optimizers, bench.options.reveal)
    later = bench.ten(bench.weights("train", bench.main, 0, second), bench.main, 0)
    gradients.append(bench.expected.gradient(after, second))
    second_step(after, later, gradients, epsilon)


def _table(framework: str) -> Checks:
    found = Checks()
    found.add("parses")(loads)
    found.add("loads")(lenet_graph.builds if framework == "tensorflow" else lenet_model.builds)
    found.add("builds")(layers)
    found.add("builds")(parameters)
    found.add("builds")(start)
    found.add("builds")(output)
    found.add("builds")(loss)
    found.add("builds")(accuracy)
    found.add("output", "loss")(training)
    if framework == "tensorflow":
        found.add("output", "loss")(lenet_graph.labels)
        found.add("output", "loss")(lenet_graph.two_networks)
    return found


TENSORFLOW = _table("tensorflow")
KERAS = _table("keras")
