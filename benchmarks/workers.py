"""Worker processes that take turns: each measured program runs in its own process and waits while another one works."""

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
from types import MappingProxyType
from typing import Any

from benchmarks import cpu_share
from benchmarks.environment import environment as usual_environment
from benchmarks.environment import kernels
from benchmarks.table import Row

Answers = dict[str, list[dict[str, Any]]]

_PAUSE = 0.05  # seconds between turns: threads of BLAS and OpenMP spin for a while after their work is done


class Worker:
    """A process `python -m MODULE ARGUMENTS`. It prints one line of JSON when it is ready, and one for each job.

    folder: the process's working folder, instead of the present one. environment: changes of its environment
    """

    def __init__(
        self,
        module: str,
        *arguments: object,
        folder: Path | None = None,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._arguments = [module, *map(str, arguments)]
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 — open as long as the worker; a pipe would fill up
        self._process = subprocess.Popen(
            [sys.executable, "-m", *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=folder,
            env=usual_environment() | dict(environment),
        )
        self.id = self._process.pid
        self.ready = self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            last = (self._errors.read().strip().splitlines() or ["no message"])[-1]
            self.close()
            raise RuntimeError(f"{' '.join(self._arguments)} ended early: {last}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, job: object = None) -> dict[str, Any]:
        """Send a job and return the answer. Raises RuntimeError if the process ends instead."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()


def serve(turn: Callable[[Any], dict[str, Any]]) -> None:
    """Run in the worker process: print that it is ready and its kernels, then answer each job by `turn`."""
    print(json.dumps({"ready": True, "kernels": kernels()}), flush=True)
    for line in sys.stdin:
        print(json.dumps(turn(json.loads(line))), flush=True)


def start(what: str, module: str, needs: Mapping[str, str], *arguments: object) -> tuple[dict[str, Worker], list[Row]]:
    """Start a worker `python -m MODULE worker NAME ARGUMENTS` for each name whose package is installed.

    needs: name -> package. Returns the workers by name, and rows on names whose package is absent or whose worker
    failed. `what` begins the titles of these rows.
    """
    workers, absent, rows = {}, [], []
    for name, package in needs.items():
        if importlib.util.find_spec(package) is None:
            absent.append(name)
            continue
        try:
            workers[name] = Worker(module, "worker", name, *arguments)
        except RuntimeError as error:
            rows.append(Row(f"{what}: {name} failed", "", None, "", False, str(error)))
    if absent:
        rows.append(Row(f"{what}: not installed", "", None, "", None, ", ".join(absent)))
    return workers, rows


def take_turns(workers: Mapping[str, Worker], rounds: int, job: object = None, *, again: int = 0) -> Answers:
    """Send `job` to every worker in each of `rounds` rounds. Return the answers of each worker in order.

    If other programs were at work in some rounds, up to `again` more rounds replace them. If too few rounds are
    undisturbed, the least disturbed rounds count. Each answer contains the share of the cores that other programs used
    in its round, for `cpu_share.mark_disturbed`.
    """
    taken: list[tuple[float, dict[str, dict[str, Any]]]] = []
    ids = [worker.id for worker in workers.values()]
    while len(taken) < rounds or (
        len(taken) < rounds + again and sum(share <= cpu_share.AT_MOST for share, _ in taken) < rounds
    ):
        begin, answers = cpu_share.cpu_times(ids), {}
        for name, worker in workers.items():
            time.sleep(_PAUSE)
            answers[name] = worker.ask(job)
        share = cpu_share.others_share(begin, cpu_share.cpu_times(ids))
        taken.append((share, {name: answer | {cpu_share.OTHERS: share} for name, answer in answers.items()}))
    kept = sorted(sorted(range(len(taken)), key=lambda k: taken[k][0])[:rounds])
    return {name: [taken[k][1][name] for k in kept] for name in workers}


def close(workers: Iterable[Worker]) -> None:
    """End all workers."""
    for worker in workers:
        worker.close()


def typical_seconds(call: Callable[[], Any], at_least: float, calls: int = 3) -> float:
    """Return the median time of a call, over at least `at_least` seconds and `calls` calls.

    Warm-up calls for `at_least` / 3 seconds come first and do not count.
    """
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
    """Return theirs / ours for each round."""
    return [a / b for a, b in zip(theirs, ours, strict=True)]


def reset_peak() -> float:
    """Let `peak_megabytes` count from now on, if /proc allows it. Return the memory of this process now, in MB."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return peak_megabytes()


def peak_megabytes() -> float:
    """Return the peak memory of this process in MB.

    It comes from /proc if there is one. `resource` is less exact: for a new process it includes the memory of the
    process that started it.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
