"""A network of one's own: trained, killed, resumed, loaded in a new process, exported to ONNX and Keras, imported back.

    python -m benchmarks.own_model

The network has normalisation, a residual block, a depthwise convolution and dropout; it is trained on patches of
scikit-learn's two photographs with augmentation, weight decay and a schedule. Its Python file is deleted before the
network is loaded.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.own_data import patches
from benchmarks.table import Row, show
from convlens.arrays import Array

KILLS = 5
OWN = """
from convlens.layers import *
from convlens import Sequential

def network(input_shape, classes, seed):
    block = Add((Conv2D(12, 3, padding="same", use_bias=False), BatchNormalization(), ReLU(),
                 Conv2D(12, 3, padding="same", use_bias=False), BatchNormalization()), activation="relu")
    return Sequential([
        Conv2D(12, 3, activation="gelu"), block, MaxPooling2D(2), DepthwiseConv2D(3, padding="same"),
        BatchNormalization(), LeakyReLU(), GlobalAveragePooling2D(), Dropout(0.2), Dense(classes, activation="softmax"),
    ], input_shape, seed=seed)
"""
TRAIN = ("--size", "24x16", "--epochs", "6", "--augment", "flip,shift", "--optimizer", "adamw", "--schedule", "cosine")
PREDICT = """
import sys, numpy as np, convlens
model = convlens.load_model(sys.argv[1])
np.save(sys.argv[3], model.predict(np.load(sys.argv[2])))
"""


def _convlens(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "convlens", *arguments]


def _run(folder: Path, *arguments: str) -> None:
    done = subprocess.run(_convlens(folder, *arguments), cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"convlens {' '.join(arguments)}: {done.stderr}")


def _killed_and_resumed(folder: Path, seconds: float) -> int:
    """Train, killed KILLS times at random moments, and resumed to the end. Return how many kills met a live process."""
    rng, met = np.random.default_rng(), 0
    for _ in range(KILLS):
        begun = (folder / "killed" / "checkpoint.safetensors").exists()
        process = subprocess.Popen(
            _convlens(folder, *(_RESUME if begun else (*_NEW, "--out", "killed"))),
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(rng.uniform(0.2, 0.9) * seconds)
        met += process.poll() is None
        process.kill()
        process.wait()
    _run(folder, *(_RESUME if (folder / "killed" / "checkpoint.safetensors").exists() else (*_NEW, "--out", "killed")))
    return met


_NEW = ("train", "--model", "own.py:network", "--data", "patches", *TRAIN)
_RESUME = ("train", "--resume", "--run", "killed")


def measure() -> list[Row]:
    """Return one row for each step of the way."""
    import onnxruntime

    from convlens.interop.frameworks import load_keras
    from convlens.training import load_model

    keras = load_keras("tensorflow", "the comparison")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        patches(folder)
        (folder / "own.py").write_text(OWN)
        begin = time.perf_counter()
        _run(folder, *_NEW, "--out", "whole")
        met = _killed_and_resumed(folder, time.perf_counter() - begin)
        (folder / "own.py").unlink()
        whole, killed = load_model(folder / "whole"), load_model(folder / "killed")
        x = np.random.default_rng(0).random((64, *whole.input_shape), dtype=np.float32)
        ours = whole.predict(x)
        np.save(folder / "x.npy", x)
        command = [sys.executable, "-c", PREDICT, "whole", "x.npy", "y.npy"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        for to in ("onnx", "keras"):
            _run(folder, "export", "--run", "whole", "--to", to)
        (onnx,) = onnxruntime.InferenceSession(folder / "whole/model.onnx").run(None, {"images": x})
        theirs = np.asarray(keras.models.load_model(folder / "whole/model.keras")(x, training=False))
        _run(folder, "import", "whole/model.keras", "--out", "back")
        back = load_model(folder / "back")
        return [
            _equal(f"killed {met} times and resumed: weights", _all(killed.get_weights()), _all(whole.get_weights())),
            _equal("loaded in a new process: predictions", np.load(folder / "y.npy"), ours),
            _near("exported to ONNX: probabilities in ONNX Runtime", onnx, ours),
            _near("exported to Keras: probabilities in Keras", theirs, ours),
            _equal("imported back from Keras: weights", _all(back.get_weights()), _all(whole.get_weights())),
            _equal("imported back from Keras: predictions", back.predict(x), ours),
        ]


def _all(weights: list[Array]) -> Array:
    return np.concatenate([w.ravel() for w in weights])


def _equal(what: str, found: Array, wanted: Array) -> Row:
    same = found.tobytes() == wanted.tobytes()
    return Row(f"own network, {what}", "equal bits", int(np.count_nonzero(found != wanted)), "differ", same)


def _near(what: str, found: Array, wanted: Array) -> Row:
    far = float(np.abs(found - wanted).max())
    return Row(f"own network, {what}", "within 1e-5", far, "", far <= 1e-5)


if __name__ == "__main__":
    show(measure())
