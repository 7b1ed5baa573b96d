"""LeNet-5 on the full MNIST, batch 32: convlens beside Keras on TensorFlow, epoch by epoch in turn on the same cores.

    python -m benchmarks.training [EPOCHS]

Each side is a process of its own that waits while the other trains. Seconds are training alone, without validation.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from typing import Any

from benchmarks.mnist import full_mnist, mnist_argument
from benchmarks.table import Row, show

EPOCHS = 5
BATCH = 32


def _say(**values: Any) -> None:
    print(json.dumps(values), flush=True)


def _convlens(engine: str, epochs: int) -> None:
    from convlens import lenet5
    from convlens.nn import Adam
    from convlens.training import Epoch, train

    digits = full_mnist()
    assert digits is not None
    model = lenet5(engine=engine)
    events = train(
        model,
        digits.x_train,
        digits.y_train,
        optimizer=Adam(),
        validation=(digits.x_valid, digits.y_valid),
        epochs=epochs,
        batch_size=BATCH,
    )
    _say(ready=True)
    for _ in range(epochs):
        input()
        event = next(event for event in events if isinstance(event, Epoch))
        _say(seconds=event.seconds, val_accuracy=event.val_accuracy)


def _keras(epochs: int) -> None:
    import time

    import keras
    import numpy as np

    digits = full_mnist()
    assert digits is not None
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="relu", kernel_initializer="he_normal"),
            layers.MaxPooling2D(2, 2),
            layers.Conv2D(16, 5, activation="relu", kernel_initializer="he_normal"),
            layers.MaxPooling2D(2, 2),
            layers.Flatten(),
            layers.Dense(120, "relu", kernel_initializer="he_normal"),
            layers.Dense(84, "relu", kernel_initializer="he_normal"),
            layers.Dense(10, "softmax", kernel_initializer="he_normal"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    y_train, y_valid = (np.eye(10, dtype=np.float32)[y] for y in (digits.y_train, digits.y_valid))
    few = slice(0, BATCH * 20)
    start = model.get_weights()
    model.fit(digits.x_train[few], y_train[few], batch_size=BATCH, verbose=0)  # traced and warm
    model.set_weights(start)
    _say(ready=True)
    for _ in range(epochs):
        input()
        begin = time.perf_counter()
        model.fit(digits.x_train, y_train, batch_size=BATCH, verbose=0)
        seconds = time.perf_counter() - begin
        _say(seconds=seconds, val_accuracy=model.evaluate(digits.x_valid, y_valid, batch_size=500, verbose=0)[1])


class _Side:
    """A process that trains an epoch each time it is asked."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "benchmarks.training", *arguments]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.seconds: list[float] = []
        self.accuracy = 0.0
        self._read()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args!r} ended early")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def epoch(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer = self._read()
        self.seconds.append(answer["seconds"])
        self.accuracy = answer["val_accuracy"]

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def measure(epochs: int = EPOCHS) -> list[Row]:
    """Rows for each engine: validation accuracy, and an epoch's time beside Keras's."""
    what = "full MNIST, numpy engine, batch 32"
    if mnist_argument() is None:
        return [Row(what, "", None, "", None, "the full MNIST is not on this machine: convlens data fetch")]
    keras, ours = _Side("keras", str(epochs)), _Side("numpy", str(epochs))
    for _ in range(epochs):
        ours.epoch()
        keras.epoch()
    for side in (keras, ours):
        side.close()
    mine, theirs = statistics.median(ours.seconds), statistics.median(keras.seconds)
    ratio = statistics.median(a / b for a, b in zip(ours.seconds, keras.seconds, strict=True))
    spread = f"convlens {mine:.2f} s ({min(ours.seconds):.2f} to {max(ours.seconds):.2f}), "
    spread += f"Keras {theirs:.2f} s ({min(keras.seconds):.2f} to {max(keras.seconds):.2f})"
    note = f"Keras on TensorFlow: {keras.accuracy:.4f}"
    return [
        Row(f"{what}, {epochs} epochs: validation", "at least 0.985", ours.accuracy, "", ours.accuracy >= 0.985, note),
        Row(f"{what}: an epoch, by Keras's on TensorFlow", "at most 1, aim 0.5", ratio, "×", ratio <= 1, spread),
    ]


if __name__ == "__main__":
    if sys.argv[1:2] == ["keras"]:
        _keras(int(sys.argv[2]))
    elif sys.argv[1:2] == ["numpy"]:
        _convlens("numpy", int(sys.argv[2]))
    else:
        show(measure(*map(int, sys.argv[1:])))
