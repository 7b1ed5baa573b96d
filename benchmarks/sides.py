"""Two or more programs that work in turn, each in a process of its own that waits while another works."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import quiet
from benchmarks.table import Row

Answers = dict[str, list[dict[str, Any]]]

_PAUSE = 0.05  # seconds between turns: threads of BLAS and OpenMP go on spinning for a while when their work is done


class Side:
    """A process `python -m MODULE ARGUMENTS` that answers each line with one of JSON, the first when it is ready."""

    def __init__(self, module: str, *arguments: object) -> None:
        self._arguments = [module, *map(str, arguments)]
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 — open as long as the side; a pipe would fill up
        self._process = subprocess.Popen(
            [sys.executable, "-m", *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.id = self._process.pid
        self.ready = self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            last = (self._errors.read().strip().splitlines() or ["no word"])[-1]
            self.close()
            raise RuntimeError(f"{' '.join(self._arguments)} ended early: {last}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, job: object = None) -> dict[str, Any]:
        """One turn."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()


def serve(turn: Callable[[Any], dict[str, Any]]) -> None:
    """The other end: say that all is ready, then answer each job with a turn."""
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(turn(json.loads(line))), flush=True)


def start(what: str, module: str, needs: Mapping[str, str], *arguments: object) -> tuple[dict[str, Side], list[Row]]:
    """A side `side NAME ARGUMENTS` of the module for each name whose package is installed; rows about the others"""
    sides, absent, rows = {}, [], []
    for name, package in needs.items():
        if importlib.util.find_spec(package) is None:
            absent.append(name)
            continue
        try:
            sides[name] = Side(module, "side", name, *arguments)
        except RuntimeError as error:
            rows.append(Row(f"{what}: {name} failed", "", None, "", False, str(error)))
    if absent:
        rows.append(Row(f"{what}: not installed", "", None, "", None, ", ".join(absent)))
    return sides, rows


def take_turns(sides: Mapping[str, Side], rounds: int, job: object = None, *, again: int = 0) -> Answers:
    """In each round every side has its turn; their answers, in order

    Up to `again` more rounds take the place of those in which other programs were at work; where all are so, the rounds
    with the least of it count. Each answer has what others took of the cores in its round, for `quiet.judged`.
    """
    taken: list[tuple[float, dict[str, dict[str, Any]]]] = []
    ids = [side.id for side in sides.values()]
    while len(taken) < rounds or (
        len(taken) < rounds + again and sum(share <= quiet.AT_MOST for share, _ in taken) < rounds
    ):
        begin, answers = quiet.clock(ids), {}
        for name, side in sides.items():
            time.sleep(_PAUSE)
            answers[name] = side.ask(job)
        share = quiet.share(begin, quiet.clock(ids))
        taken.append((share, {name: answer | {quiet.OTHERS: share} for name, answer in answers.items()}))
    kept = sorted(sorted(range(len(taken)), key=lambda k: taken[k][0])[:rounds])
    return {name: [taken[k][1][name] for k in kept] for name in sides}


def close(sides: Iterable[Side]) -> None:
    """End them all."""
    for side in sides:
        side.close()


def typical_seconds(call: Callable[[], Any], at_least: float, calls: int = 3) -> float:
    """The median time of a call, over so many seconds and calls; a third as many go before to be warm"""
    times: list[float] = []
    for seconds, count in ((at_least / 3, 1), (at_least, calls)):
        times.clear()
        end = time.perf_counter() + seconds
        while len(times) < count or time.perf_counter() < end:
            begin = time.perf_counter()
            call()
            times.append(time.perf_counter() - begin)
    return statistics.median(times)


def ratios(theirs: Iterable[float], ours: Iterable[float]) -> list[float]:
    """Round by round, how many times as long they took as we"""
    return [a / b for a, b in zip(theirs, ours, strict=True)]


def peak_megabytes() -> float:
    """The most memory that this process has ever had at once.

    Where there is /proc from there: what `resource` tells of a new process counts that of the one that started it.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
