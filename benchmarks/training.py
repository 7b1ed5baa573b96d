"""LeNet-5 on the full MNIST, batch 32: convlens compared with Keras on TensorFlow.

    python -m benchmarks.training [EPOCHS]

Each program runs in its own process. They take turns on the same cores, one epoch in each turn. Seconds are the time of
training, without validation.

The time to a validation accuracy of 0.985 is that of this recipe, with SEEDS seeds, each of which must reach it:

    convlens train --data mnist --epochs 2 --batch-size 64 --learning-rate 0.003 --schedule cosine
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import Any

import numpy as np

from benchmarks.lenets import keras_model
from benchmarks.mnist import full_mnist, mnist_argument
from benchmarks.table import Row, show
from benchmarks.workers import Worker, close, ratios, serve, take_turns

EPOCHS = 5
BATCH = 32
UNTIL, UNTIL_AIM = 2.0, 1.2  # seconds of training until the validation accuracy is 0.985
SEEDS, RECIPE_EPOCHS, RECIPE_BATCH, RECIPE_RATE = 5, 2, 64, 0.003
ASKED = {"numpy": 1, "numba": 0.25}  # the longest allowed epoch, in units of an epoch of Keras on TensorFlow


def _convlens(engine: str, epochs: int) -> None:
    from convlens import lenet5
    from convlens.nn import Adam
    from convlens.training import Epoch, train

    digits = full_mnist()
    assert digits is not None
    model = lenet5(engine=engine)
    model.loss_gradient(digits.x_train[:16], digits.y_train[:16], 1.0, np.empty_like(model.flat))  # compile
    events = train(
        model,
        digits.x_train,
        digits.y_train,
        optimizer=Adam(engine=model.engine),
        validation=(digits.x_valid, digits.y_valid),
        epochs=epochs,
        batch_size=BATCH,
    )

    def turn(_: object) -> dict[str, Any]:
        event = next(event for event in events if isinstance(event, Epoch))
        return {"seconds": event.seconds, "val_accuracy": event.val_accuracy}

    serve(turn)


def _recipe() -> None:
    from convlens import lenet5
    from convlens.nn import Adam, CosineDecay
    from convlens.training import Epoch, train

    digits = full_mnist()
    assert digits is not None
    steps = RECIPE_EPOCHS * -(-len(digits.x_train) // RECIPE_BATCH)

    def turn(seed: int) -> dict[str, Any]:
        model = lenet5(engine="numba", seed=seed)
        events = train(
            model,
            digits.x_train,
            digits.y_train,
            optimizer=Adam(CosineDecay(RECIPE_RATE, steps), engine=model.engine),
            validation=(digits.x_valid, digits.y_valid),
            epochs=RECIPE_EPOCHS,
            batch_size=RECIPE_BATCH,
            seed=seed,
        )
        epochs = [event for event in events if isinstance(event, Epoch)]
        return {"seconds": sum(epoch.seconds for epoch in epochs), "val_accuracy": epochs[-1].val_accuracy}

    serve(turn)


def _keras() -> None:
    digits = full_mnist()
    assert digits is not None
    model = keras_model("tensorflow")
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    y_train, y_valid = (np.eye(10, dtype=np.float32)[y] for y in (digits.y_train, digits.y_valid))
    few = slice(0, BATCH * 20)
    start = model.get_weights()
    model.fit(digits.x_train[few], y_train[few], batch_size=BATCH, verbose=0)  # trace and warm up
    model.set_weights(start)

    def turn(_: object) -> dict[str, Any]:
        begin = time.perf_counter()
        model.fit(digits.x_train, y_train, batch_size=BATCH, verbose=0)
        seconds = time.perf_counter() - begin
        return {"seconds": seconds, "val_accuracy": model.evaluate(digits.x_valid, y_valid, verbose=0)[1]}

    serve(turn)


def measure(epochs: int = EPOCHS) -> list[Row]:
    """Return for each engine the validation accuracy and the ratio of its epoch to Keras, and the time to 0.985."""
    what = "full MNIST, batch 32"
    if mnist_argument() is None:
        return [Row(what, "", None, "", None, "the full MNIST is not on this machine: convlens data fetch")]
    names = ("keras", *ASKED)
    workers = {name: Worker("benchmarks.training", name, epochs) for name in names}
    turns = take_turns(workers, epochs)
    close(workers.values())
    seconds = {name: [turn["seconds"] for turn in turns[name]] for name in names}
    rows = []
    for name in ASKED:
        last = turns[name][-1]["val_accuracy"]
        note = f"Keras on TensorFlow: {turns['keras'][-1]['val_accuracy']:.4f}"
        asked = name == "numpy"  # for numba, the last row requires this accuracy, and a time
        ok = last >= 0.985 or not asked
        rows.append(
            Row(f"{what}, {name}, {epochs} epochs: validation", "at least 0.985" if asked else "", last, "", ok, note)
        )
        ratio = statistics.median(ratios(seconds[name], seconds["keras"]))
        most = ASKED[name]
        note = "; ".join(f"{program} {_spread(seconds[program])}" for program in (name, "keras"))
        rows.append(Row(f"{what}, {name}: epoch / Keras's epoch", f"at most {most}", ratio, "×", ratio <= most, note))
    worker = Worker("benchmarks.training", "recipe")
    tries = [worker.ask(seed) for seed in range(SEEDS)]
    close([worker])
    total, least = statistics.median(one["seconds"] for one in tries), min(one["val_accuracy"] for one in tries)
    wanted = f"at most {UNTIL:g}, aim {UNTIL_AIM:g}"
    note = f"{RECIPE_EPOCHS} epochs of batch {RECIPE_BATCH}; {SEEDS} seeds, validation at least {least:.4f}"
    row = Row("full MNIST, numba: training until 0.985", wanted, total, "s", least >= 0.985 and total <= UNTIL, note)
    rows.append(row)
    return rows


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} s ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    if sys.argv[1:2] == ["keras"]:
        _keras()
    elif sys.argv[1:2] == ["recipe"]:
        _recipe()
    elif sys.argv[1:2] and sys.argv[1] in ASKED:
        _convlens(sys.argv[1], int(sys.argv[2]))
    else:
        show(measure(*map(int, sys.argv[1:])))
