"""Small data sets of coloured pictures that are not square, and the run of any network on them."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from convlens.data import Digits, from_arrays
from convlens.nn import Adam, Sequential
from convlens.training import Settings, train
from convlens.training.events import Epoch

NAMES = ("red cup", "Grün <b>", "猫", "قط")


def coloured(n=120, names=NAMES, size=(12, 17), channels=3, notes=(), seed=0) -> Digits:
    """Noise with a bright bar in a place and a colour of its own for each class, uint8 (n, h, w, c)."""
    rng = np.random.default_rng(seed)
    h, w = size
    x, y = rng.integers(0, 90, (n, h, w, channels)).astype(np.uint8), rng.integers(0, len(names), n)
    y[: len(names)] = y[-len(names) :] = np.arange(len(names))
    for k, label in enumerate(y.tolist()):
        x[k, label % h, 2 : w - 3, label % channels] = 250
    cut = n - n // 3
    digits = from_arrays(x[:cut], y[:cut], x[cut:], y[cut:])
    return replace(digits, class_names=tuple(names), notes=tuple(notes))


@dataclass
class TrainedRun:
    """A run of any network, as `report.write_report` reads it."""

    folder: Path
    trained: Sequential
    data_sha256: str
    settings: Settings
    epochs: list[Epoch] = field(default_factory=list)
    best: int = 1
    finished: str | None = "1 of 1 epochs done"


def trained_run(folder, layers, digits: Digits, *, rate=0.01, batch_size=16, **settings) -> Any:
    """Train the layers for one epoch."""
    shape = digits.pixels_train.shape[1:]
    model = Sequential(layers, shape, name="own", seed=1, engine="numpy")
    images = digits.images
    events = train(
        model,
        images("train"),
        digits.y_train,
        optimizer=Adam(rate),
        validation=(images("valid"), digits.y_valid),
        batch_size=batch_size,
        threads=1,
    )
    epochs = [event for event in events if isinstance(event, Epoch)]
    return TrainedRun(folder, model, digits.fingerprint, Settings(data="pictures", epochs=1, **settings), epochs)
