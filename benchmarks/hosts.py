"""What training on several hosts costs: `convlens train --engine keras --hosts …` with 1, 2 and 4 processes.

    python -m benchmarks.hosts

The processes share this machine's cores: so it is not the speed of so many machines that is measured here, but what a
step costs more with each process. docs/hosts.md says what follows for machines of their own.
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
IMAGES = 4_000  # of the embedded digits
EPOCHS = 4  # the first one compiles and does not count


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _epochs(processes: int, batch: int, folder: Path) -> list[float]:
    """Seconds of each epoch but the first"""
    hosts = ",".join(f"127.0.0.1:{_free_port()}" for _ in range(processes))
    common = [sys.executable, "-m", "convlens", "train", "--engine", "keras"]
    settings = ["--batch-size", str(batch), "--epochs", str(EPOCHS), "--out", str(folder)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": os.environ | {"TERM": "dumb"}}
    with ExitStack() as all_of_them:
        for rank in reversed(range(processes)):
            team = ["--hosts", hosts, "--rank", str(rank)] if processes > 1 else []
            command = [*common, *team, *([] if rank else settings)]
            last = all_of_them.enter_context(subprocess.Popen(command, **quiet))  # type: ignore[call-overload]
        if last.wait():
            raise RuntimeError(f"{processes} processes, batch {batch}: the leader ended with {last.returncode}")
    history = json.loads((folder / "history.json").read_text())
    return [epoch["seconds"] for epoch in history["epochs"][1:]]


def _step(processes: int, batch: int) -> list[float]:
    """Milliseconds of a step, in each epoch but the first"""
    with tempfile.TemporaryDirectory() as folder:
        steps = -(-IMAGES // batch)
        return [1000 * seconds / steps for seconds in _epochs(processes, batch, Path(folder) / "run")]


def measure() -> list[Row]:
    """A row for each number of processes and each batch"""
    rows = []
    for batch in BATCHES:
        for processes in PROCESSES:
            steps = _step(processes, batch)
            what = f"LeNet-5, Keras on JAX, batch {batch}, {processes} process{'es' if processes > 1 else ''}: a step"
            note = f"{min(steps):.2f} to {max(steps):.2f}"
            rows.append(Row(what, "", statistics.median(steps), "ms", True, note))
    return rows


if __name__ == "__main__":
    show(measure())
