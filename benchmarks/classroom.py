"""The time to check one submission and a class of 500, and whether a class run that is killed loses any result.

    python -m benchmarks.classroom [SUBMISSIONS]

The submissions of the class are our own solution and the solutions in the tests, repeated. Each one has a different
comment, so no two are equal. One class run is killed at ten random moments and resumed each time. In another run, one
of two Dask workers is killed midway.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from benchmarks.table import Row, show

ROOT = Path(__file__).resolve().parents[1]
OURS = ROOT / "0x07-cnn"
OTHERS = ROOT / "tests" / "checker" / "submissions"
TASKS = "0-3"
NUMBER, KILLS = 500, 10
_NO_OUTPUT: dict[str, int] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def _command(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "convlens", "check", *map(str, words)]


def _one(tasks: str, at_most: float) -> Row:
    """Check our own solution in a separate process."""
    begin = time.perf_counter()
    done = subprocess.run(_command(OURS, "--tasks", tasks), capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begin
    last = (done.stdout.splitlines() or done.stderr.splitlines() or ["no output"])[-1]
    good = done.returncode == 0 and seconds <= at_most
    return Row(f"one correct submission, tasks {tasks}", f"at most {at_most:g}", seconds, "s", good, last)


def _make(place: Path, number: int) -> None:
    """Write a class of `number` submissions to `place`. All are right and no two are equal."""
    bases = [OURS, *(sorted(OTHERS.iterdir()) if OTHERS.is_dir() else [])]
    for k in range(number):
        folder = place / f"student {k:03d}"
        folder.mkdir(parents=True)
        for source in sorted(bases[k % len(bases)].glob("[0-3]-[cp]*.py")):
            shutil.copy(source, folder / source.name)
            with (folder / source.name).open("a") as file:
                file.write(f"# {k}\n")


def _each_once(out: Path, number: int) -> tuple[int, str]:
    """Return how many submissions have exactly one result, and it passes; and a note on missing or repeated results."""
    _, *entries = map(json.loads, out.read_text().splitlines())
    times = Counter(entry["name"] for entry in entries)
    passed = sum(entry["report"]["status"] == "pass" and times[entry["name"]] == 1 for entry in entries)
    repeated = sum(times.values()) - len(times)
    return passed, f"{len(times)} of {number} have results, {repeated} results are repeated"


def _whole(place: Path, out: Path, number: int) -> Row:
    """Check the class without interruption. The figure is submissions per second and core."""
    cores = len(os.sched_getaffinity(0))
    begin = time.perf_counter()
    subprocess.run(_command("--class", place, "--tasks", TASKS, "--out", out), check=False, **_NO_OUTPUT)  # type: ignore[call-overload]
    speed = number / (time.perf_counter() - begin) / cores
    passed, note = _each_once(out, number)
    what = f"a class of {number}, tasks {TASKS}, {cores} cores: submissions per second and core"
    return Row(what, "at least 5", speed, "1/s", speed >= 5 and passed == number, note)


def _results(out: Path) -> int:
    return max(0, out.read_bytes().count(b"\n") - 1) if out.exists() else 0


def _killed(place: Path, out: Path, number: int) -> Row:
    """Check the class, kill the run at random moments and resume it each time, until it is done."""
    rng = random.Random(0)
    moments = sorted(rng.randrange(number) for _ in range(KILLS))
    killed = 0
    for moment in [*moments, None]:
        process = subprocess.Popen(_command("--class", place, "--tasks", TASKS, "--out", out), **_NO_OUTPUT)  # type: ignore[call-overload]
        while process.poll() is None and moment is not None:
            if _results(out) >= moment:
                time.sleep(rng.uniform(0, 1.5))
                process.send_signal(signal.SIGKILL)
                process.wait()
                killed += process.returncode == -signal.SIGKILL
            time.sleep(0.01)
        process.wait()
    passed, note = _each_once(out, number)
    good = passed == number and killed == KILLS
    what = f"killed at {KILLS} random moments and resumed: submissions with exactly one result"
    return Row(what, f"{number} of {number}", passed, "", good, f"{killed} kills; {note}")


def _dask(place: Path, out: Path, number: int) -> Row:
    """Check the class with a Dask scheduler and two workers on this machine. Kill one worker when half is done."""
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")

        def start(what: str, *words: str) -> subprocess.Popen[bytes]:
            with log.open("ab") as file:
                command = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--no-dashboard", *words]
                process = subprocess.Popen(command, stdout=file, stderr=file)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-show")
        while not (found := re.search(r"Scheduler at: +(tcp://\S+)", log.read_text())):
            time.sleep(0.1)
        options = ("--nthreads", "1", "--host", "127.0.0.1", "--local-directory", folder)
        workers = [start("worker", found[1], *options, "--no-nanny") for _ in range(2)]
        while log.read_text().count("Registered to") < len(workers):
            time.sleep(0.1)
        words = ("--class", place, "--tasks", TASKS, "--out", out, "--dask", found[1])
        with subprocess.Popen(_command(*words), **_NO_OUTPUT) as process:  # type: ignore[call-overload]
            while process.poll() is None and _results(out) < number / 2:
                time.sleep(0.05)
            workers[0].kill()
    passed, note = _each_once(out, number)
    what = "Dask, two workers on loopback, one killed midway: submissions with exactly one result"
    return Row(what, f"{number} of {number}", passed, "", passed == number, note)


def measure(number: int = NUMBER) -> list[Row]:
    """Return one row for each figure."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name, "class")
        _make(place, number)
        return [
            _one(TASKS, 0.8),
            _one("0-5", 6),
            _whole(place, Path(name, "whole.jsonl"), number),
            _killed(place, Path(name, "killed.jsonl"), number),
            _dask(place, Path(name, "dask.jsonl"), number),
        ]


if __name__ == "__main__":
    show(measure(*map(int, sys.argv[1:])))
