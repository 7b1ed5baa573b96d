"""Start-up times: commands and imports as whole processes, and the Numba engine's time until the first trained batch.

    python -m benchmarks.startup [NAME …]        the groups commands, predictions, folders and batches, or some of them

The processes of a group take turns, and a figure is the median of several. The bare interpreter and `import numpy` are
measured beside the commands. A peer's prediction is a whole process too: it imports the framework, loads the same
network, and predicts one picture. Python's bytecode is written before, as by an installation.

The start of the engine is the time from the beginning of the process to the end of the first training batch. It
includes all imports, and everything that is compiled or linked.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from benchmarks.environment import environment
from benchmarks.network_list import NETWORKS
from benchmarks.table import Row, show

ROUNDS, SLOW_ROUNDS = 9, 3
PICTURES = 2_000
COMPILED, LINKED = (8.0, 5.0), (0.4, 0.25)  # seconds to the first batch: asked, and the aim
COURSE = Path(__file__).parents[1] / "0x07-cnn"

Command = list[str]

# The programs ---------------------------------------------------------------------------------------------------------

_PICTURE = """
import sys
import numpy as np
from PIL import Image
picture = Image.open(sys.argv[1]).convert("L").resize((28, 28))
x = (1 - np.asarray(picture, np.float32) / 255)[None, ..., None]
"""
KERAS = f"{_PICTURE}\nimport keras\nprint(keras.models.load_model(sys.argv[2]).predict(x, verbose=0).argmax())"
ONNX = f"""{_PICTURE}
import onnxruntime
session = onnxruntime.InferenceSession(sys.argv[2])
print(session.run(None, {{session.get_inputs()[0].name: x}})[0].argmax())
"""
TORCH = f"""{_PICTURE}
import torch
from torch import nn
model = nn.Sequential(
    nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
)
print(int(model(torch.from_numpy(x).permute(0, 3, 1, 2)).argmax()))
"""
PILLOW = """
import sys
from pathlib import Path
import numpy as np
from PIL import Image
paths = Path(sys.argv[1]).rglob("*.png")
print(np.array([np.asarray(Image.open(path).convert("RGB").resize((32, 32))) for path in paths]).shape)
"""
LOAD = "import sys, convlens; print(convlens.load(sys.argv[1], size=(32, 32)).x_train.shape)"
STEP = """
import sys
from benchmarks.network_list import NETWORKS, data
from benchmarks.networks import ours
for name in sys.argv[1:] or NETWORKS:
    ours(name)(*data(name))
"""
FIRST = """
import time
import numpy, convlens
x, y = numpy.zeros((32, 28, 28, 1), numpy.float32), numpy.zeros(32, int)
convlens.fit(convlens.lenet5(engine="numba"), x, y, batch_size=32, epochs=1)
"""


def _python(program: str, *arguments: object) -> Command:
    return [sys.executable, "-c", program, *map(str, arguments)]


def _convlens(*arguments: object) -> Command:
    return [sys.executable, "-m", "convlens", *map(str, arguments)]


def _spent(command: Command, changes: Mapping[str, str] | None = None) -> tuple[float, float]:
    """Run a command; return its seconds, and its seconds of processor time."""
    usual = {name: value for name, value in environment().items() if name != "PYTHONDONTWRITEBYTECODE"}
    output, start, before = subprocess.DEVNULL, time.perf_counter(), os.times()
    done = subprocess.run(command, stdout=output, stderr=output, env=usual | dict(changes or {}))
    seconds, after = time.perf_counter() - start, os.times()
    if done.returncode > ("check" in command):  # 1: `convlens check` says that something does not pass
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}")
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, processor


def _seconds(command: Command) -> float:
    return _spent(command)[0]


def _times(commands: Mapping[str, Command], rounds: int) -> dict[str, list[float]]:
    """Run each command once to warm it up, then in turns; return its times."""
    for command in commands.values():
        _seconds(command)
    found: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            found[name].append(_seconds(command))
    return found


def _rows(times: Mapping[str, list[float]], most: Mapping[str, float] | None = None) -> list[Row]:
    rows = []
    for name, values in times.items():
        median, limit = statistics.median(values), (most or {}).get(name)
        asked = "" if limit is None else f"below {limit}"
        note = f"{min(values):.3f} to {max(values):.3f}"
        rows.append(Row(name, asked, median, "s", limit is None or median < limit, note))
    return rows


# The groups -----------------------------------------------------------------------------------------------------------


def commands(folder: Path, run: Path) -> list[Row]:
    """Return the rows of commands that compute little, beside the bare interpreter and NumPy."""
    quick = {
        "python -c pass": _python("pass"),
        "import numpy": _python("import numpy"),
        "import convlens": _python("import convlens"),
        "convlens --version": _convlens("--version"),
        "convlens --help": _convlens("--help"),
        "convlens summary": _convlens("summary"),
    }
    slow = {
        "convlens report": _convlens("report", "--run", run),
        "convlens check 0-conv_forward.py": _convlens("check", COURSE / "0-conv_forward.py"),
        "convlens check, all tasks": _convlens("check", COURSE),
    }
    asked = {"import convlens": 0.2, "convlens --help": 0.4}
    return [*_rows(_times(quick, ROUNDS), asked), *_rows(_times(slow, SLOW_ROUNDS)), _training(folder)]


def _training(folder: Path) -> Row:
    """Return the row of a whole `convlens train` of one epoch, with its page and its report."""
    values = [_seconds(_convlens("train", "--epochs", 1, "--out", folder / f"run-{k}")) for k in range(SLOW_ROUNDS + 1)]
    (row,) = _rows({"convlens train --epochs 1, 4,000 digits": values[1:]})
    return row


def predictions(picture: Path, run: Path) -> list[Row]:
    """Return the rows of one picture's prediction, for convlens and for the peers that are installed."""
    peers = {
        "onnxruntime": (ONNX, "onnx", "predict one picture: import onnxruntime, session"),
        "torch": (TORCH, None, "predict one picture: import torch, model"),
        "tensorflow": (KERAS, "keras", "predict one picture: import keras, load_model, predict"),
    }
    quick, missing = {"convlens predict, one picture": _convlens("predict", picture, "--run", run)}, list[Row]()
    for package, (program, form, name) in peers.items():
        if importlib.util.find_spec(package) is None or (form == "onnx" and importlib.util.find_spec("onnx") is None):
            missing.append(Row(name, "", None, "s", None, f"{package} is not installed"))
            continue
        if form:
            _seconds(_convlens("export", "--to", form, "--run", run, "--overwrite"))
        quick[name] = _python(program, picture, *([run / f"model.{form}"] if form else []))
    return [*_rows(_times(quick, SLOW_ROUNDS)), *missing]


def folders(folder: Path) -> list[Row]:
    """Return the rows of reading a folder of small pictures, beside a loop of Pillow over the same files."""
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (PICTURES, 40, 36, 3), np.uint8)
    for k, image in enumerate(pixels):
        path = folder / "pictures" / f"class{k % 4}" / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    programs = {
        f"load a folder of {PICTURES:,} pictures": _python(LOAD, folder / "pictures"),
        "the same with a loop of Pillow": _python(PILLOW, folder / "pictures"),
    }
    return _rows(_times(programs, SLOW_ROUNDS))


def batches() -> list[Row]:
    """Return the rows of the Numba engine, each with no kernels compiled before, and with those of the run before."""
    programs: dict[str, Callable[[], Command]] = {
        "LeNet-5": lambda: _python(FIRST),
        "small VGG": lambda: _python(STEP, "small VGG"),
        f"all {len(NETWORKS)} networks of benchmarks.networks": lambda: _python(STEP),
    }
    rows = []
    for name, program in programs.items():
        spent: dict[str, list[tuple[float, float]]] = {}
        for _ in range(SLOW_ROUNDS):
            with tempfile.TemporaryDirectory() as cache:
                for state in ("compiled", "linked", "linked"):
                    spent.setdefault(state, []).append(_spent(program(), {"NUMBA_CACHE_DIR": cache}))
        for state, pairs in spent.items():
            limits = COMPILED if state == "compiled" else LINKED if name != list(programs)[-1] else None
            what = f"first batch of {name}, whole process, kernels {state}"
            for kind, values in zip(("", ", processor time"), zip(*pairs, strict=True), strict=True):
                asked = f"asked {limits[0]:g} s, aim {limits[1]:g}" if limits else ""
                ok = limits is None or min(values) <= limits[0]
                note = f"best of {len(values)}; up to {max(values):.2f}"
                rows.append(Row(what + kind, asked, min(values), "s", ok, note))
    return rows


def measure(names: tuple[str, ...] = ("commands", "predictions", "folders", "batches")) -> list[Row]:
    """Return the rows of these groups."""
    from PIL import Image

    if importlib.util.find_spec("numba") is None:
        names = tuple(name for name in names if name != "batches")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        run, picture = folder / "run", folder / "digit.png"
        _seconds(_convlens("train", "--epochs", 1, "--out", run))
        from convlens.data import load

        image = np.rint(255 - 255 * load("embedded").x_valid[0][..., 0]).astype(np.uint8)
        Image.fromarray(np.pad(np.kron(image, np.ones((4, 4), np.uint8)), 40, constant_values=255)).save(picture)
        groups: dict[str, Callable[[], list[Row]]] = {
            "commands": lambda: commands(folder, run),
            "predictions": lambda: predictions(picture, run),
            "folders": lambda: folders(folder),
            "batches": batches,
        }
        return [row for name in names for row in groups[name]()]


if __name__ == "__main__":
    show(measure(tuple(sys.argv[1:])) if sys.argv[1:] else measure())
