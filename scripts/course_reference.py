"""Compute with convlens the results that the coursework must give, for `course_env.py`. `make course-env` runs both.

    python scripts/course_reference.py FOLDER

FOLDER/reference.npz gets the arguments and results of each call of a NumPy task. For LeNet-5 it gets weights, a batch,
and the outputs, gradients and new weights for them. FOLDER/data/MNIST.npz gets a small data set in the layout that the
main programs read.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from convlens import ops
from convlens.arrays import Array
from convlens.data import course_npz, load
from convlens.models.lenet5 import lenet5
from convlens.nn import Adam

# n, h, w, ci, co, kernel, stride, padding. No case is square. The cases have odd and even totals of padding, rows that
# are left over, a 1x1 kernel, and a kernel as large as the image.
CONVOLUTIONS = [
    (2, 5, 7, 2, 3, (3, 2), (1, 1), "same"),
    (3, 6, 4, 1, 2, (2, 3), (2, 1), "same"),
    (2, 4, 5, 2, 1, (4, 2), (1, 3), "same"),
    (3, 4, 5, 2, 2, (1, 1), (2, 3), "same"),
    (2, 7, 9, 2, 3, (3, 2), (3, 4), "valid"),
    (3, 3, 4, 2, 3, (3, 4), (2, 1), "valid"),
]
# n, h, w, c, kernel, stride
POOLINGS = [
    (2, 6, 8, 2, (2, 2), (2, 2)),
    (3, 7, 9, 2, (2, 3), (2, 4)),
    (2, 6, 5, 3, (3, 2), (1, 1)),
    (2, 8, 6, 1, (2, 3), (3, 1)),
    (2, 5, 4, 2, (1, 1), (2, 1)),
    (3, 4, 5, 2, (4, 5), (1, 2)),
]
EPSILONS = {"tensorflow": 1e-8, "keras": 1e-7}  # the epsilon of Adam in each framework
TRAIN, VALID = 640, 200  # numbers of images for the main programs

Call = dict[str, Any]


def convolutions(rng: np.random.Generator) -> list[Call]:
    """Return a forward and a backward call of each case: task, arguments, options, results."""
    calls = []
    for n, h, w, ci, co, kernel, stride, padding in CONVOLUTIONS:
        x, weights, b = (rng.standard_normal(s) for s in ((n, h, w, ci), (*kernel, ci, co), (1, 1, 1, co)))
        rule: dict[str, Any] = {"padding": "course" if padding == "same" else padding, "stride": stride}
        z = ops.conv2d_forward(x, weights, b.reshape(-1), **rule)
        dz = rng.standard_normal(z.shape)
        dx, dw, db = ops.conv2d_backward(dz, x, weights, **rule)
        assert dx is not None
        options = {"padding": padding, "stride": stride}
        relu = options | {"activation": "relu"}
        y = np.maximum(z, 0)
        calls.append({"task": "conv_forward", "arguments": [x, weights, b], "options": relu, "results": [y]})
        backward = {"task": "conv_backward", "arguments": [dz, x, weights, b], "options": options}
        calls.append({**backward, "results": [dx, dw, db.reshape(b.shape)]})
    return calls


def poolings(rng: np.random.Generator) -> list[Call]:
    """Return a forward and a backward call of each case and mode. x has few values, so windows have several maxima."""
    calls = []
    for n, h, w, c, kernel, stride in POOLINGS:
        x = rng.integers(-2, 3, (n, h, w, c)).astype(float)
        largest = ops.max_pool2d_forward(x, kernel, stride=stride)
        dy = rng.standard_normal(largest.shape)
        for mode, y, dx in (
            ("max", largest, ops.max_pool2d_backward(dy, x, largest, kernel, stride=stride, ties="all")),
            ("avg", ops.avg_pool2d_forward(x, kernel, stride=stride), avg_backward(dy, x, kernel, stride)),
        ):
            options = {"kernel_shape": kernel, "stride": stride, "mode": mode}
            calls.append({"task": "pool_forward", "arguments": [x], "options": options, "results": [y]})
            calls.append({"task": "pool_backward", "arguments": [dy, x], "options": options, "results": [dx]})
    return calls


def avg_backward(dy: Array, x: Array, kernel: tuple[int, int], stride: tuple[int, int]) -> Array:
    """Return the gradient of average pooling."""
    return ops.avg_pool2d_backward(dy, x, kernel, stride=stride)


def lenet(rng: np.random.Generator) -> dict[str, Array]:
    """Return weights of LeNet-5, a batch, its output, loss, accuracy and gradients, and the weights after one step.

    About half of the batch is predicted right. The step is that of Adam with the epsilon of each framework.
    """
    model = lenet5(seed=1, dtype=np.float64, engine="numpy")
    model.flat += 0.05 * rng.standard_normal(model.flat.size)  # biases that are not 0
    model.flat[...] = model.flat.astype(np.float32)
    x = load("embedded").x_train[:32]
    output = model.probabilities(x.astype(np.float64))
    labels = np.where(rng.random(len(x)) < 0.5, output.argmax(axis=1), rng.integers(0, 10, len(x)))
    found: dict[str, Array] = {"x": x, "y": np.eye(10)[labels], "output": output}
    found |= {f"weight{k}": weight for k, weight in enumerate(model.get_weights())}
    gradient, start = np.empty_like(model.flat), model.flat.copy()
    loss, logits = model.loss_gradient(x.astype(np.float64), labels, 1 / len(x), gradient)
    found |= {"loss": loss.mean(), "accuracy": (logits.argmax(axis=1) == labels).mean()}
    parts = [part for views in model.views(gradient) for part in views.values()]
    found |= {f"gradient{k}": part for k, part in enumerate(parts)}
    for name, epsilon in EPSILONS.items():
        model.flat[...] = start
        Adam(epsilon=epsilon).update(model.flat, gradient)
        found |= {f"{name}{k}": weight for k, weight in enumerate(model.get_weights())}
    return found


def main(folder: Path) -> None:
    """Write reference.npz and MNIST.npz."""
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {f"lenet/{name}": array for name, array in lenet(rng).items()}
    calls = convolutions(rng) + poolings(rng)
    for number, call in enumerate(calls):
        for kind in ("arguments", "results"):
            arrays |= {f"{number}/{kind}/{k}": array for k, array in enumerate(call[kind])}
            call[kind] = len(call[kind])
    np.savez(folder / "reference.npz", calls=json.dumps(calls), **arrays)
    digits = load("embedded")
    few = dataclasses.replace(
        digits,
        pixels_train=digits.pixels_train[:TRAIN],
        y_train=digits.y_train[:TRAIN],
        pixels_valid=digits.pixels_valid[:VALID],
        y_valid=digits.y_valid[:VALID],
    )
    (folder / "data").mkdir()
    course_npz.export(few, folder / "data" / "MNIST.npz")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
