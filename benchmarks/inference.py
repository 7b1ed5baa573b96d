"""Prediction: convlens compared with ONNX Runtime and all installed frameworks. The programs take turns.

    python -m benchmarks.inference [BATCH …]

The networks are LeNet-5 and small VGG. Each program gets NumPy images and returns NumPy probabilities, again and again,
as a user's program does. It runs in its own process, warm, on all cores. ONNX Runtime's model is the one that convlens
exports. One image gives the waiting time of a user; a thousand give the images per second.
"""

from __future__ import annotations

import importlib
import statistics
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.cpu_share import mark_disturbed
from benchmarks.environment import kernels_row
from benchmarks.network_list import data, model_of
from benchmarks.table import Row, show
from benchmarks.workers import close, ratios, serve, start, take_turns, typical_seconds
from convlens.arrays import Array

ROUNDS, EXTRA = 5, 4
TURN = 0.2  # the seconds of one turn
BATCHES = (1, 8, 32, 1_000)
CHOSEN = ("LeNet-5", "small VGG")
AT_MOST = 0.15  # the largest allowed time in ms, for one image of LeNet-5
ONNX = "onnxruntime session"  # has its own row: unlike the frameworks, it predicts but does not train
OURS = ("convlens numba", "convlens numpy")
NEEDS = {
    "convlens numba": "numba",
    "convlens numpy": "numpy",
    "keras predict_on_batch": "tensorflow",
    "keras tf.function": "tensorflow",
    "torch eager": "torch",
    "torch compile": "torch",
    "jax jit": "jax",
    ONNX: "onnxruntime",
}

Predict = Callable[[Array], Any]


def ours(network: str, engine: str) -> Predict:
    """Return what a user calls for repeated prediction: `Sequential.predict`."""
    return model_of(network, engine=engine).predict


def keras(network: str, traced: bool) -> Predict:
    """Return `predict_on_batch` of the Keras model, or the model as a `tf.function` if `traced`."""
    from convlens.interop.frameworks import load_keras
    from convlens.interop.keras_model import to_keras

    load_keras("tensorflow", "the comparison")
    model: Any = to_keras(model_of(network))
    if not traced:
        return lambda x: model.predict_on_batch(x)
    import tensorflow as tf

    call = tf.function(lambda x: model(x, training=False))
    return lambda x: call(tf.convert_to_tensor(x)).numpy()


def onnxruntime_session(network: str) -> Predict:
    """Return an ONNX Runtime session of the model that convlens exports, on one thread for each core."""
    from convlens.interop.onnx_model import INPUT, to_onnx

    content = to_onnx(model_of(network)).SerializeToString()
    session = importlib.import_module("onnxruntime").InferenceSession(content, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {INPUT: x})[0]


def make(name: str, network: str, batch: int) -> Predict:
    """Return the prediction function of a program."""
    library, kind = name.split()
    if library == "convlens":
        return ours(network, kind)
    if library == "keras":
        return keras(network, kind == "tf.function")
    if library == "torch":
        from benchmarks import torch_networks

        return torch_networks.predict_of(network, kind == "compile", batch)
    if library == "jax":
        from benchmarks import jax_networks

        return jax_networks.predict_of(network)
    return onnxruntime_session(network)


def run_worker(name: str, batch: int, network: str = "LeNet-5") -> None:
    """Run in the worker process of a program: check it, warm it up, then measure the time of a call in each turn."""
    predict = make(name, network, batch)
    x, _ = data(network, batch)
    found = predict(x)
    assert isinstance(found, np.ndarray) and found.shape == (batch, 10)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-4)
    serve(lambda _: {"seconds": typical_seconds(lambda: predict(x), TURN)})


def measure(batches: tuple[int, ...] = BATCHES) -> list[Row]:
    """Return for each network and batch size one row for each program, and the speed of numba relative to the peers.

    The peers are the fastest framework and ONNX Runtime.
    """
    rows = []
    for network in CHOSEN:
        for batch in batches:
            own, which = rows_of(network, batch)
            rows += own
            print(".", end="", file=sys.stderr, flush=True)
    return [*rows, which]


def rows_of(network: str, batch: int) -> tuple[list[Row], Row]:
    """Return the rows of one network and batch size, and the row on the kernels that ran.

    The unit is ms for one image, images per second for more.
    """
    what = f"{network} prediction, batch {batch:,}"
    workers, others = start(what, "benchmarks.inference", NEEDS, batch, network)
    which = kernels_row((name, worker.ready) for name, worker in workers.items())
    answers = take_turns(workers, ROUNDS, again=EXTRA)
    close(workers.values())
    seconds = {name: [answer["seconds"] for answer in values] for name, values in answers.items()}
    rows = []
    for name, values in seconds.items():
        shown = [value * 1e3 for value in values] if batch == 1 else [batch / value for value in values]
        middle, unit = statistics.median(shown), "ms" if batch == 1 else "images/s"
        asked = f"at most {AT_MOST}" if (network, batch, name) == ("LeNet-5", 1, "convlens numba") else ""
        spread = f"{min(shown):,.4g} to {max(shown):,.4g}" if batch == 1 else f"{min(shown):,.0f} to {max(shown):,.0f}"
        rows.append(Row(f"{what}: {name}", asked, middle, unit, not asked or middle <= AT_MOST, spread))
    frameworks = [name for name in workers if name not in (*OURS, ONNX)]
    fastest = min(frameworks, key=lambda name: statistics.median(seconds[name]), default="")
    for other, about, asked in ((fastest, "the fastest framework", ""), (ONNX, "ONNX Runtime", "at least 1, aim 1.5")):
        if other in workers and "convlens numba" in workers:
            found = ratios(seconds[other], seconds["convlens numba"])
            ratio, note = statistics.median(found), f"{other}; {min(found):.2f} to {max(found):.2f}"
            rows.append(Row(f"{what}: times as fast as {about}", asked, ratio, "×", not asked or ratio >= 1, note))
    return mark_disturbed(rows, answers) + others, which


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        run_worker(sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
    else:
        show(measure(tuple(map(int, sys.argv[1:])) or BATCHES))
