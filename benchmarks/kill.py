"""Kill training runs at random moments and resume them. All must end with the same bits as an uninterrupted run.

    python -m benchmarks.kill [TIMES]

Each training process gets SIGKILL after a random part of the time of a whole run, which includes start-up and the
writing of files. Then the run is resumed to its end.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.table import Row, show

TIMES = 20


def _command(folder: Path, *more: str) -> list[str]:
    options = ("--epochs", "3", "--batch-size", "64", "--seed", "7", "--out", str(folder))
    return [sys.executable, "-m", "convlens", "train", *options, *more]


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _run_and_kill(command: list[str], after: float) -> bool:
    """Run a command and kill it after some seconds. Return whether it was still running when it was killed."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(timeout=after)
        return False
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True


def measure(times: int = TIMES) -> list[Row]:
    """Return one row: how many of the resumed runs have the same bits as the run that was never killed."""
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as name:
        whole = Path(name, "whole")
        begin = time.perf_counter()
        _run(_command(whole))
        seconds = time.perf_counter() - begin
        wanted = (whole / "model.safetensors").read_bytes()
        same = kept = number = killed = 0
        while killed < times:
            number += 1
            folder = Path(name, str(number))
            if not _run_and_kill(_command(folder), rng.uniform(0.05, 0.98) * seconds):
                continue  # the run ended before it could be killed
            killed += 1
            kept += (folder / "checkpoint.safetensors").exists()
            _run(_command(folder, "--resume"))
            left = list(folder.glob("*.tmp")) + list(folder.glob(".*.tmp"))
            same += (folder / "model.safetensors").read_bytes() == wanted and not left
    note = f"{kept} of them were killed after their first checkpoint"
    return [
        Row("killed at random moments and resumed, bit-identical", f"{times} of {times}", same, "", same == times, note)
    ]


if __name__ == "__main__":
    show(measure(*map(int, sys.argv[1:])))
