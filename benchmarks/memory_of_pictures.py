"""Memory for a folder of 100,000 pictures of 32 x 32 x 3, beside the pixels themselves (307 MB as uint8).

    python -m benchmarks.memory_of_pictures [COUNT]

The pictures are PNG files in ten classes, each with its own pixels. Three new processes read them: `convlens.load` when
it decodes them, `convlens.load` when they are in the cache, and one epoch of `convlens train` with a tiny network. The
figure is the largest memory of the process minus the pixels. Interpreter, NumPy and Numba are part of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.table import Row, show

COUNT = 100_000
AT_MOST = 300  # MB

_MOST = "most = int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) * 1024"
_LOAD = f"""
import json, sys, time
import convlens
begin = time.perf_counter()
digits = convlens.load(sys.argv[1])
seconds = time.perf_counter() - begin
{_MOST}
print(json.dumps([most, seconds]))
"""
_TRAIN = f"""
import json, sys, time
from convlens.cli import main
begin = time.perf_counter()
try:
    data, model, out = sys.argv[1:]
    sys.argv = ["convlens", "train", "--model", model, "--data", data, "--epochs", "1", "--out", out, "--json"]
    main()
except SystemExit as end:
    assert not end.code, end
seconds = time.perf_counter() - begin
{_MOST}
print()
print(json.dumps([most, seconds]))
"""
_NETWORK = """
from convlens import Sequential
from convlens.layers import Conv2D, Dense, Flatten, MaxPooling2D


def tiny(input_shape, classes):
    layers = [Conv2D(4, 3, activation="relu"), MaxPooling2D(8), Flatten(), Dense(classes, activation="softmax")]
    return Sequential(layers, input_shape)
"""


def make(folder: Path, count: int) -> None:
    """Write `count` PNG pictures of noise, each with its own pixels."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for label in range(10):
        (folder / f"class {label}").mkdir(parents=True)
    for number in range(count):
        pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"class {number % 10}" / f"{number}.png", compress_level=0)


def _ask(program: str, place: Path, *arguments: str) -> tuple[int, float]:
    """Run a program on the pictures in a new process. Return its largest memory in bytes, and its seconds."""
    environment = {**os.environ, "CONVLENS_DATA": str(place / "cache")}
    command = [sys.executable, "-c", program, str(place / "pictures"), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    most, seconds = json.loads(done.stdout.splitlines()[-1])
    return most, seconds


def measure(count: int = COUNT) -> list[Row]:
    """Return one row for each process."""
    pixels = count * 32 * 32 * 3
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        make(place / "pictures", count)
        (place / "tiny.py").write_text(_NETWORK)
        found = {
            "decoded": _ask(_LOAD, place),
            "from the cache": _ask(_LOAD, place),
            "one epoch of convlens train": _ask(_TRAIN, place, f"{place / 'tiny.py'}:tiny", str(place / "run")),
        }
    what = f"memory beside the pixels, {count:,} pictures of 32 x 32 x 3"
    note = f"{pixels / 1e6:.0f} MB of pixels"
    return [
        Row(
            f"{what}, {how}",
            f"at most {AT_MOST}",
            (most - pixels) / 1e6,
            "MB",
            most - pixels <= AT_MOST * 1e6,
            f"{note}, {most / 1e6:.0f} MB at most, {seconds:.0f} s",
        )
        for how, (most, seconds) in found.items()
    ]


if __name__ == "__main__":
    show(measure(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT))
