"""Memory of training steps: the peak of a process above what it had before the network was built.

A worker is a new process that has imported its library. Two figures: straight after the import, and after two steps of
LeNet-5, when the library has loaded its code and started its threads. PyTorch runs eager, in both layouts; the
smaller figure counts. The kernels of convlens come from its cache.
"""

from __future__ import annotations

import gc
import statistics
import sys
from typing import Any

from benchmarks.network_list import data
from benchmarks.table import Row
from benchmarks.workers import close, peak_megabytes, ratios, reset_peak, serve, start

OURS = "convlens numba"
NEEDS = {OURS: "numba", "torch channels_last": "torch", "torch contiguous_format": "torch"}
ROUNDS = 5
STEPS = 3
OTHER = "LeNet-5"
STARTS = ("after the import", "after steps of another network")


def _train(program: str, name: str) -> Any:
    """Build a network and take steps; return it, so that it lives on."""
    if program == OURS:
        from benchmarks.networks import ours

        step = ours(name)
    else:
        from benchmarks.torch_networks import step_in

        step = step_in(name, program.split()[1], compiled=False)
    x, y = data(name)
    for _ in range(STEPS):
        step(x, y)
    return step


def run_worker(program: str, name: str, begin: str) -> None:
    """Run in the worker process of a program: measure once, in this new process."""
    if program == OURS:
        import convlens.engines.compiled.fused
        import convlens.training.trainer  # noqa: F401
    else:
        import torch  # noqa: F401

    if begin == STARTS[1]:
        _train(program, OTHER)
        gc.collect()
    data(name)
    before = reset_peak()
    step = _train(program, name)
    serve(lambda _: {"megabytes": peak_megabytes() - before, "kept": step is not None})


def rows_of(name: str) -> list[Row]:
    """Return the rows of one network: each program's memory, and ours relative to PyTorch's."""
    return [row for begin in STARTS for row in _rows(name, begin)]


def _rows(name: str, begin: str) -> list[Row]:
    what = f"{name}, memory of a step {begin}"
    found: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        workers, others = start(what, "benchmarks.network_memory", NEEDS, name, begin)
        for program, worker in workers.items():
            found.setdefault(program, []).append(worker.ask()["megabytes"])
        close(workers.values())
    rows = [
        Row(f"{what}: {program}", "", statistics.median(values), "MB", True, f"{min(values):.0f} to {max(values):.0f}")
        for program, values in found.items()
    ]
    peers = [program for program in found if program != OURS]
    if peers and OURS in found:
        least = min(peers, key=lambda program: statistics.median(found[program]))
        values = ratios(found[OURS], found[least])
        ratio = statistics.median(values)
        spread = f"{min(values):.2f} to {max(values):.2f}"
        rows.append(Row(f"{what}, by PyTorch's", "at most 1, aim 0.5", ratio, "×", ratio <= 1, spread))
    return rows + others


if __name__ == "__main__":
    run_worker(*sys.argv[2:])
