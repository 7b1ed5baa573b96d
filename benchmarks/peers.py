"""LeNet-5's training speed in one run: convlens beside whatever frameworks are installed, in turn on the same cores.

    python -m benchmarks.peers [BATCH …]

Each side is a process of its own that trains a pass over 12,800 made-up digits when it is asked, warm; the figure is
the median ratio to the fastest peer of the same round. Frameworks that are not installed are named as absent.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.sides import Side, serve
from benchmarks.table import Row, show

IMAGES = 12_800
ROUNDS = 5
BATCHES = (32, 128, 512)
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

Pass = Callable[[], Any]


def data() -> tuple[Any, Any]:
    """Random images (n, 28, 28, 1) and labels"""
    rng = np.random.default_rng(0)
    return rng.random((IMAGES, 28, 28, 1), dtype=np.float32), rng.integers(0, 10, IMAGES)


def ours(engine: str, batch: int) -> Pass:
    """Through the public training loop"""
    from convlens import lenet5
    from convlens.nn import Adam
    from convlens.training import Epoch, train

    x, y = data()
    model = lenet5(engine=engine)
    adam = Adam(engine=model.engine)
    events = train(model, x, y, optimizer=adam, epochs=1_000, batch_size=batch)
    return lambda: next(event for event in events if isinstance(event, Epoch))


def keras_fit(backend: str, batch: int) -> Pass:
    """`Model.fit`"""
    os.environ["KERAS_BACKEND"] = backend
    import keras

    x, y = data()
    targets = np.eye(10, dtype=np.float32)[y]
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(2, 2),
            layers.Conv2D(16, 5, activation="relu"),
            layers.MaxPooling2D(2, 2),
            layers.Flatten(),
            layers.Dense(120, "relu"),
            layers.Dense(84, "relu"),
            layers.Dense(10, "softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return lambda: model.fit(x, targets, batch_size=batch, verbose=0)


def tensorflow_graph(batch: int) -> Pass:
    """TensorFlow 1 style: a graph and a session, as task 4 of the course has it"""
    import tensorflow.compat.v1 as tf

    tf.disable_eager_execution()
    images, labels = data()
    targets = np.eye(10, dtype=np.float32)[labels]
    x, y = tf.placeholder(tf.float32, (None, 28, 28, 1)), tf.placeholder(tf.float32, (None, 10))

    def weights(name: str, *shape: int) -> tuple[Any, Any]:
        start = tf.keras.initializers.VarianceScaling(scale=2.0)
        bias = tf.get_variable(f"{name}_b", (shape[-1],), initializer=tf.zeros_initializer())
        return tf.get_variable(f"{name}_w", shape, initializer=start), bias

    w, b = weights("a", 5, 5, 1, 6)
    z = tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(x, w, 1, "SAME") + b), 2, 2, "VALID")
    w, b = weights("b", 5, 5, 6, 16)
    z = tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(z, w, 1, "VALID") + b), 2, 2, "VALID")
    z = tf.reshape(z, (-1, 400))
    for name, size, units in (("c", 400, 120), ("d", 120, 84), ("e", 84, 10)):
        w, b = weights(name, size, units)
        z = tf.matmul(z, w) + b
        z = z if name == "e" else tf.nn.relu(z)
    loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(labels=y, logits=z))
    step = tf.train.AdamOptimizer().minimize(loss)
    session = tf.Session()
    session.run(tf.global_variables_initializer())

    def once() -> None:
        order = np.random.permutation(IMAGES)
        for k in range(0, IMAGES, batch):
            chosen = order[k : k + batch]
            session.run(step, {x: images[chosen], y: targets[chosen]})

    return once


def torch_step(compiled: bool, batch: int) -> Pass:
    """Eager or compiled, with the fused Adam"""
    import torch
    from torch import nn

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    images, labels = data()
    x, y = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(labels)
    model = nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )
    adam = torch.optim.Adam(model.parameters(), fused=True)
    forward = torch.compile(model) if compiled else model

    def once() -> None:
        order = torch.randperm(IMAGES)
        for k in range(0, IMAGES, batch):
            chosen = order[k : k + batch]
            adam.zero_grad(set_to_none=True)
            nn.functional.cross_entropy(forward(x[chosen]), y[chosen]).backward()
            adam.step()

    return once


def jax_step(batch: int) -> Pass:
    """One jitted step, Adam written out"""
    import jax
    from jax import lax
    from jax import numpy as jnp

    images, labels = data()
    keys = jax.random.split(jax.random.PRNGKey(0), 5)
    shapes = ((5, 5, 1, 6), (5, 5, 6, 16), (400, 120), (120, 84), (84, 10))
    weights = [
        (jax.random.normal(key, shape) * (2 / np.prod(shape[:-1])) ** 0.5, jnp.zeros(shape[-1]))
        for key, shape in zip(keys, shapes, strict=True)
    ]

    def pool(z: Any) -> Any:
        return lax.reduce_window(z, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    def loss(weights: Any, x: Any, y: Any) -> Any:
        z = x
        for (w, b), padding in zip(weights[:2], ("SAME", "VALID"), strict=True):
            z = lax.conv_general_dilated(z, w, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")) + b
            z = pool(jax.nn.relu(z))
        z = z.reshape(len(z), -1)
        for k, (w, b) in enumerate(weights[2:]):
            z = z @ w + b
            z = z if k == 2 else jax.nn.relu(z)
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], 1))

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
    zeros = jax.tree.map(jnp.zeros_like, weights)
    state = [(weights, zeros, zeros, jnp.float32(0))]

    def once() -> None:
        order = np.random.permutation(IMAGES)
        for k in range(0, IMAGES, batch):
            chosen = order[k : k + batch]
            state[0] = step(state[0], images[chosen], labels[chosen])
        jax.block_until_ready(state[0])

    return once


def make(name: str, batch: int) -> Pass:
    """The pass of that side"""
    library, kind = name.split()
    if library == "convlens":
        return ours(kind, batch)
    if library == "keras":
        return keras_fit(kind, batch)
    if library == "torch":
        return torch_step(kind == "compile", batch)
    return tensorflow_graph(batch) if library == "tensorflow" else jax_step(batch)


def run_side(name: str, batch: int) -> None:
    """In the process of that side: one pass to be warm, then one each turn"""
    once = make(name, batch)
    once()

    def turn() -> dict[str, Any]:
        begin = time.perf_counter()
        once()
        return {"seconds": time.perf_counter() - begin}

    serve(turn)


def measure(batches: tuple[int, ...] = BATCHES) -> list[Row]:
    """For each batch size a row a side, seconds for 50,000 images; and how many times as fast numba is as the peers"""
    rows = []
    for batch in batches:
        sides, absent = {}, []
        for name, package in NEEDS.items():
            if importlib.util.find_spec(package) is None:
                absent.append(name)
                continue
            try:
                sides[name] = Side("benchmarks.peers", "side", name, batch)
            except RuntimeError as error:
                absent.append(f"{name} ({error})")
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(ROUNDS):
            for name, side in sides.items():
                seconds[name].append(side.ask()["seconds"] * 50_000 / IMAGES)
        for side in sides.values():
            side.close()
        peers = [name for name in sides if name not in OURS]
        for name, values in seconds.items():
            note = f"{min(values):.2f} to {max(values):.2f}"
            rows.append(
                Row(f"LeNet-5 training, batch {batch}: {name}", "", statistics.median(values), "s / 50,000", True, note)
            )
        if absent:
            rows.append(Row(f"LeNet-5 training, batch {batch}: absent", "", None, "", True, ", ".join(absent)))
        if not peers or "convlens numba" not in sides:
            continue
        fastest = min(peers, key=lambda name: statistics.median(seconds[name]))
        for other, asked in ((fastest, 2.5), ("keras tensorflow", 4.0)):
            if other in sides and batch == 32:
                pairs = zip(seconds[other], seconds["convlens numba"], strict=True)
                ratio = statistics.median(theirs / mine for theirs, mine in pairs)
                what = f"LeNet-5 training, batch {batch}: numba, times as fast as {other}"
                rows.append(Row(what, f"at least {asked}", ratio, "×", ratio >= asked))
    return rows


if __name__ == "__main__":
    if sys.argv[1:2] == ["side"]:
        run_side(sys.argv[2], int(sys.argv[3]))
    else:
        show(measure(tuple(map(int, sys.argv[1:])) or BATCHES))
