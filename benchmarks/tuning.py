"""Measure choices for the constants of the compiled engine, so that a choice can be checked on another machine.

    python -m benchmarks.tuning

The table shows microseconds, the median of several rounds in which all choices take turns. `*` marks the choice in the
code.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any
from unittest import mock

import numpy as np

from convlens.arrays import Array
from convlens.engines.compiled import dense, engine, example_calls, helpers, operation, over_channels, over_examples
from convlens.engines.compiled.block_calls import Packed
from convlens.engines.compiled.builder import Shared
from convlens.engines.compiled.fused import FusedPass
from convlens.engines.compiled.layer_weights import Vectors
from convlens.engines.compiled.program import Program
from convlens.engines.compiled.registers import BYTES
from convlens.machine.memory import aligned
from convlens.models.lenet5 import lenet5

ROUNDS = 9
CACHES = (engine._conv2d, engine._conv2d_dw, engine._pool)


def clear_plans() -> None:
    """Clear the cached plans, which were made with other constants."""
    for cache in CACHES:
        cache.cache_clear()


def times(choices: Mapping[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """Return the microseconds of each choice: the median of rounds in which the choices take turns."""
    found: dict[str, list[float]] = {name: [] for name in choices}
    for work in choices.values():
        work()  # compiles
    for _ in range(rounds):
        for name, work in choices.items():
            begin, count = time.perf_counter(), 0
            while count == 0 or time.perf_counter() - begin < 0.02:
                work()
                count += 1
            found[name].append((time.perf_counter() - begin) / count * 1e6)
    return {name: statistics.median(values) for name, values in found.items()}


def show(what: str, found: Mapping[str, float], chosen: Iterable[str]) -> None:
    """Print the line of one constant and one shape. chosen: the names of the choices in the code."""
    marks = set(chosen)
    print(
        f"{what:58}", "  ".join(f"{name}{'*' if name in marks else ''}: {value:,.0f}" for name, value in found.items())
    )


# One layer: input (n, h, w, ci), kernel (kh, kw, co)
LAYERS = {
    "LeNet-5 conv 1": ((32, 32, 32, 1), (5, 5, 6)),
    "LeNet-5 conv 2": ((32, 14, 14, 6), (5, 5, 16)),
    "VGG 3x3, 64 channels": ((4, 58, 58, 64), (3, 3, 64)),
    "VGG 3x3, 256 channels": ((4, 16, 16, 256), (3, 3, 256)),
}
LONG_ROWS = ((4, 18, 98, 64), (3, 3, 16))  # 96 columns, which many tile heights divide
TALL = (4, 8, 16, 24, 30, 32, 48)  # 32 registers hold 30 sums


def _layer(x: Sequence[int], w: Sequence[int]) -> tuple[Array, Array, Array, Array]:
    rng = np.random.default_rng(0)
    (n, h, width, ci), (kh, kw, co) = x, w
    arrays = ((n, h, width, ci), (kh, kw, ci, co), (co,), (n, h - kh + 1, width - kw + 1, co))
    x_, w_, b_, y_ = (rng.standard_normal(shape).astype(np.float32) for shape in arrays)
    return x_, w_, b_, y_


def _with(module: Any, name: str, value: Any, work: Callable[[], object]) -> Callable[[], object]:
    """Return `work` with another value of a constant. Its first call makes a new plan."""
    ready = False

    def call() -> object:
        nonlocal ready
        with mock.patch.object(module, name, value):
            if not ready:
                clear_plans()
                ready = True
            return work()

    return call


def _planned(module: Any, name: str, values: Mapping[str, Any], plan: Callable[[], Callable[[], object]]) -> Any:
    """Return for each value of a constant the function that `plan` makes while the constant has this value."""
    made = {}
    for label, value in values.items():
        clear_plans()
        with mock.patch.object(module, name, value):
            made[label] = plan()
    clear_plans()
    return made


def _forward(x: Array, w: Array, b: Array, y: Array) -> Callable[[], object]:
    """Return the forward pass of one layer, with kernels that are packed once."""
    width = engine._neighbours(w.shape, 1, y.shape[2], y.dtype)
    packed = over_channels.panels(over_channels.band(w, width, 1).reshape(-1, width * len(b)))
    found = engine._conv2d(x.shape, w.shape, (1, 1), y.shape, y.dtype)
    return lambda: found.run(x=x, w=packed, b=np.tile(b, width), y=y)


def tiles() -> None:
    """Measure the register tiles of single layers (kernels over channels)."""
    for what, (x_shape, w_shape) in LAYERS.items():
        x, w, b, y = _layer(x_shape, w_shape)
        dw = np.empty_like(w)

        def gradient(x: Array = x, dw: Array = dw, y: Array = y) -> Callable[[], object]:
            found, _, shape, panel = engine._conv2d_dw(y.shape, x.shape, (1, 1), dw.shape, y.dtype)
            room = aligned(shape[0] * panel, y.dtype)
            return lambda: found.run(x=x, dy=y, panel=room, dw=np.zeros(shape, y.dtype))

        usual = over_examples.tile(
            y.shape[2] // engine._neighbours(w.shape, 1, y.shape[2], y.dtype), *engine.FORWARD_TILES
        )
        values = {str(size): (size,) for size in (5, 6, 7, 8, 9, 10, 12, 14)}
        show(
            f"forward tile, {what}",
            times(_planned(engine, "FORWARD_TILES", values, partial(_forward, x, w, b, y))),
            [str(usual)],
        )
        run = engine._conv2d_dw(y.shape, x.shape, (1, 1), dw.shape, y.dtype)[2]
        usual = over_examples.tile(run[2] * run[3], *engine.DW_TILES)
        values = {str(size): (size,) for size in (5, 6, 8, 10, 11, 12, 14, 16)}
        show(f"dw tile, {what}", times(_planned(engine, "DW_TILES", values, gradient)), [str(usual)])
    arrays = _layer(*LONG_ROWS)
    tall = _planned(engine, "FORWARD_TILES", {str(size): (size,) for size in TALL}, partial(_forward, *arrays))
    show("tall forward tiles, rows of 96", times(tall), [str(over_examples.tile(96, *engine.FORWARD_TILES))])


def _fixed(count: int, examples: int, operations: float) -> int:
    return count


def pieces() -> None:
    """Measure the number of pieces into which work is divided, and the time to hand a job to a helper thread."""
    for what, (x_shape, w_shape) in list(LAYERS.items())[:2]:
        for n in (4, 8, 16, 32):
            x, w, b, y = _layer((n, *x_shape[1:]), w_shape)
            operations = 2.0 * y.size * w[..., 0].size
            usual = str(operation.pieces(n, operations))
            found = times(
                {
                    str(count): _with(
                        engine, "pieces", partial(_fixed, count), partial(engine.conv2d, x, w, b, (1, 1), y)
                    )
                    for count in (1, 2, 4)
                }
            )  # fmt: skip
            show(f"pieces, {what}, {n} images, {operations / 1e6:.1f} M operations", found, [usual])
    pool = helpers.helpers(2)
    empty = helpers.Job([0, 0, 0], [], None)

    def wake() -> None:
        while pool.states() != ["asleep"]:
            time.sleep(0.0005)
        begin = time.perf_counter()
        pool.run(empty)
        waits.append((time.perf_counter() - begin) * 1e6)

    waits: list[float] = []
    for _ in range(200):
        wake()
    spinning = times({"empty": lambda: pool.run(empty)})["empty"]
    print(f"{'a job of two empty pieces':58} helper spins: {spinning:.1f}  sleeps: {statistics.median(waits):.1f}")


def costs() -> None:
    """Measure the cost of a cell of a pooling window, in floating-point operations of a convolution on this machine."""
    x, w, b, y = _layer((32, 14, 14, 6), (5, 5, 16))
    one = times({"conv": lambda: engine.conv2d(x, w, b, (1, 1), y)})["conv"] / (2.0 * y.size * w[..., 0].size)
    maps = np.random.default_rng(0).standard_normal((32, 28, 28, 6)).astype(np.float32)
    top, dx = np.empty((32, 14, 14, 6), np.float32), np.empty_like(maps)
    engine.max_pool2d(maps, (2, 2), (2, 2), top)
    found = times(
        {
            "max": lambda: engine.max_pool2d(maps, (2, 2), (2, 2), top),
            "max dx": lambda: engine.max_pool2d_dx(top, maps, top, (2, 2), (2, 2), "first", dx),
            "sum dx": lambda: engine.sum_pool2d_dx(top, (2, 2), (2, 2), dx),
        }
    )
    usual = f"in the code: {engine.POOL_COST:g}, {engine.MAX_POOL_DX_COST:g}, {engine.SUM_POOL_DX_COST:g}"
    measured = "  ".join(f"{name}: {value / (4 * top.size) / one:.0f}" for name, value in found.items())
    print(f"{'cost of a cell of a window, in operations':58} {measured}  ({usual})")


def blocks() -> None:
    """Measure the register tiles of a fused pass (kernels over examples): LeNet-5, 16 images, forward and backward."""
    model = lenet5(engine="numba")
    specs, flat = model.specs(), model.flat
    assert specs is not None and isinstance(model.fused, FusedPass)
    x, labels = np.random.default_rng(0).random((16, 28, 28, 1), dtype=np.float32), np.arange(16) % 10
    rooms: dict[str, Array] = {
        "x": x, "labels": labels, "weight": np.ones(1, np.float32), "losses": np.empty(16, np.float32),
        "logits": np.empty((16, 10), np.float32), "gradient": np.zeros_like(flat),
    }  # fmt: skip

    def block() -> Callable[[], object]:
        made = Program(specs, Vectors(flat, model.flat_state), over_examples.LANES, Shared(Packed()))
        (both,) = made.both
        return lambda: both.run(**rooms)

    def across(values: Mapping[str, Any], name: str, chosen: str, what: str, module: Any = example_calls) -> None:
        show(f"{what}, a block of LeNet-5", times(_planned(module, name, values, block)), [chosen])

    outputs = {str(sizes): sizes for sizes in ((8, 6, 4), (8,), (6,), (4,), (10, 6), (12, 8, 6), (16, 6))}
    across(outputs, "OUTPUT_TILES", str(example_calls.OUTPUT_TILES), "output tiles")
    dw_outputs = {str(sizes): sizes for sizes in ((4, 3), (3,), (2,), (6, 4), (5,))}
    across(dw_outputs, "DW_OUTPUT_TILES", str(example_calls.DW_OUTPUT_TILES), "dw output tiles")
    taps = {str(sizes): sizes for sizes in ((5, 3, 1), (1,), (3, 1), (2, 1), (4, 3, 1))}
    across(taps, "DW_TAP_TILES", str(example_calls.DW_TAP_TILES), "dw tap tiles")
    print(f"{'dense tile':58} {dense.FEATURES}: a literal of the kernels; see engines/compiled/README.md")


def main() -> None:
    """Measure all constants."""
    print(f"vectors of {BYTES} bytes; microseconds")
    tiles()
    blocks()
    pieces()
    costs()


if __name__ == "__main__":
    main()
