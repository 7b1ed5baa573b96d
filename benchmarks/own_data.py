"""Train from the command line on data that others made, and compare the accuracy with the same network in Keras.

    python -m benchmarks.own_data [NAME …]

Four data sets: the 5,000 digits of the package as a folder of PNG files, scikit-learn's digits as a CSV file, patches
of scikit-learn's two photographs as a folder of PNG files, and Fashion-MNIST as Debian's package dataset-fashion-mnist
installs it (FASHION names another folder). Each network is trained with three seeds, by `convlens train` and by Keras
on TensorFlow: the same layers, data, batches of 32, Adam, and number of epochs. The figure is the difference of the
mean validation accuracies, in points.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.table import Row, show

SEEDS = (0, 1, 2)
FASHION = Path(os.environ.get("FASHION", "/usr/share/datasets/fashion-mnist"))
PATCH = 32  # rows and columns of a patch


class Task(NamedTuple):
    """A data set, the network that is trained on it, and the number of epochs

    make: a function that writes the data into a folder and returns their path
    """

    make: Callable[[Path], Path | None]
    model: str
    epochs: int


def digits_as_pictures(folder: Path) -> Path:
    """Write the digits of the package as FOLDER/digits/LABEL/NUMBER.png."""
    from PIL import Image

    from convlens.data import load

    digits = load("embedded")
    x, y = np.concatenate([digits.x_train, digits.x_valid]), np.concatenate([digits.y_train, digits.y_valid])
    for k, (image, label) in enumerate(zip(x, y, strict=True)):
        path = folder / "digits" / str(label) / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.rint(image[..., 0] * 256).astype(np.uint8)).save(path)
    return folder / "digits"


def sklearn_digits(folder: Path) -> Path:
    """Write scikit-learn's 1,797 digits of 8 x 8 pixels as a CSV file: the label, then 64 pixels from 0 to 16."""
    from sklearn.datasets import load_digits

    found = load_digits()
    rows = np.column_stack([found.target, found.data]).astype(int)
    path = folder / "digits.csv"
    names = ["label", *(f"pixel{k}" for k in range(64))]
    np.savetxt(path, rows, fmt="%d", delimiter=",", header=",".join(names), comments="")
    return path


def patches(folder: Path) -> Path:
    """Cut scikit-learn's two photographs into patches: FOLDER/patches/PHOTOGRAPH/NUMBER.png."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    found = load_sample_images()
    for photograph, name in zip(found.images, found.filenames, strict=True):
        place = folder / "patches" / Path(name).stem
        place.mkdir(parents=True)
        h, w, _ = photograph.shape
        corners = [(i, j) for i in range(0, h - PATCH + 1, PATCH) for j in range(0, w - PATCH + 1, PATCH)]
        for k, (i, j) in enumerate(corners):
            Image.fromarray(photograph[i : i + PATCH, j : j + PATCH]).save(place / f"{k}.png")
    return folder / "patches"


def fashion(folder: Path) -> Path | None:
    """Return the folder of Fashion-MNIST, or None if it is not installed."""
    return FASHION if FASHION.is_dir() else None


TASKS = {
    "the 5,000 digits as PNG files, lenet5": Task(digits_as_pictures, "lenet5", 5),
    "scikit-learn's digits as CSV, vgg_small": Task(sklearn_digits, "vgg_small", 8),
    "patches of two photographs, vgg_small": Task(patches, "vgg_small", 8),
    "Fashion-MNIST as IDX, convnet": Task(fashion, "convnet", 2),
}


def ours(data: Path, task: Task, seed: int, out: Path) -> float:
    """Run `convlens train` and return the validation accuracy after the last epoch."""
    command = [sys.executable, "-m", "convlens", "train", "--model", task.model, "--data", str(data), "--json"]
    command += ["--epochs", str(task.epochs), "--seed", str(seed), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
    return float(json.loads(done.stdout)["epochs"][-1]["val_accuracy"])


def theirs(data: Path, task: Task, seed: int) -> float:
    """Train the same network in Keras and return its validation accuracy."""
    import keras

    from convlens.data import load
    from convlens.interop.keras_model import to_keras
    from convlens.models import build_model

    found = load(data)
    keras.utils.set_random_seed(seed)
    network = build_model(
        task.model, input_shape=found.x_train.shape[1:], classes=found.classes, seed=seed + 1000, engine="numpy"
    )
    model = to_keras(network)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(found.x_train, found.y_train, batch_size=32, epochs=task.epochs, verbose=0)
    return float(model.evaluate(found.x_valid, found.y_valid, verbose=0)[1])


def measure(names: list[str] | None = None) -> list[Row]:
    """Return one row for each data set."""
    rows = []
    for what, task in TASKS.items():
        if names and not any(name in what for name in names):
            continue
        with tempfile.TemporaryDirectory() as folder:
            data = task.make(Path(folder))
            if data is None:
                rows.append(Row(what, "", None, "", None, f"not on this machine: {FASHION}"))
                continue
            mine = [ours(data, task, seed, Path(folder) / f"run-{seed}") for seed in SEEDS]
            peer = [theirs(data, task, seed) for seed in SEEDS]
        points = 100 * (statistics.mean(mine) - statistics.mean(peer))
        note = f"convlens {_spread(mine)}, Keras {_spread(peer)}, {task.epochs} epochs, {len(SEEDS)} seeds"
        rows.append(Row(what, "at least -0.5", points, "points", points >= -0.5, note))
    return rows


def _spread(values: list[float]) -> str:
    return f"{statistics.mean(values):.4f} ({min(values):.4f} to {max(values):.4f})"


if __name__ == "__main__":
    show(measure(sys.argv[1:]))
