"""Training speed of LeNet-5: convlens compared with all installed frameworks.

    python -m benchmarks.peers [BATCH …]

The programs take turns on the same cores. Each program runs in its own process and is warm. In its turn it trains one
epoch on 6,144 random digits. PyTorch runs in the layout in which it was faster in a trial before. The figure is the
ratio to the fastest framework, the median over the rounds. The table names frameworks that are not installed.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import lenets
from benchmarks.cpu_share import mark_disturbed
from benchmarks.environment import kernels_row
from benchmarks.table import Row, show
from benchmarks.workers import close, peak_megabytes, ratios, serve, start, take_turns, typical_seconds

IMAGES = 6_144  # full batches of each size
ROUNDS, EXTRA = 5, 2
BATCHES = (16, 32, 64, 128, 256, 512)
ASKED, AIM = 4, 6  # times as fast as the fastest framework
OURS = ("convlens numba", "convlens numpy")
NEEDS = {
    "convlens numba": "numba",
    "convlens numpy": "numpy",
    "keras tensorflow": "tensorflow",
    "keras jax": "jax",
    "tensorflow graph": "tensorflow",
    "torch fused": "torch",
    "torch compile": "torch",
    "jax jit": "jax",
}

TrainEpoch = Callable[[], Any]


def data() -> tuple[Any, Any]:
    """Return random images (n, 28, 28, 1) and labels (n,)."""
    rng = np.random.default_rng(0)
    return rng.random((IMAGES, 28, 28, 1), dtype=np.float32), rng.integers(0, 10, IMAGES)


def ours(engine: str, batch: int) -> TrainEpoch:
    """Train with convlens, by its public training loop."""
    from convlens import lenet5
    from convlens.nn import Adam
    from convlens.training import Epoch, train

    x, y = data()
    model = lenet5(engine=engine)
    adam = Adam(engine=model.engine)
    events = train(model, x, y, optimizer=adam, epochs=1_000, batch_size=batch)
    return lambda: next(event for event in events if isinstance(event, Epoch))


def keras_fit(backend: str, batch: int) -> TrainEpoch:
    """`Model.fit`"""
    x, y = data()
    targets = np.eye(10, dtype=np.float32)[y]
    model = lenets.keras_model(backend)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return lambda: model.fit(x, targets, batch_size=batch, verbose=0)


def tensorflow_graph(batch: int) -> TrainEpoch:
    """Train with a TensorFlow 1 session that runs one step after the other."""
    tf, x, logits = lenets.tensorflow_graph()
    images, labels = data()
    targets = np.eye(10, dtype=np.float32)[labels]
    y = tf.placeholder(tf.float32, (None, 10))
    loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(labels=y, logits=logits))
    step = tf.train.AdamOptimizer().minimize(loss)
    session = tf.Session()
    session.run(tf.global_variables_initializer())

    def once() -> None:
        order = np.random.permutation(IMAGES)
        for k in range(0, IMAGES, batch):
            chosen = order[k : k + batch]
            session.run(step, {x: images[chosen], y: targets[chosen]})

    return once


def torch_step(compiled: bool, batch: int) -> TrainEpoch:
    """Train with PyTorch, eager or compiled, and its fused Adam, in the layout in which the eager step is faster."""
    import torch

    choices = {form: _torch_in(form, False, batch) for form in (torch.contiguous_format, torch.channels_last)}
    faster = min(choices, key=lambda form: typical_seconds(choices[form], 0.3, 1))
    return _torch_in(faster, True, batch) if compiled else choices[faster]


def _torch_in(form: Any, compiled: bool, batch: int) -> TrainEpoch:
    import torch

    images, labels = data()
    x = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(memory_format=form)
    y = torch.from_numpy(labels)
    model = lenets.torch_model().to(memory_format=form)
    adam = torch.optim.Adam(model.parameters(), fused=True)
    forward = torch.compile(model) if compiled else model

    def once() -> None:
        order = torch.randperm(IMAGES)
        for k in range(0, IMAGES, batch):
            chosen = order[k : k + batch]
            adam.zero_grad(set_to_none=True)
            loss: Any = torch.nn.functional.cross_entropy(forward(x[chosen]), y[chosen])
            loss.backward()
            adam.step()

    return once


def jax_step(batch: int) -> TrainEpoch:
    """Train with JAX: one jitted step, which contains Adam."""
    import jax
    from jax import numpy as jnp

    images, labels = data()

    def loss(weights: Any, x: Any, y: Any) -> Any:
        logits = lenets.jax_logits(weights, x)
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1))

    def update(state: Any, x: Any, y: Any) -> Any:
        weights, m, v, t = state
        gradient = jax.grad(loss)(weights, x, y)
        t = t + 1
        m = jax.tree.map(lambda a, g: 0.9 * a + 0.1 * g, m, gradient)
        v = jax.tree.map(lambda a, g: 0.999 * a + 0.001 * g * g, v, gradient)
        rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        weights = jax.tree.map(lambda w, a, b: w - rate * a / (jnp.sqrt(b) + 1e-7), weights, m, v)
        return weights, m, v, t

    step = jax.jit(update)
    weights = lenets.jax_weights()
    zeros = jax.tree.map(jnp.zeros_like, weights)
    state = [(weights, zeros, zeros, jnp.float32(0))]

    def once() -> None:
        order = np.random.permutation(IMAGES)
        for k in range(0, IMAGES, batch):
            chosen = order[k : k + batch]
            state[0] = step(state[0], images[chosen], labels[chosen])
        jax.block_until_ready(state[0])  # type: ignore[no-untyped-call]

    return once


def make(name: str, batch: int) -> TrainEpoch:
    """Return the function of a program that trains one epoch."""
    library, kind = name.split()
    if library == "convlens":
        return ours(kind, batch)
    if library == "keras":
        return keras_fit(kind, batch)
    if library == "torch":
        return torch_step(kind == "compile", batch)
    return tensorflow_graph(batch) if library == "tensorflow" else jax_step(batch)


def run_worker(name: str, batch: int) -> None:
    """Run in the worker process of a program: one epoch to warm up, then one epoch in each turn."""
    once = make(name, batch)
    once()

    def turn(_: object) -> dict[str, Any]:
        begin = time.perf_counter()
        once()
        return {"seconds": time.perf_counter() - begin, "megabytes": peak_megabytes()}

    serve(turn)


def measure(batches: tuple[int, ...] = BATCHES) -> list[Row]:
    """Return for each batch size one row for each program (seconds for 50,000 images) and the ratios of numba."""
    rows = []
    for batch in batches:
        own, which = rows_of(batch)
        rows += own
        print(".", end="", file=sys.stderr, flush=True)
    return [*rows, which]


def rows_of(batch: int) -> tuple[list[Row], Row]:
    """Return the rows of one batch size, and the row on the kernels that ran."""
    what = f"LeNet-5 training, batch {batch}"
    workers, others = start(what, "benchmarks.peers", NEEDS, batch)
    which = kernels_row((name, worker.ready) for name, worker in workers.items())
    answers = take_turns(workers, ROUNDS, again=EXTRA)
    close(workers.values())
    seconds = {name: [answer["seconds"] * 50_000 / IMAGES for answer in values] for name, values in answers.items()}
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    rows = [
        Row(f"{what}: {name}", "", medians[name], "s / 50,000", True, f"{min(values):.2f} to {max(values):.2f}")
        for name, values in seconds.items()
    ]
    peers = [name for name in workers if name not in OURS]
    if not peers or "convlens numba" not in workers:
        return mark_disturbed(rows, answers) + others, which
    fastest = min(peers, key=lambda name: medians[name])
    found = ratios(seconds[fastest], seconds["convlens numba"])
    ratio, note = statistics.median(found), f"{fastest}; {min(found):.2f} to {max(found):.2f}"
    about, asked = f"{what}: times as fast as the fastest framework", f"at least {ASKED}, aim {AIM}"
    rows.append(Row(about, asked, ratio, "×", ratio >= ASKED, note))
    return mark_disturbed(rows, answers) + others, which


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        run_worker(sys.argv[2], int(sys.argv[3]))
    else:
        show(measure(tuple(map(int, sys.argv[1:])) or BATCHES))
