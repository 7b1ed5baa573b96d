"""Prediction with LeNet-5: convlens compared with all installed frameworks. The programs take turns on the same cores.

    python -m benchmarks.inference [BATCH …]

Each program gets NumPy images and returns NumPy probabilities. It runs in its own process and is warm. A batch of one
image gives the waiting time of a user; a batch of a thousand gives the images per second.
"""

from __future__ import annotations

import importlib
import statistics
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import lenets
from benchmarks.cpu_share import mark_disturbed
from benchmarks.table import Row, show
from benchmarks.workers import close, ratios, serve, start, take_turns, typical_seconds
from convlens.arrays import Array

ROUNDS = 9
TURN = 0.2  # the seconds of one turn
BATCHES = (1, 1_000)
AT_MOST = 0.15  # the largest allowed time in ms, for one image
ONNX = "onnxruntime session"  # has its own row: unlike the frameworks, it predicts but does not train
OURS = ("convlens numba", "convlens numpy")
NEEDS = {
    "convlens numba": "numba",
    "convlens numpy": "numpy",
    "keras predict_on_batch": "tensorflow",
    "keras tf.function": "tensorflow",
    "tensorflow graph": "tensorflow",
    "torch eager": "torch",
    "torch compile": "torch",
    "jax jit": "jax",
    ONNX: "onnxruntime",
}

Predict = Callable[[Array], Any]


def ours(engine: str) -> Predict:
    """Return `Sequential.predict` of LeNet-5."""
    from convlens import lenet5

    return lenet5(engine=engine).predict


def keras(traced: bool) -> Predict:
    """Return `predict_on_batch` of the Keras model, or the model as a `tf.function` if `traced`."""
    model = lenets.keras_model("tensorflow")
    if not traced:
        return lambda x: model.predict_on_batch(x)
    import tensorflow as tf

    call = tf.function(lambda x: model(x, training=False))
    return lambda x: call(tf.convert_to_tensor(x)).numpy()


def tensorflow_graph() -> Predict:
    """Return a callable of a TensorFlow 1 session."""
    tf, x, logits = lenets.tensorflow_graph()
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    call = session.make_callable(tf.nn.softmax(logits), [x])
    return lambda images: call(images)


def torch(compiled: bool) -> Predict:
    """Return the PyTorch model in inference_mode, eager or compiled."""
    import torch

    model = torch.nn.Sequential(lenets.torch_model(), torch.nn.Softmax(1)).eval()
    forward = torch.compile(model) if compiled else model

    def predict(x: Array) -> Any:
        with torch.inference_mode():
            return forward(torch.from_numpy(x).reshape(-1, 1, 28, 28)).numpy()

    return predict


def jax_jit() -> Predict:
    """Return a jitted JAX function."""
    import jax

    call = jax.jit(lambda weights, x: jax.nn.softmax(lenets.jax_logits(weights, x)))
    weights = lenets.jax_weights()
    return lambda x: np.asarray(call(weights, x))


def onnxruntime_session() -> Predict:
    """Return an ONNX Runtime session with the weights of convlens, on one thread for each core."""
    from convlens import lenet5

    model = lenets.onnx_file(lenet5(engine="numpy").get_weights())
    session = importlib.import_module("onnxruntime").InferenceSession(model, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x.reshape(-1, 1, 28, 28)})[0]


def make(name: str) -> Predict:
    """Return the prediction function of a program."""
    library, kind = name.split()
    if library == "convlens":
        return ours(kind)
    if library == "keras":
        return keras(kind == "tf.function")
    if library == "torch":
        return torch(kind == "compile")
    return {"tensorflow": tensorflow_graph, "jax": jax_jit, "onnxruntime": onnxruntime_session}[library]()


def run_worker(name: str, batch: int) -> None:
    """Run in the worker process of a program: check it, warm it up, then measure the time of a call in each turn."""
    predict = make(name)
    x = np.random.default_rng(0).random((batch, 28, 28, 1), dtype=np.float32)
    found = predict(x)
    assert isinstance(found, np.ndarray) and found.shape == (batch, 10)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-4)
    serve(lambda _: {"seconds": typical_seconds(lambda: predict(x), TURN)})


def measure(batches: tuple[int, ...] = BATCHES) -> list[Row]:
    """Return for each batch size one row for each program, and the speed of numba relative to the peers.

    The peers are the fastest framework and ONNX Runtime.
    """
    return [row for batch in batches for row in rows_of(batch)]


def rows_of(batch: int) -> list[Row]:
    """Return the rows of one batch size: milliseconds for one image, images per second for larger batches."""
    what = f"LeNet-5 prediction, batch {batch:,}"
    workers, others = start(what, "benchmarks.inference", NEEDS, batch)
    answers = take_turns(workers, ROUNDS, again=2 * ROUNDS)
    close(workers.values())
    seconds = {name: [answer["seconds"] for answer in values] for name, values in answers.items()}
    rows = []
    for name, values in seconds.items():
        shown = [value * 1e3 for value in values] if batch == 1 else [batch / value for value in values]
        middle, unit = statistics.median(shown), "ms" if batch == 1 else "images/s"
        asked = f"at most {AT_MOST}" if batch == 1 and name == "convlens numba" else ""
        spread = f"{min(shown):,.4g} to {max(shown):,.4g}" if batch == 1 else f"{min(shown):,.0f} to {max(shown):,.0f}"
        rows.append(Row(f"{what}: {name}", asked, middle, unit, not asked or middle <= AT_MOST, spread))
    frameworks = [name for name in workers if name not in (*OURS, ONNX)]
    fastest = min(frameworks, key=lambda name: statistics.median(seconds[name]), default="")
    for other, about in ((fastest, f"the fastest framework, {fastest}"), (ONNX, ONNX)):
        if other in workers and "convlens numba" in workers:
            found = ratios(seconds[other], seconds["convlens numba"])
            ratio, asked = statistics.median(found), "above 1" if batch == 1 else ""
            spread = f"{min(found):.2f} to {max(found):.2f}"
            title = f"{what}: numba, times as fast as {about}"
            rows.append(Row(title, asked, ratio, "×", not asked or ratio > 1, spread))
    return mark_disturbed(rows, answers) + others


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        run_worker(sys.argv[2], int(sys.argv[3]))
    else:
        show(measure(tuple(map(int, sys.argv[1:])) or BATCHES))
