"""How the cost of a training step grows: with threads, batch, image size and network.

    python -m benchmarks.growth [AXIS …]

The figure is the time for one image of a step with Adam, in µs: convlens, and PyTorch eager with channels_last. The
limit is the time in which the machine's product of two matrices (1024, 1024), measured in the same turns on the same
threads, does the step's multiplications and additions, as counted without Winograd. `python -m scripts.make_speed`
draws the rows.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.network_list import BATCH, NETWORKS, data, model_of, operations
from benchmarks.table import Row, show
from benchmarks.workers import close, serve, start, take_turns, typical_seconds
from convlens.machine.threads import usable_threads

ROUNDS = 5
TURN = 0.3  # the seconds of one turn
OURS, TORCH, PRODUCT = "convlens numba", "torch eager", "matrix product"
NEEDS = {OURS: "numba", TORCH: "torch", PRODUCT: "numpy"}


class Point(NamedTuple):
    """One step. size: rows and columns of an image, or 0 for the network's own."""

    x: float
    name: str = "small VGG"
    batch: int = BATCH
    size: int = 0
    threads: int = 0  # 0: one for each core

    def shape(self) -> tuple[int, int, int]:
        """Return the shape of an image."""
        h, w, c = NETWORKS[self.name].shape
        return (self.size or h, self.size or w, c)

    def work(self) -> float:
        """Return the multiplications and additions for one image of a step."""
        return 3 * operations(model_of(self.name, self.shape()))


def axes() -> dict[str, list[Point]]:
    """Return the points of each axis. x of "network": millions of operations for one image of a step."""
    networks = sorted((Point(0, name) for name in NETWORKS), key=Point.work)
    return {
        "threads": [Point(count, threads=count) for count in (1, 2, 4, 8)],
        "batch": [Point(count, batch=count) for count in (1, 4, 16, 64, 256)],
        "image size": [Point(size, batch=16, size=size) for size in (16, 32, 64, 128)],
        "network": [point._replace(x=round(point.work() / 1e6, 1)) for point in networks],
    }


def step_of(program: str, point: Point) -> Callable[[], object]:
    """Return one call of a program at a point: a step, or the matrix product."""
    threads = point.threads or usable_threads()
    if program == PRODUCT:
        from threadpoolctl import threadpool_limits

        threadpool_limits(threads, user_api="blas")
        a = np.random.default_rng(0).random((1024, 1024), dtype=np.float32)
        return lambda: a @ a
    x, y = data(point.name, point.batch, point.shape())
    if program == TORCH:
        import torch

        from benchmarks.torch_networks import FORMS, step_in

        step = step_in(point.name, FORMS[0], compiled=False, shape=point.shape())
        torch.set_num_threads(threads)
        return lambda: step(x, y)
    from convlens.nn import Adam
    from convlens.training.trainer import EngineTrainer

    model = model_of(point.name, point.shape(), engine="numba")
    trainer = EngineTrainer(model, Adam(engine=model.engine), threads=threads)
    trainer.__enter__()
    return lambda: trainer.step(x, y, (1, 1), None)


def run_worker(program: str) -> None:
    """Run in the worker process of a program: a turn for the point of the job."""
    made: dict[Point, Callable[[], object]] = {}

    def turn(job: list[Any]) -> dict[str, Any]:
        point = Point(*job)
        if point not in made:
            made.clear()
            made[point] = step_of(program, point)
        return {"seconds": typical_seconds(made[point], TURN)}

    serve(turn)


def measure(chosen: tuple[str, ...] = ()) -> list[Row]:
    """Return for each point the rows of the programs and of the limit."""
    workers, others = start("growth", "benchmarks.growth", NEEDS)
    rows = []
    for axis, points in axes().items():
        if chosen and axis not in chosen:
            continue
        for point in points:
            answers = take_turns(workers, ROUNDS, tuple(point))
            medians = {name: statistics.median(one["seconds"] for one in found) for name, found in answers.items()}
            limit = medians.pop(PRODUCT) * point.work() / (2 * 1024**3)
            costs = {name: seconds / point.batch for name, seconds in medians.items()} | {"limit": limit}
            what, note = f"growth with {axis}, {point.x:g}", point.name if axis == "network" else ""
            rows += [Row(f"{what}: {name}", "", cost * 1e6, "µs", True, note) for name, cost in costs.items()]
        print(".", end="", file=sys.stderr, flush=True)
    close(workers.values())
    return rows + others


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        run_worker(sys.argv[2])
    else:
        show(measure(tuple(sys.argv[1:])))
