"""The cost of training on several hosts: `convlens train --trainer keras --hosts …` with 1, 2 and 4 processes.

    python -m benchmarks.hosts

The processes share the cores of this machine. So this benchmark does not measure the speed of several machines. It
measures the additional time of a step for each process. docs/hosts.md explains what follows for separate machines.
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

from benchmarks.table import Row, show

PROCESSES = (1, 2, 4)
BATCHES = (32, 128, 512)
IMAGES = 4_000  # the training part of the embedded digits
EPOCHS = 4  # the first epoch compiles and does not count


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


def measure() -> list[Row]:
    """Return one row for each number of processes and each batch size."""
    rows = []
    for batch in BATCHES:
        for processes in PROCESSES:
            steps = _step(processes, batch)
            what = f"LeNet-5, Keras on JAX, batch {batch}, {processes} process{'es' if processes > 1 else ''}: one step"
            note = f"{min(steps):.2f} to {max(steps):.2f}"
            rows.append(Row(what, "", statistics.median(steps), "ms", True, note))
    return rows


if __name__ == "__main__":
    show(measure())
