"""The checks of tasks 4 and 5, the two LeNets. Each docstring is the sentence that a student reads.

The guest builds, runs and trains networks, but does not know the right numbers. The verdict depends on the output, the
loss, the accuracy, and the weights before and after training. The guest's description of its layers only explains a
failure.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from convlens.arrays import Array
from convlens.checker.checks import Advice, Checks, Failed, Unknown
from convlens.checker.lenets import graph_checks, model_checks
from convlens.checker.lenets.adam_step import check_first_step, check_second_step
from convlens.checker.lenets.expected import near
from convlens.checker.lenets.initialization import initialization_mistake
from convlens.checker.lenets.layer_difference import layer_difference
from convlens.checker.lenets.loss_mistakes import accuracies, losses
from convlens.checker.lenets.mistakes import Likely
from convlens.checker.lenets.outcomes import exception_outcome, failed, hints_for
from convlens.checker.lenets.output_mistakes import output_mistake
from convlens.checker.lenets.under_test import LenetUnderTest
from convlens.checker.lenets.variables import LAYERS, places, shape_mistake
from convlens.checker.lenets.variant import RIGHT, ForwardValues, run_variant
from convlens.checker.verdict import ErrorMap, error_map

__all__ = ["KERAS", "TENSORFLOW"]

PARAMETERS = 61_706
EPSILON = {"tensorflow": 1e-8, "keras": 1e-7}  # the default of each framework's Adam
# What is said of files that follow another edition of the course than the usual one, and what to do
EDITIONS = {
    1: (
        "this file follows the course's first edition, for TensorFlow 1",
        "for TensorFlow 2: import tensorflow.compat.v1 as tf, and tf.keras.initializers.VarianceScaling(scale=2.0)",
    ),
    3: ("this file follows the course's third edition: from tensorflow import keras as K, and seed 0", ""),
}
_TOLERANCE = 1e-5  # tolerance of an output, which is at most 1; see `near`
_LISTED = 12  # variables whose shapes a message lists
_MAPPED = 20  # examples in a map of wrong outputs


def loads(lenet: LenetUnderTest) -> None:
    """The file can be imported, and it has the function lenet5."""
    lenet.load()
    if lenet.edition in EDITIONS:
        raise Advice(*EDITIONS[lenet.edition], "edition")


def layers(lenet: LenetUnderTest) -> None:
    """The layers are the layers of the task, in the same order."""
    description = lenet.description(lenet.main)
    found = layer_difference(description.layers, description.unused)
    # With a right output, the layers are only written in another way
    if found is not None and not lenet.right_output():
        raise failed(found.message, found.mistake)
    if description.noisy:
        raise failed(f"there is one more layer, {description.noisy[0]}", "layer_other")
    if lenet.framework == "keras" and description.regularized:
        mistake = "initializer_as_regularizer" if description.misplaced else "regularizer"
        raise failed("a layer has a regularizer; the task asks for none", mistake)


def parameters(lenet: LenetUnderTest) -> None:
    """The network has 61,706 trainable parameters, in five kernels and five biases."""
    description = lenet.description(lenet.main)
    shapes = description.shapes
    if places(shapes) is None:
        count = sum(math.prod(shape) for shape in shapes)
        different = layer_difference(description.layers, description.unused) if description.layers else None
        listed = ", ".join(str(shape) for shape in shapes[:_LISTED]) or "none"
        raise failed(
            f"there must be {PARAMETERS:,} numbers in 10 variables; there are {count:,} in {len(shapes)}: {listed}",
            different.mistake if different else shape_mistake(shapes) if shapes else "not_trained",
        )
    if not all(description.trained):
        count = sum(math.prod(shape) for shape, trained in zip(shapes, description.trained, strict=True) if not trained)
        raise failed(f"{count:,} of {PARAMETERS:,} numbers are not trainable", "frozen")


def start(lenet: LenetUnderTest) -> None:
    """The kernels are drawn from he_normal, and all biases start at 0."""
    keys = (lenet.main,) if lenet.framework == "keras" else ("float32", "int32", "pair")
    networks: list[list[Array]] = []
    for key in keys:
        for network, told in enumerate(lenet.built(key) if len(networks) < 2 else []):
            if told.error is None and told.shapes:
                networks.append(lenet.start(key, network))
    _check_start(lenet, networks)
    if lenet.framework == "keras" and all(map(np.array_equal, *networks[:2])):
        # A fixed seed, or the same weights? Then the second network changes with the first one
        lenet.plant(lenet.main)
        if not all(map(np.array_equal, networks[1], lenet.ten(lenet.weights("weights", lenet.main, 1), lenet.main, 1))):
            raise failed("two networks, built one after the other, have the same weights", "weights_shared")


def _check_start(lenet: LenetUnderTest, networks: list[list[Array]]) -> None:
    """Raise Failed unless the kernels of these new networks are drawn from he_normal and the biases are 0."""
    if not networks or len({tuple(array.shape for array in one) for one in networks}) > 1:
        raise Failed("two networks, built one after the other, have weights of different shapes")
    names = iter(LAYERS if len([a for a in networks[0] if a.ndim > 1]) == len(LAYERS) else [])
    for arrays in zip(*networks, strict=True):
        if arrays[0].ndim > 1:
            name = next(names, f"the kernel {arrays[0].shape}")
            if (found := initialization_mistake(arrays)) is not None:
                message, mistake = found
                if mistake == "initializer_missing" and lenet.description(lenet.main).misplaced:
                    mistake = "initializer_as_regularizer"
                raise failed(f"{name} {message}", mistake)
    for arrays in zip(*networks, strict=True):
        if arrays[0].ndim <= 1 and any(array.any() for array in arrays):
            raise failed(
                f"a bias of {arrays[0].size} numbers starts with {float(arrays[0].flat[0]):g}", "bias_not_zero"
            )


def output(lenet: LenetUnderTest) -> None:
    """With given weights, the network's output is the softmax output of LeNet-5."""
    for values, batch in zip(lenet.planted(), lenet.expected.batches, strict=True):
        if "output" in values.raised:
            raise exception_outcome(values.raised["output"], f"for {len(batch.x)} images: ")
        if (got := values.arrays.get("output")) is None:
            raise Failed("there is no output")
        if near(got, batch.output):
            continue
        message, maps = _first_wrong(lenet, got, batch.output), _maps(got, batch.output)
        lenet.explained = output_mistake(lenet.expected.weights, batch, got) or (Likely(""), None)
        likely, _ = lenet.explained
        raise failed(message, likely.mistake, maps, likely.what)


def _first_wrong(lenet: LenetUnderTest, got: Array, want: Array) -> str:
    """Return a message with the output's shape if it is wrong, else with the first wrong number."""
    if got.shape != want.shape:
        return f"for {len(want)} images the output has shape {got.shape}; it must have {want.shape}"
    with np.errstate(all="ignore"):
        right = np.abs(got - want) <= _TOLERANCE
    at = tuple(int(k) for k in np.argwhere(~right)[0])
    index = f"[{at[0]}, {at[1]}]"
    return (
        f"output{index} is {got[at]:.6g} for {len(want)} images and the given weights{lenet.revealed(float(want[at]))}"
    )


def _maps(got: Array, want: Array) -> list[ErrorMap]:
    """Return a map of the errors in the outputs of the first examples, [] if the shape is wrong."""
    if got.shape != want.shape:
        return []
    with np.errstate(all="ignore"):
        off = np.abs(got - want)[:_MAPPED]
        wrong = ~(off <= _TOLERANCE)
    return [error_map("output: examples downwards, classes across", off, wrong)]


def _own_values(lenet: LenetUnderTest) -> list[ForwardValues | None]:
    """Return for each batch the forward values of the network with its own mistake, None if they are unknown.

    Loss and accuracy are compared with these values, so that a mistake in the output does not fail their checks too.
    """
    found: list[ForwardValues | None] = []
    for batch in lenet.expected.batches:
        variant = RIGHT if lenet.explained is None else lenet.explained[1]
        x = batch.x.astype(np.float64)
        found.append(None if variant is None else run_variant(lenet.expected.weights, x, variant))
    return found


def loss(lenet: LenetUnderTest) -> None:
    """The loss is the softmax cross-entropy of one-hot labels, averaged over the batch."""
    for values, batch, own in zip(lenet.planted(), lenet.expected.batches, _own_values(lenet), strict=True):
        if "loss" in values.raised:
            raise _loss_exception(lenet, values.raised["loss"], f"the loss of {len(batch.x)} images: ")
        if (got := values.arrays.get("loss")) is None:
            raise Failed("there is no loss")
        want = _mean_loss(batch.labels, own, batch.loss)
        if near(got, want):
            if lenet.description(lenet.main).from_logits and lenet.explained is None:
                message = "the loss expects logits (from_logits=True), but it gets probabilities"
                raise failed(message, "softmax_twice")
            continue
        if own is None:
            raise Unknown("the loss differs from LeNet-5's, and so does the output")
        message = f"the loss of {len(batch.x)} images is {_number_or_shape(got)}{lenet.revealed(want)}"
        if got.shape == batch.labels.shape:
            raise failed(message, "loss_not_reduced")
        accuracy = values.arrays.get("accuracy", got)
        if near(got, batch.accuracy) and near(accuracy, batch.loss):
            raise failed(message + ", which is the accuracy", "returns_order")
        for likely, value in losses(batch, own.logits):
            if near(got, value):
                raise failed(message, likely.mistake, (), likely.what)
        description = lenet.description(lenet.main)
        mistake = "regularizer" if description.regularized else "loss_other"
        raise failed(message, "initializer_as_regularizer" if description.misplaced else mistake)


def _loss_exception(lenet: LenetUnderTest, error: object, before: str) -> Failed | Unknown:
    """Return the outcome of a check in which computing the loss raised an exception, with the mistake if known."""
    found = exception_outcome(error, before)
    if isinstance(found, Unknown) or found.mistake:
        return found
    if lenet.description(lenet.main).misplaced:
        return failed(str(found), "initializer_as_regularizer")
    return failed(str(found), "loss_other") if lenet.explained is None else found


def _mean_loss(labels: Array, own: ForwardValues | None, right: float) -> float:
    """Return the mean cross-entropy for these forward values, or `right`, the loss of LeNet-5, if they are unknown."""
    if own is None or own.logits.shape[1:] != (10,):
        return right
    top = own.logits - own.logits.max(axis=1, keepdims=True)
    return float((np.log(np.exp(top).sum(axis=1)) - top[np.arange(len(labels)), labels]).mean())


def _number_or_shape(got: Array) -> str:
    """Return a number as text, or if it is an array, words for its shape."""
    return f"{float(got):.6g}" if got.ndim == 0 else f"an array of shape {got.shape}"


def accuracy(lenet: LenetUnderTest) -> None:
    """The accuracy is the share of examples whose largest output belongs to their label."""
    for values, batch, own in zip(lenet.planted(), lenet.expected.batches, _own_values(lenet), strict=True):
        if "accuracy" in values.raised:
            raise exception_outcome(values.raised["accuracy"], f"the accuracy of {len(batch.x)} images: ")
        numbers = {name: got for name, got in values.arrays.items() if name not in ("output", "loss")}
        if not numbers:
            error = values.raised.get("loss")
            if error is not None:
                raise _loss_exception(lenet, error, "there is no accuracy, because there is no loss: ")
            raise failed("there is no accuracy", "metrics_missing")
        outputs = batch.output if own is None else own.output
        want = float((outputs.argmax(axis=1) == batch.labels).mean())
        if any(near(got, want) for got in numbers.values()):
            continue
        name, got = next(iter(numbers.items()))
        if own is None:
            raise Unknown("the accuracy differs from LeNet-5's, and so does the output")
        message = f"the {name} of {len(batch.x)} images is {_number_or_shape(got)}{lenet.revealed(want)}"
        if near(got, batch.loss):
            raise failed(message + ", which is the loss", "returns_order")
        for likely, value in accuracies(batch, outputs):
            if near(got, value):
                raise failed(message, likely.mistake, (), likely.what)
        raise failed(message, "accuracy_other")


def training(lenet: LenetUnderTest) -> None:
    """Each training step is a step of Adam with default settings, along the gradient of the loss."""
    epsilon = EPSILON[lenet.framework]
    first, second = lenet.expected.batches
    weights = lenet.expected.weights
    lenet.plant(lenet.main)
    after = lenet.ten(lenet.weights("train", lenet.main, 0, first), lenet.main, 0)
    gradients = [lenet.expected.gradient(weights, first)]
    optimizers = lenet.description(lenet.main).optimizers
    check_first_step(weights, after, gradients[0], epsilon, optimizers, lenet.options.reveal)
    later = lenet.ten(lenet.weights("train", lenet.main, 0, second), lenet.main, 0)
    gradients.append(lenet.expected.gradient(after, second))
    check_second_step(after, later, gradients, epsilon)


def _table(framework: str) -> Checks:
    found = Checks()

    def add(check: Callable[[LenetUnderTest], None], *needs: str) -> None:
        found.add(*needs)(hints_for(framework)(check))

    add(loads, "parses")
    add(graph_checks.builds if framework == "tensorflow" else model_checks.builds, "loads")
    for check in (layers, parameters, start, output, loss, accuracy):
        add(check, "builds")
    add(training, "output", "loss")
    if framework == "tensorflow":
        add(graph_checks.labels, "output", "loss")
        add(graph_checks.two_networks, "output", "loss")
    return found


TENSORFLOW = _table("tensorflow")
KERAS = _table("keras")
