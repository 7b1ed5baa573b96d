"""This checkout compared with another one, for example the commit before a change: is anything slower?

    git worktree add ../before COMMIT
    python -m benchmarks.against ../before [WORD …]      only the figures with all of these words in their names

Both checkouts run their own copies of the benchmarks `layers`, `peers`, `inference` and `alexnet`, with the packages of
this environment. Two processes, one of each checkout, take turns on the same cores; their order changes from round to
round. Each figure comes from several pairs of new processes, because two processes that run the same code may differ by
a few per cent. Start-up times and the check of a submission are measured as whole processes in alternation. The figure
is the time of this checkout relative to the other one, the median over all rounds; below 1 is faster.

All processes keep freed memory (`MALLOC`). By default the C library may return a freed array of some megabytes to the
system or not, depending on the addresses of other arrays. That changes the time of a pool by a factor of 2, and differs
between two processes for reasons that have nothing to do with their code.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.alexnet import BATCHES as ALEXNET_BATCHES
from benchmarks.inference import BATCHES as INFERENCE_BATCHES
from benchmarks.layers import LAYERS
from benchmarks.peers import BATCHES as TRAINING_BATCHES
from benchmarks.table import Row, show
from benchmarks.workers import Worker, close, ratios, take_turns

HERE = Path(__file__).resolve().parents[1]
AT_MOST = 1.03  # the largest allowed time, relative to the other checkout
PAIRS, ROUNDS = 3, 3  # pairs of processes, and rounds in each of the two orders
PROCESSES = 15  # whole processes of each checkout
MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**34)}  # of glibc, in bytes
COMMANDS = {
    "import convlens": ("-c", "import convlens"),
    "convlens --help": ("-m", "convlens", "--help"),
    "convlens check 0x07-cnn --tasks 0-3": ("-m", "convlens", "check", str(HERE / "0x07-cnn"), "--tasks", "0-3"),
}


class Program(NamedTuple):
    """A program of a benchmark, and the jobs that it gets. jobs: (title, job)."""

    module: str
    arguments: tuple[object, ...]
    jobs: list[tuple[str, Any]]


def programs() -> Iterator[Program]:
    """Yield all programs of convlens in the benchmarks."""
    for engine in ("numba", "numpy"):
        jobs = [
            (f"{layer.title()}, {which}: {engine}", (k, which, False))
            for k, layer in enumerate(LAYERS)
            for which in layer.passes
        ]
        yield Program("benchmarks.layers", (engine,), jobs)
        name = f"convlens {engine}"
        for batch in INFERENCE_BATCHES:
            title = f"LeNet-5 prediction, batch {batch:,}: {engine}"
            yield Program("benchmarks.inference", (name, batch), [(title, None)])
        for batch in TRAINING_BATCHES:
            title = f"LeNet-5 training, batch {batch}: {engine}"
            yield Program("benchmarks.peers", (name, batch), [(title, None)])
    for batch in ALEXNET_BATCHES:
        about = f"batch {batch}: numba"
        steps, forward = (f"AlexNet training step, {about}", "steps"), (f"AlexNet forward, {about}", "forward")
        yield Program("benchmarks.alexnet", ("numba", batch), [steps, forward])


def start(checkout: Path, program: Program) -> Worker:
    """Start a program in a checkout."""
    role = "worker" if (checkout / "benchmarks" / "workers.py").is_file() else "side"  # its name in older checkouts
    environment = {"PYTHONPATH": str(checkout / "src"), **MALLOC}
    return Worker(program.module, role, *program.arguments, folder=checkout, environment=environment)


def ratios_of(program: Program, other: Path) -> dict[str, list[float]]:
    """Return for each job the times of this checkout / the times of the other one, round by round."""
    found: dict[str, list[float]] = {title: [] for title, _ in program.jobs}
    for _ in range(PAIRS):
        workers = {"here": start(HERE, program), "there": start(other, program)}
        for title, job in program.jobs:
            for order in (("here", "there"), ("there", "here")):
                answers = take_turns({name: workers[name] for name in order}, ROUNDS, job, again=ROUNDS)
                times = ([answer["seconds"] for answer in answers[name]] for name in ("here", "there"))
                found[title] += ratios(*times)
        close(workers.values())
    return found


def process_ratios(arguments: tuple[str, ...], other: Path) -> list[float]:
    """Return the times of whole processes of this checkout / of the other one, in alternation."""

    def seconds(checkout: Path) -> float:
        environment = os.environ | {"PYTHONPATH": str(checkout / "src")}
        begin = time.perf_counter()
        subprocess.run([sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - begin

    seconds(HERE), seconds(other)  # the first start writes caches
    found = []
    for k in range(PROCESSES):
        first, second = (HERE, other) if k % 2 else (other, HERE)
        times = {first: seconds(first), second: seconds(second)}
        found.append(times[HERE] / times[other])
    return found


def row(title: str, found: list[float]) -> Row:
    """Return the row of one figure."""
    ratio = statistics.median(found)
    quartiles = statistics.quantiles(found, n=4)
    note = f"the middle half of {len(found)} rounds: {quartiles[0]:.3f} to {quartiles[2]:.3f}"
    return Row(title, f"at most {AT_MOST}", ratio, "× the other's time", ratio <= AT_MOST, note)


def measure(other: Path, words: tuple[str, ...] = ()) -> list[Row]:
    """Return one row for each figure with all of the words in its title."""

    def wanted(title: str) -> bool:
        return all(word.lower() in title.lower() for word in words)

    rows = [row(title, process_ratios(arguments, other)) for title, arguments in COMMANDS.items() if wanted(title)]
    for program in programs():
        chosen = program._replace(jobs=[job for job in program.jobs if wanted(job[0])])
        if chosen.jobs:
            rows += [row(title, found) for title, found in ratios_of(chosen, other).items()]
            print(".", end="", file=sys.stderr, flush=True)
    return rows


if __name__ == "__main__":
    if len(sys.argv) < 2 or not (Path(sys.argv[1]) / "benchmarks").is_dir():
        sys.exit("usage: python -m benchmarks.against CHECKOUT [WORD …]; CHECKOUT is a folder with a copy of convlens")
    show(measure(Path(sys.argv[1]).resolve(), tuple(sys.argv[2:])))
