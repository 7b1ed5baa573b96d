"""Peak memory of single layers on 50,000 images, and of processes that train LeNet-5, compared with the frameworks.

    python -m benchmarks.memory

Layer: the peak that tracemalloc sees during a forward or backward call, minus the size of the results. NumPy reports
its arrays to tracemalloc. The inputs do not count, because they exist before the call.
Process: the peak memory of the whole process. It includes the 19 MB of random digits on which each program trains.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.table import Row, show
from benchmarks.workers import close, start
from convlens import ops
from convlens.arrays import Array
from convlens.engines import get_engine

IMAGES = 50_000
ENGINES = ("numpy", "numba")
AT_MOST = 64  # MB

Call = Callable[[], Any]


def _random(*shape: int) -> Array:
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def _size(result: Any) -> int:
    parts = result if isinstance(result, tuple) else (result,)
    return sum(part.nbytes for part in parts if part is not None)


def peak_beyond_results(call: Call) -> float:
    """Return the peak memory of a call in MB, without the results that it returns."""
    tracemalloc.start()
    try:
        result = call()
        return float(tracemalloc.get_traced_memory()[1] - _size(result)) / 1e6
    finally:
        tracemalloc.stop()


def _layers(engine_name: str) -> dict[str, list[Call]]:
    engine = get_engine(engine_name)
    layers: dict[str, list[Call]] = {}
    x, w, b, dy = _random(IMAGES, 28, 28, 1), _random(5, 5, 1, 6), _random(6), _random(IMAGES, 28, 28, 6)
    same: dict[str, Any] = {"padding": "same", "engine": engine}
    layers["conv 5×5 same, 28×28×1 → 6"] = [
        partial(ops.conv2d_forward, x, w, b, **same),
        partial(ops.conv2d_backward, dy, x, w, **same),
    ]
    p, v, c, dz = _random(IMAGES, 14, 14, 6), _random(5, 5, 6, 16), _random(16), _random(IMAGES, 10, 10, 16)
    layers["conv 5×5 valid, 14×14×6 → 16"] = [
        partial(ops.conv2d_forward, p, v, c, engine=engine),
        partial(ops.conv2d_backward, dz, p, v, engine=engine),
    ]
    y = ops.max_pool2d_forward(dy, (2, 2), engine=engine)
    layers["max pool 2×2, 28×28×6"] = [
        partial(ops.max_pool2d_forward, dy, (2, 2), engine=engine),
        partial(ops.max_pool2d_backward, y, dy, y, (2, 2), engine=engine),
    ]
    layers["average pool 3×3/2 same, 28×28×6"] = [
        partial(ops.avg_pool2d_forward, dy, (3, 3), stride=(2, 2), **same),
        partial(ops.avg_pool2d_backward, y, dy, (3, 3), stride=(2, 2), **same),
    ]
    return layers


def layers() -> list[Row]:
    """Return one row for each layer and engine."""
    rows = []
    for engine in ENGINES:
        for name, calls in _layers(engine).items():
            forward, backward = map(peak_beyond_results, calls)
            rows.append(
                Row(
                    f"peak memory, {name}, {IMAGES:,} images, {engine}",
                    f"at most {AT_MOST}",
                    max(forward, backward),
                    "MB",
                    max(forward, backward) <= AT_MOST,
                    f"forward {forward:.1f}, backward {backward:.1f}",
                )
            )
    return rows


def processes(batch: int = 32) -> list[Row]:
    """Return one row for each program: the memory of its process, with interpreter and libraries, after two epochs."""
    what = f"LeNet-5 training, batch {batch}, peak memory of the process"
    workers, others = start(what, "benchmarks.peers", peers.NEEDS, batch)
    rows = [Row(f"{what}: {name}", "", worker.ask()["megabytes"], "MB", True) for name, worker in workers.items()]
    close(workers.values())
    return rows + others


def measure() -> list[Row]:
    """Return all rows."""
    return [*layers(), *processes()]


if __name__ == "__main__":
    show(measure())
