"""Training speed of the networks that people start from: convlens compared with Keras, PyTorch and JAX.

    python -m benchmarks.networks [NETWORK …]

Each program trains with Adam on random images, BATCH at a time, in its own process, and the programs take turns. Keras
runs compiled and in graph mode, on TensorFlow. PyTorch runs eager and compiled, with fused Adam, in its better layout:
channels last or first, whichever was faster in a trial of the eager step. JAX runs one jitted step. The figure is the
ratio to the fastest of them, the median over the rounds.

The machine's product speed is a product of two matrices (1024, 1024) in float32 by NumPy on all cores, measured in the
same turns. The share of it that a step reaches counts the multiplications and additions of the network's convolutions
and dense layers, three times for forward and backward, as without Winograd.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks import network_memory
from benchmarks.cpu_share import mark_disturbed
from benchmarks.environment import kernels_row
from benchmarks.network_list import BATCH, NETWORKS, data, model_of, operations
from benchmarks.table import Row, show
from benchmarks.workers import close, peak_megabytes, ratios, serve, start, take_turns, typical_seconds

ROUNDS, EXTRA = 5, 2
SECONDS = 0.6  # of a turn, about
OURS = "convlens numba"
PRODUCT = "matrix product"
NEEDS = {
    OURS: "numba",
    "keras tensorflow": "tensorflow",
    "torch eager": "torch",
    "torch compile": "torch",
    "jax jit": "jax",
    PRODUCT: "numpy",
}
MEMORY_OF = ("small VGG",)

Step = Callable[[Any, Any], object]


def ours(name: str) -> Step:
    """Train with convlens: gradient and Adam, as its training loop does."""
    from convlens.nn import Adam
    from convlens.training.trainer import EngineTrainer

    model = model_of(name, engine="numba")
    trainer = EngineTrainer(model, Adam(engine=model.engine))
    trainer.__enter__()
    count = [0]

    def step(x: Any, y: Any) -> object:
        count[0] += 1
        return trainer.step(x, y, (1, count[0]), None)

    return step


def keras_step(name: str) -> Step:
    """`train_on_batch` of the compiled model, which runs as a graph"""
    from convlens.interop.frameworks import load_keras
    from convlens.interop.keras_model import to_keras

    load_keras("tensorflow", "the comparison")
    network: Any = to_keras(model_of(name), softmax=False)
    import keras

    network.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return lambda x, y: network.train_on_batch(x, y)


def make(program: str, name: str) -> Step:
    """Return the step of a program."""
    if program == OURS:
        return ours(name)
    if program.startswith("keras"):
        return keras_step(name)
    if program.startswith("jax"):
        from benchmarks.jax_networks import step_of

        return step_of(name)
    from benchmarks import torch_networks

    return torch_networks.step_of(name, program.endswith("compile"))


def product() -> Callable[[], float]:
    """Return a function that measures the seconds of a product of two matrices (1024, 1024) in float32."""
    a = np.random.default_rng(0).random((1024, 1024), dtype=np.float32)
    return lambda: typical_seconds(lambda: a @ a, SECONDS / 3)


def run_worker(program: str, name: str) -> None:
    """Run in the worker process of a program: as many steps in a turn as take about SECONDS."""
    if program == PRODUCT:
        seconds = product()
        serve(lambda _: {"seconds": seconds(), "megabytes": peak_megabytes()})
        return
    step, (x, y) = make(program, name), data(name)
    count = max(3, round(SECONDS / typical_seconds(lambda: step(x, y), 0.3)))

    def turn(_: object) -> dict[str, Any]:
        begin = time.perf_counter()
        for _ in range(count):
            step(x, y)
        return {"seconds": (time.perf_counter() - begin) / count, "megabytes": peak_megabytes()}

    serve(turn)


def _spread(values: Sequence[float]) -> str:
    return f"{min(values):.2f} to {max(values):.2f}"


def rows_of(name: str) -> tuple[list[Row], Row, float | None]:
    """Return the rows of one network, the row on the kernels that ran, and the ratio to the fastest peer."""
    what, network = f"{name}, training", NETWORKS[name]
    workers, others = start(what, "benchmarks.networks", NEEDS, name)
    which = kernels_row((program, worker.ready) for program, worker in workers.items())
    answers = take_turns(workers, ROUNDS, again=EXTRA)
    close(workers.values())
    seconds = {program: [answer["seconds"] for answer in values] for program, values in answers.items()}
    speeds = [2 * 1024**3 / value / 1e9 for value in seconds.pop(PRODUCT)]
    medians = {program: statistics.median(values) for program, values in seconds.items()}
    rows = [
        Row(
            f"{what}: {program}",
            "",
            BATCH / medians[program],
            "images/s",
            True,
            f"{answers[program][-1]['megabytes']:.0f} MB",
        )
        for program in seconds
    ]
    rows.append(Row(f"{what}: {PRODUCT} meanwhile", "", statistics.median(speeds), "GFLOP/s", True, _spread(speeds)))
    ratio = None
    if OURS in seconds:
        work = 3 * BATCH * operations(model_of(name)) / 1e9
        shares = [work / value / speed for value, speed in zip(seconds[OURS], speeds, strict=True)]
        share, least = statistics.median(shares), network.share
        asked = "" if least is None else f"at least {least:g}, aim {network.share_aim:g}"
        note = f"{_spread(shares)}; {work / medians[OURS]:.0f} GFLOP/s"
        ok = least is None or share >= least
        rows.append(Row(f"{what}: share of the machine's product speed", asked, share, "", ok, note))
    peers = [program for program in seconds if program != OURS]
    if peers and OURS in seconds:
        fastest = min(peers, key=lambda program: medians[program])
        found = ratios(seconds[fastest], seconds[OURS])
        ratio = statistics.median(found)
        asked = f"at least {network.asked:g}, aim {network.aim:g}"
        about = f"{what}: times as fast as the fastest peer"
        rows.append(Row(about, asked, ratio, "×", ratio >= network.asked, f"{fastest}; {_spread(found)}"))
    return mark_disturbed(rows, answers) + others, which, ratio


def measure(names: Sequence[str] = ()) -> list[Row]:
    """Return the rows of all networks, their geometric mean, the memory of a step, and the kernels that ran."""
    rows, found = [], []
    for name in names or NETWORKS:
        own, which, ratio = rows_of(name)
        rows += own
        found += [] if ratio is None else [ratio]
        print(".", end="", file=sys.stderr, flush=True)
    if found:
        mean, count = statistics.geometric_mean(found), f"{len(found)} networks"
        rows.append(Row("training: times as fast as the fastest peer, geometric mean", "", mean, "×", True, count))
    for name in MEMORY_OF:
        if not names or name in names:
            rows += network_memory.rows_of(name)
    return [*rows, which]


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        run_worker(sys.argv[2], sys.argv[3])
    else:
        show(measure(sys.argv[1:]))
