"""The accuracy of the course's two LeNets on the full MNIST: `4-main.py` and `5-main.py`, unchanged.

    python -m benchmarks.course_frameworks

They train five epochs with batches of 32, with the TensorFlow of this Python and with that of `.venv-course`, which
`make course-env` makes. The programs run one after the other, each in its own process.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.mnist import full_mnist
from benchmarks.table import Row, show
from convlens.data import course_npz

ROOT = Path(__file__).resolve().parent.parent
OTHER = ROOT / ".venv-course" / "bin" / "python"
MAINS = {"4-main.py": r"accuracy (\S+)", "5-main.py": r"val_accuracy: (\S+)"}  # program -> pattern of its accuracy
ASKED = 0.985


def _environment() -> dict[str, str]:
    """Return the environment variables for TensorFlow on the CPU, without its log messages."""
    return os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}


def _version(python: Path) -> str:
    """Return the TensorFlow version of a Python interpreter, or "absent"."""
    code = "import tensorflow; print(tensorflow.__version__)"
    if not python.is_file():
        return "absent"
    done = subprocess.run([python, "-c", code], env=_environment(), capture_output=True, text=True, check=False)
    return done.stdout.strip() or "absent"


def _row(python: Path, version: str, folder: Path, main: str) -> Row:
    """Run one program in the copy of the coursework next to its data, and return its row."""
    what = f"full MNIST, {main}, TensorFlow {version}, 5 epochs: validation"
    begin = time.perf_counter()
    done = subprocess.run(
        [python, folder / main], env=_environment(), cwd=folder, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - begin
    found = [float(number) for number in re.findall(MAINS[main], done.stdout)]
    if done.returncode or not found:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return Row(what, f"at least {ASKED}", None, "", False, f"it failed: {last}")
    return Row(what, f"at least {ASKED}", found[-1], "", found[-1] >= ASKED, f"{seconds:.0f} s for the whole program")


def measure() -> list[Row]:
    """Return one row for each program and each TensorFlow."""
    digits = full_mnist()
    if digits is None:
        what = "full MNIST, the course's two LeNets"
        return [Row(what, "", None, "", None, "the full MNIST is not on this machine: convlens data fetch")]
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "course"
        shutil.copytree(ROOT / "0x07-cnn", folder)
        (Path(name) / "data").mkdir()
        course_npz.export(digits, Path(name) / "data" / "MNIST.npz")
        for python, asked in ((Path(sys.executable), "of this Python"), (OTHER, "2.6, of `make course-env`")):
            version = _version(python)
            if version == "absent":
                rows.append(Row(f"full MNIST, TensorFlow {asked}", "", None, "", None, "absent"))
                continue
            rows += [_row(python, version, folder, main) for main in MAINS]
    return rows


if __name__ == "__main__":
    show(measure())
