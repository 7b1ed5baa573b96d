"""Mistakes with LeNet-5, by name: the hint for the student, and which of them gives the numbers that came."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from convlens import ops
from convlens.arrays import Array
from convlens.checker.lenets.expected import LAYERS, RATE, Batch, adam_steps
from convlens.checker.lenets.sketch import RIGHT, Pool, Sketch, trace

__all__ = ["HINTS", "Likely", "accuracies", "losses", "output_mistake", "shape_mistake", "sketches", "step_mistake"]

HINTS = {
    "softmax_wrong_layer": "softmax belongs to the last layer, the one with 10 outputs, and to no other",
    "softmax_missing": "the first result must be the softmax of the last layer's numbers, not these numbers themselves",
    "softmax_twice": "softmax is taken twice: a loss that takes it itself needs the logits, not probabilities",
    "softmax_axis": "softmax goes along each example's 10 classes (the last axis), not along the examples",
    "activation_missing": "each convolution and each dense layer but the last ends in ReLU",
    "activation_other": "each convolution and each dense layer but the last ends in ReLU, the last one in softmax",
    "relu_on_logits": "the last layer has no ReLU: softmax alone",
    "no_bias": "every convolution and every dense layer adds a bias",
    "average_pool": "both pools take the maximum of a window, not its average",
    "pool_size": "both pools have windows of 2 × 2",
    "pool_stride": "both pools have strides of 2 × 2",
    "padding_same": 'the second convolution has padding "valid": 14 × 14 becomes 10 × 10',
    "padding_valid": 'the first convolution has padding "same": 28 × 28 stays 28 × 28',
    "padding_other": 'padding "same" adds two rows of zeros at the top, bottom, left and right of the image',
    "kernel_size": "both convolutions have kernels of 5 × 5",
    "conv_stride": "both convolutions have strides of 1",
    "units": "6 and 16 kernels, then 120, 84 and 10 outputs",
    "layer_other": "convolution, pool, convolution, pool, then three dense layers, and nothing else",
    "flatten_order": "the maps are flattened in another order than (rows, columns, channels)",
    "input_changed": "the images go into the first convolution as they are",
    "initializer_scale": "VarianceScaling's own scale is 1.0; he_normal has scale=2.0, twice the variance",
    "initializer_missing": "a kernel that is given no initializer starts from glorot_uniform, not from he_normal",
    "initializer_as_regularizer": "an initializer is passed as a regularizer; pass it as (kernel_)initializer",
    "regularizer": "no layer has a regularizer",
    "initializer_uniform": "a uniform distribution, where he_normal is a truncated normal one",
    "initializer_fan_out": 'the variance of he_normal is 2 / (inputs to one output), mode "fan_in"',
    "initializer_not_truncated": "he_normal is a truncated normal distribution: nothing lies beyond two deviations",
    "initializer_shared": "two networks start from the same numbers: let each one draw its own, with no fixed seed",
    "initializer_other": "kernels start from he_normal: truncated normal, mean 0, variance 2 / (inputs to one output)",
    "bias_not_zero": "biases start from 0",
    "tf_contrib": "tf.contrib left TensorFlow with version 2: take tf.keras.initializers.VarianceScaling(scale=2.0)",
    "tf_not_v1": "the one import of this task is import tensorflow.compat.v1 as tf",
    "loss_summed": "the losses of the examples are added up; take their mean",
    "loss_not_reduced": "there is one loss for each example; take their mean",
    "loss_swapped": "labels and logits are swapped in the call of the loss",
    "loss_sign": "the loss is minus what it should be",
    "loss_sparse": "use categorical_crossentropy (in task 4 softmax_cross_entropy): labels are one-hot, not numbers",
    "loss_other": "the loss is the softmax cross-entropy of one-hot labels, the mean over the batch, and nothing added",
    "no_gradient": "nothing can be trained by this loss: are labels and logits swapped?",
    "labels_cast": "cast the labels before computing with them: the course's program feeds whole numbers",
    "accuracy_axis": "argmax must go along each example's classes, axis 1, for output and labels",
    "accuracy_summed": "right answers are counted; the accuracy is their mean",
    "accuracy_other": "accuracy is the share of examples whose largest output is at the label's place",
    "graph_run": "the placeholder is fed nothing: lenet5 only builds the graph and runs nothing",
    "returns_missing": "the function ends without return",
    "returns_order": "return, in this order: softmax output, training operation, loss, accuracy",
    "returns_model": "return the K.Model itself",
    "optimizer_not_adam": "train with Adam",
    "optimizer_rate": "train with Adam as it is by default: learning rate 0.001",
    "optimizer_epsilon": "train with Adam as it is by default, with this framework's own epsilon",
    "optimizer_other": "train with Adam as it is by default, on the loss alone",
    "not_trained": "the training step changes nothing: return what minimize(loss) gives",
    "maximized": "the loss grows: minimize it",
    "frozen": "some weights never change: every layer is to be trained",
    "weights_shared": "two networks share one set of weights: each call of lenet5 must make its own",
    "not_compiled": "compile the model before it is returned",
    "metrics_missing": 'compile the model with metrics=["accuracy"]',
}


_FEW = 6  # examples, that tell one network from another


class Likely(NamedTuple):
    """The name of a mistake, and what in particular it is here, or "" """

    mistake: str
    what: str = ""


def sketches() -> Iterator[tuple[Likely, Sketch]]:
    """Networks with one mistake each, that have LeNet-5's weights"""

    def but(mistake: str, what: str, **parts: object) -> tuple[Likely, Sketch]:
        return Likely(mistake, what), replace(RIGHT, **parts)  # type: ignore[arg-type]

    hidden, softmax = RIGHT.activations[:4], "softmax"
    yield but("softmax_missing", "", head="none")
    yield but("softmax_twice", "", head="softmax twice")
    yield but("softmax_axis", "", head="softmax over examples")
    yield but("activation_other", "sigmoid in layer 7", head="sigmoid")
    yield but("relu_on_logits", "", activations=(*hidden, "relu"))
    yield but("relu_on_logits", "and no softmax", activations=(*hidden, "relu"), head="none")
    for k in range(4):
        for head in ("softmax", "none"):
            yield but("softmax_wrong_layer", LAYERS[k], activations=_at(RIGHT.activations, k, softmax), head=head)
        yield but("softmax_wrong_layer", LAYERS[k], depth=k + 1)
        yield but("activation_missing", LAYERS[k], activations=_at(RIGHT.activations, k, "none"))
        for other in ("sigmoid", "tanh"):
            yield but("activation_other", f"{other} in {LAYERS[k]}", activations=_at(RIGHT.activations, k, other))
    yield but("activation_missing", "both convolutions", activations=("none", "none", "relu", "relu", "none"))
    yield but("activation_missing", "both dense layers", activations=("relu", "relu", "none", "none", "none"))
    yield but("activation_missing", "all layers", activations=("none",) * 5)
    for other in ("sigmoid", "tanh"):
        yield but("activation_other", f"{other} in all layers", activations=(other,) * 4 + ("none",))
    for k in range(5):
        yield but("no_bias", LAYERS[k], biases=_at(RIGHT.biases, k, False))
    yield but("no_bias", "both convolutions", biases=(False, False, True, True, True))
    yield but("no_bias", "all dense layers", biases=(True, True, False, False, False))
    yield but("no_bias", "all layers", biases=(False,) * 5)
    average, larger, dense = Pool("avg"), Pool("max", 3, 2, "same"), Pool("max", 1, 2)
    for mistake, other_pool in (("average_pool", average), ("pool_size", larger), ("pool_size", dense)):
        yield but(mistake, "layer 2", pools=(other_pool, Pool()))
        yield but(mistake, "layer 4", pools=(Pool(), other_pool))
        yield but(mistake, "layers 2 and 4", pools=(other_pool, other_pool))
    for pads, what in ((((4, 0), (4, 0)), "top and left alone"), (((0, 4), (0, 4)), "bottom and right alone")):
        yield but("padding_other", what, paddings=(pads, "valid"))
    yield but("flatten_order", "", flatten="chw")


def _at(values: tuple[object, ...], place: int, value: object) -> tuple[object, ...]:
    return (*values[:place], value, *values[place + 1 :])


def output_mistake(weights: Sequence[Array], batch: Batch, got: Array) -> tuple[Likely, Sketch | None] | None:
    """The network with a mistake that gives this output, None if none does"""
    x = batch.x.astype(np.float64)
    if got.ndim == 0 or len(got) != len(x):
        return None
    for likely, sketch in sketches():
        few = len(x) if sketch.head == "softmax over examples" else _FEW
        found = trace(weights, x[:few], sketch)
        if _near(got[:few], found.output):
            return likely, sketch
        if sketch.depth < 5 and _near(got[:few], ops.softmax_forward(found.logits)):
            return likely, None
    for factor, what in ((1 / 255, "divided by 255"), (1 / 256, "divided by 256"), (255.0, "times 255")):
        if _near(got[:_FEW], trace(weights, x[:_FEW] * factor).output):
            return Likely("input_changed", what), None
    return None


def _near(got: Array, want: Array) -> bool:
    return got.shape == want.shape and bool((np.abs(got - want) < 2e-5 * max(1.0, float(np.abs(want).max()))).all())


def losses(batch: Batch, logits: Array) -> Iterator[tuple[Likely, float]]:
    """Mistaken losses of a network with those logits (m, 10), each a number"""
    m, y = len(batch.y), batch.y.astype(np.float64)
    p = ops.softmax_forward(logits)
    each = _cross_entropy(logits, y)
    mean, twice = float(each.mean()), _cross_entropy(p, y)
    yield Likely("loss_summed"), float(each.sum())
    yield Likely("softmax_twice"), float(twice.mean())
    yield Likely("softmax_twice", "and added up"), float(twice.sum())
    yield Likely("loss_sign"), -mean
    yield Likely("loss_other", "the mean over examples and classes"), mean / 10
    yield Likely("loss_other", "labels smoothed"), float(_cross_entropy(logits, 0.9 * y + 0.01).mean())
    yield Likely("loss_other", "the mean squared error"), float(((p - y) ** 2).mean())
    yield Likely("loss_other", "the squared error of the logits"), float(((logits - y) ** 2).mean())
    yield Likely("loss_other", "the mean absolute error"), float(np.abs(p - y).mean())
    clipped = np.clip(p, 1e-7, 1 - 1e-7)
    yield (
        Likely("loss_other", "binary cross-entropy"),
        float(-(y * np.log(clipped) + (1 - y) * np.log(1 - clipped)).mean()),
    )
    sigmoid = np.maximum(logits, 0) - logits * y + np.log1p(np.exp(-np.abs(logits)))
    yield Likely("loss_other", "binary cross-entropy"), float(sigmoid.mean())
    yield Likely("loss_swapped"), float(_cross_entropy(y, logits).mean())
    yield Likely("loss_swapped"), float(_cross_entropy(y, p).mean())
    yield Likely("loss_other", "divided by 32, whatever the batch is"), mean * m / 32


def _cross_entropy(logits: Array, y: Array) -> Array:
    top = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(-(y * (top - np.log(np.exp(top).sum(axis=1, keepdims=True)))).sum(axis=1))


def accuracies(batch: Batch, output: Array) -> Iterator[tuple[Likely, float]]:
    """Mistaken accuracies of a network with that output (m, 10)"""
    hits = output.argmax(axis=1) == batch.labels
    yield Likely("accuracy_summed"), float(hits.sum())
    yield Likely("accuracy_axis"), float((output.argmax(axis=0) == batch.y.argmax(axis=0)).mean())
    yield Likely("accuracy_axis", "and counted"), float((output.argmax(axis=0) == batch.y.argmax(axis=0)).sum())
    yield Likely("accuracy_other", "in percent"), float(100 * hits.mean())
    yield Likely("accuracy_other", "the share of wrong answers"), float(1 - hits.mean())
    yield Likely("accuracy_other", "of each output by itself"), float(((output > 0.5) == (batch.y > 0.5)).mean())


def shape_mistake(shapes: Sequence[Sequence[int]]) -> str:
    """What may be wrong with a network whose variables have these shapes, "" if nothing is known"""
    kernels = [tuple(shape) for shape in shapes if len(shape) > 1]
    flat = [shape[0] for shape in kernels if len(shape) == 2][:1]
    if kernels and len(shapes) < 2 * len(kernels):
        return "no_bias"
    if any(len(shape) == 4 and shape[:2] != (5, 5) for shape in kernels):
        return "kernel_size"
    if flat and flat[0] != 400 and len(kernels) == 5:
        # 7 × 7 with "same" in both, 4 × 4 with "valid" in both, 6 × 6 the wrong way round
        return {784: "padding_same", 256: "padding_valid", 576: "padding_same"}.get(flat[0], "")
    return "units" if len(kernels) == 5 else "layer_other"


def step_mistake(
    got: Sequence[Array], gradients: Sequence[Array], agrees: Callable[[float, float], bool]
) -> Likely | None:
    """Why weights moved by `got`, against these gradients of the loss, and not as Adam moves them

    agrees(rate, epsilon): is this a step of Adam with these?
    """
    moved = [bool(step.any()) for step in got]
    if not any(moved):
        return Likely("not_trained")
    if not all(moved):
        still = [LAYERS[k // 2] for k, one in enumerate(moved) if not one]
        return Likely("frozen", " and ".join(dict.fromkeys(still)))
    for epsilon in (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0):
        if agrees(RATE, epsilon):
            return Likely("optimizer_epsilon", f"epsilon {epsilon:g}")
    g, step = (np.concatenate([np.ravel(part) for part in parts]) for parts in (gradients, got))
    if (rate := _multiple(step, g)) is not None:
        return Likely(
            "maximized" if rate < 0 else "optimizer_not_adam", f"plain gradient descent, rate {abs(rate):.2g}"
        )
    signs = adam_steps([g], 1e-8) / RATE
    clear = np.abs(g) > 0.1 * np.abs(g).max()
    adam = float(f"{float(np.median(step[clear] / signs[clear])):.3g}")
    if adam > 0 and any(agrees(adam, epsilon) for epsilon in (1e-8, 1e-7)):
        return Likely("optimizer_rate", f"rate {adam:g}")
    if (rate := _multiple(step, signs)) is not None:
        if rate < 0:
            return Likely("maximized")
        name = "optimizer_not_adam" if math.isclose(rate, RATE / math.sqrt(0.1), rel_tol=0.01) else "optimizer_rate"
        return Likely(name, "RMSprop" if name == "optimizer_not_adam" else f"rate {rate:.2g}")
    for name, other in (("RMSprop", g / np.sqrt(0.9 + 0.1 * g * g)), ("Adagrad", g / np.sqrt(0.1 + g * g))):
        if _multiple(step, other) is not None:
            return Likely("optimizer_not_adam", name)
    return None


def _multiple(step: Array, direction: Array) -> float | None:
    """The number that makes this direction the step, if there is one"""
    clear = np.abs(direction) > 1e-3 * np.abs(direction).max()
    rate = float(np.median(step[clear] / direction[clear]))
    rest = step[clear] - rate * direction[clear]
    return rate if float(np.linalg.norm(rest)) < 0.02 * float(np.linalg.norm(step[clear])) else None
