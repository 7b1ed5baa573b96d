"""The cost of training on several hosts: `convlens train --trainer keras --hosts …` with 1, 2 and 4 processes.

    python -m benchmarks.hosts

The processes share the cores of this machine. So this benchmark does not measure the speed of several machines. It
measures the additional time of a step for each process. docs/hosts.md explains what follows for separate machines.

It also counts the pictures that each of two processes decodes of a folder, and measures the time to read the folder.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.table import Row, show

PROCESSES = (1, 2, 4)
BATCHES = (32, 128, 512)
IMAGES = 4_000  # the training part of the embedded digits
EPOCHS = 4  # the first epoch compiles and does not count
PICTURES = 2_000  # half of them PNG, half JPEG
SIZE = (192, 256)  # h, w

READ = """
import json, sys, time
from contextlib import nullcontext
from convlens.data import load, picture_reader
from convlens.interop.hosts import join

folder, out, *hosts = sys.argv[1:]
decode, counted = picture_reader.decode, []

def count(*given, **options):
    counted.append(1)
    return decode(*given, **options)

picture_reader.decode = count
with join(hosts[0].split(","), int(hosts[1]), 60) if hosts else nullcontext() as together:
    if together:
        together.agree(None)
    start = time.perf_counter()
    digits = load(folder, hosts=(lambda: together) if together else None)
    seconds = time.perf_counter() - start
    with open(out, "w") as file:
        json.dump([seconds, len(counted), digits.fingerprint], file)
"""


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _epochs(processes: int, batch: int, folder: Path) -> list[float]:
    """Train, and return the seconds of each epoch except the first."""
    hosts = ",".join(f"127.0.0.1:{_free_port()}" for _ in range(processes))
    common = [sys.executable, "-m", "convlens", "train", "--trainer", "keras"]
    settings = ["--batch-size", str(batch), "--epochs", str(EPOCHS), "--out", str(folder)]
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": os.environ | {"TERM": "dumb"}}
    with ExitStack() as stack:
        for rank in reversed(range(processes)):
            place = ["--hosts", hosts, "--rank", str(rank)] if processes > 1 else []
            command = [*common, *place, *([] if rank else settings)]
            leader = stack.enter_context(subprocess.Popen(command, **options))  # type: ignore[call-overload]
        if leader.wait():
            raise RuntimeError(f"{processes} processes, batch {batch}: the leader ended with {leader.returncode}")
    history = json.loads((folder / "history.json").read_text())
    return [epoch["seconds"] for epoch in history["epochs"][1:]]


def _step(processes: int, batch: int) -> list[float]:
    """Return the milliseconds of a step, for each epoch except the first."""
    with tempfile.TemporaryDirectory() as folder:
        steps = -(-IMAGES // batch)
        return [1000 * seconds / steps for seconds in _epochs(processes, batch, Path(folder) / "run")]


class Reading(NamedTuple):
    """What a process says that read the folder: the time, the pictures that it decoded, the sha256 of the data."""

    seconds: float
    decoded: int
    sha256: str


def _write_pictures(folder: Path) -> None:
    from PIL import Image

    rng, (h, w) = np.random.default_rng(0), SIZE
    for k in range(PICTURES):
        path = folder / ("one", "two")[k % 2] / f"{k}.{'png' if k % 4 < 2 else 'jpg'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        rough = Image.fromarray(rng.integers(0, 256, (h // 16, w // 16, 3), dtype=np.uint8))
        Image.fromarray(
            np.asarray(rough.resize((w, h), Image.Resampling.BICUBIC)) // 16 * 15
            + rng.integers(0, 16, (h, w, 3), dtype=np.uint8)
        ).save(path)


def _read(processes: int, folder: Path, place: Path) -> list[Reading]:
    """Read the folder with empty caches; return what each process says."""
    hosts = ",".join(f"127.0.0.1:{_free_port()}" for _ in range(processes))
    with ExitStack() as stack:
        started = []
        for rank in range(processes):
            out = place / f"{processes}-{rank}"
            command = [sys.executable, "-c", READ, str(folder), f"{out}.json"]
            there = os.environ | {"CONVLENS_DATA": str(out), "JAX_PLATFORMS": "cpu"}
            options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": there}
            rest = [hosts, str(rank)] if processes > 1 else []
            started.append(stack.enter_context(subprocess.Popen([*command, *rest], **options)))  # type: ignore[call-overload]
        if any(codes := [process.wait() for process in started]):
            raise RuntimeError(f"{processes} processes that read {folder} ended with {codes}")
    return [Reading(*json.loads((place / f"{processes}-{rank}.json").read_text())) for rank in range(processes)]


def measure_reading() -> list[Row]:
    """Return the pictures that each process decodes, and the seconds, for one and two processes."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder, place, sha256 = Path(name) / "pictures", Path(name), ""
        _write_pictures(folder)
        for processes in (1, 2):
            found = _read(processes, folder, place)
            sha256 = sha256 or found[0].sha256
            share = PICTURES // processes
            good = all(each.decoded == share and each.sha256 == sha256 for each in found)
            what = f"{PICTURES:,} pictures of {SIZE[1]} x {SIZE[0]}, {processes} process{'es' if processes > 1 else ''}"
            rows.append(Row(f"{what}: each decodes", f"{share:,}", max(e.decoded for e in found), "pictures", good))
            rows.append(Row(f"{what}: read, decoded, exchanged", "", max(e.seconds for e in found), "s", True))
    return rows


def measure() -> list[Row]:
    """Return the rows of reading, and one row for each number of processes and each batch size."""
    rows = measure_reading()
    for batch in BATCHES:
        for processes in PROCESSES:
            steps = _step(processes, batch)
            what = f"LeNet-5, Keras on JAX, batch {batch}, {processes} process{'es' if processes > 1 else ''}: one step"
            note = f"{min(steps):.2f} to {max(steps):.2f}"
            rows.append(Row(what, "", statistics.median(steps), "ms", True, note))
    return rows


if __name__ == "__main__":
    show(measure())
