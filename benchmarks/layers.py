"""Single layers compared with PyTorch: layers of LeNet-5, AlexNet, VGG and small VGG. The programs take turns.

    python -m benchmarks.layers [WORD …]      only the layers with all of these words in their names

convlens uses its public operations. PyTorch runs in two layouts, channels last and channels first; the faster one of
each layer and pass counts. Each program runs in its own process, warm, in float32, on all cores. The table has the
forward pass, and forward + backward (dx, dw, db). For the first layer of a network, forward + backward without dx is
measured too, because training does not need this dx. The figure is the speed of an engine relative to PyTorch, the
median over the rounds. Before the measurement, the results of each layer are compared.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.cpu_share import mark_disturbed
from benchmarks.environment import kernels_row
from benchmarks.table import Row, show
from benchmarks.workers import Worker, close, ratios, serve, start, take_turns, typical_seconds
from convlens.arrays import Array
from convlens.machine.threads import usable_threads

ROUNDS, EXTRA = 5, 5
TURN = 0.15  # the seconds of one turn
TORCH = ("torch channels_last", "torch contiguous_format")
ENGINES = ("numba", "numpy")
NEEDS = {"numba": "numba", "numpy": "numpy"} | dict.fromkeys(TORCH, "torch")
UNIT = "× PyTorch"
FORWARD, BOTH, NO_DX = "forward", "forward + backward", "forward + backward without dx"

Calls = dict[str, Callable[[], tuple[Any, ...]]]


@dataclass(frozen=True)
class Layer:
    """A convolution of square images, or a max pool if `co` is 0. asked: the required speed of numba / PyTorch."""

    name: str
    batch: int
    size: int
    ci: int
    co: int
    kernel: int
    stride: int = 1
    padding: int = 0
    asked: float = 1
    is_first: bool = False

    @property
    def out(self) -> int:
        """The number of rows, and of columns, of the output."""
        return (self.size + 2 * self.padding - self.kernel) // self.stride + 1

    @property
    def passes(self) -> list[str]:
        """The passes that are measured."""
        return [FORWARD, BOTH, *([NO_DX] if self.is_first else [])]

    def title(self) -> str:
        """Return the name and the shapes of the layer."""
        to = f"→{self.co}" if self.co else ""
        step = f"/{self.stride}" if self.stride > 1 else ""
        return f"{self.name}, {self.batch}×{self.size}×{self.size}×{self.ci}{to} {self.kernel}×{self.kernel}{step}"

    def flop(self, which: str) -> int:
        """Return the number of floating-point operations in the products. y, dx and dw take one product each."""
        products = {FORWARD: 1, BOTH: 3, NO_DX: 2}[which]
        return products * 2 * self.batch * self.out**2 * self.kernel**2 * self.ci * self.co

    def arrays(self) -> tuple[Array, Array, Array, Array]:
        """Return x, w, b, dy. They are equal in every program."""
        rng = np.random.default_rng(0)

        def normal(*shape: int) -> Array:
            return rng.standard_normal(shape, dtype=np.float32)

        return (
            normal(self.batch, self.size, self.size, self.ci),
            normal(self.kernel, self.kernel, self.ci, self.co),
            normal(self.co),
            normal(self.batch, self.out, self.out, self.co or self.ci),
        )


LAYERS = (
    Layer("LeNet-5 conv1", 32, 28, 1, 6, 5, padding=2, is_first=True),
    Layer("LeNet-5 conv2", 32, 14, 6, 16, 5),
    Layer("AlexNet conv1", 8, 227, 3, 96, 11, stride=4, is_first=True),
    Layer("AlexNet conv2", 16, 27, 96, 256, 5, padding=2),
    Layer("VGG conv 56", 16, 56, 64, 64, 3, padding=1),
    Layer("VGG conv 28", 16, 28, 128, 128, 3, padding=1),
    Layer("VGG conv 14", 16, 14, 256, 256, 3, padding=1),
    Layer("LeNet-5 pool1", 32, 28, 6, 0, 2, stride=2),
    Layer("LeNet-5 pool2", 32, 10, 16, 0, 2, stride=2),
    Layer("AlexNet pool1", 16, 55, 96, 0, 3, stride=2, asked=0.7),
    Layer("AlexNet pool2", 16, 27, 256, 0, 3, stride=2, asked=0.7),
    Layer("VGG pool 56", 16, 56, 64, 0, 2, stride=2, asked=0.7),
    Layer("small VGG conv1", 64, 32, 3, 32, 3, padding=1, is_first=True),
    Layer("small VGG conv2", 64, 32, 32, 32, 3, padding=1),
    Layer("small VGG conv3", 64, 16, 32, 64, 3, padding=1),
    Layer("small VGG conv4", 64, 16, 64, 64, 3, padding=1),
    Layer("small VGG conv5", 64, 8, 64, 128, 3, padding=1),
    Layer("small VGG conv6", 64, 8, 128, 128, 3, padding=1),
)


def ours(layer: Layer, engine_name: str) -> Calls:
    """Return the calls of convlens, with its public operations."""
    from convlens import ops
    from convlens.engines import get_engine

    engine = get_engine(engine_name)
    x, w, b, dy = layer.arrays()
    kernel, stride = (layer.kernel,) * 2, (layer.stride,) * 2

    def pool() -> tuple[Array, ...]:
        return (ops.max_pool2d_forward(x, kernel, stride=stride, engine=engine),)

    def pool_both() -> tuple[Array, ...]:
        (y,) = pool()
        return y, ops.max_pool2d_backward(dy, x, y, kernel, stride=stride, engine=engine)

    if not layer.co:
        return {FORWARD: pool, BOTH: pool_both}
    settings: dict[str, Any] = {"padding": ((layer.padding,) * 2,) * 2, "stride": stride, "engine": engine}

    def conv() -> tuple[Array, ...]:
        return (ops.conv2d_forward(x, w, b, **settings),)

    def conv_both(need_dx: bool = True) -> tuple[Any, ...]:
        return *conv(), *ops.conv2d_backward(dy, x, w, need_dx=need_dx, **settings)

    return {FORWARD: conv, BOTH: conv_both, NO_DX: lambda: conv_both(need_dx=False)}


def pytorch(layer: Layer, form: str) -> Calls:
    """Return the calls of PyTorch. form: the memory layout; channels_last is that of convlens."""
    import torch
    from torch.nn.functional import conv2d, max_pool2d

    torch.set_num_threads(usable_threads())
    x_, w_, b_, dy_ = layer.arrays()

    def laid_out(a: Array, *order: int) -> Any:
        return torch.from_numpy(a).permute(order).contiguous(memory_format=getattr(torch, form))

    x, dy = laid_out(x_, 0, 3, 1, 2), laid_out(dy_, 0, 3, 1, 2)
    w, b = laid_out(w_, 3, 2, 0, 1), torch.from_numpy(b_)
    trained = [a.clone(memory_format=torch.preserve_format).requires_grad_() for a in (x, w, b)]

    def layer_of(x: Any, w: Any, b: Any) -> Any:
        if not layer.co:
            return max_pool2d(x, layer.kernel, layer.stride)
        return conv2d(x, w, b, layer.stride, layer.padding)

    def forward() -> tuple[Any, ...]:
        with torch.inference_mode():
            return (layer_of(x, w, b),)

    def both() -> tuple[Any, ...]:
        y = layer_of(*trained)
        return y, *torch.autograd.grad(y, trained if layer.co else trained[:1], dy)

    def no_dx() -> tuple[Any, ...]:
        y = layer_of(x, *trained[1:])
        return y, None, *torch.autograd.grad(y, trained[1:], dy)

    return {FORWARD: forward, BOTH: both, NO_DX: no_dx}


def size(result: Any) -> float:
    """Return the root mean square of a result. The programs compare their results by it."""
    a = np.asarray(result.detach() if hasattr(result, "detach") else result, np.float64)
    return float(np.sqrt(np.mean(a * a)))


def run_worker(name: str) -> None:
    """Run in the worker process of a program: a turn for the layer and pass of the job."""
    made: dict[int, Calls] = {}
    library, _, form = name.partition(" ")

    def calls(k: int) -> Calls:
        if k not in made:
            made.clear()
            made[k] = pytorch(LAYERS[k], form) if library == "torch" else ours(LAYERS[k], name)
        return made[k]

    def turn(job: tuple[int, str, bool]) -> dict[str, Any]:
        k, which, compare = job
        call = calls(k)[which]
        if compare:
            return {"sizes": [None if part is None else size(part) for part in call()]}
        return {"seconds": typical_seconds(call, TURN)}

    calls(0)  # loads the library
    serve(turn)


def rows_of(k: int, which: str, workers: dict[str, Worker]) -> list[Row]:
    """Return one row for each engine, for one pass of layer k."""
    layer = LAYERS[k]
    sizes = {name: worker.ask((k, which, True))["sizes"] for name, worker in workers.items()}
    for name, got in sizes.items():
        wanted = sizes.get(TORCH[0], got)
        np.testing.assert_allclose(np.array(got, float), np.array(wanted, float), rtol=1e-3, err_msg=layer.title())
        assert len(got) == len(wanted), (name, layer.title())
    answers = take_turns(workers, ROUNDS, (k, which, False), again=EXTRA)
    seconds = {name: [answer["seconds"] for answer in values] for name, values in answers.items()}
    peer = min(
        (name for name in TORCH if name in seconds), key=lambda name: statistics.median(seconds[name]), default=""
    )

    def speed(name: str) -> str:
        typical = statistics.median(seconds[name])
        return f"{typical * 1e3:.3g} ms" + (f" ({layer.flop(which) / typical / 1e9:.0f} GFLOP/s)" if layer.co else "")

    rows = []
    for engine in ENGINES:
        what = f"{layer.title()}, {which}: {engine}"
        if engine not in workers:
            continue
        if not peer:
            rows.append(
                Row(what, "", statistics.median(seconds[engine]) * 1e3, "ms", True, speed(engine) if layer.co else "")
            )
            continue
        found = ratios(seconds[peer], seconds[engine])
        ratio, asked = statistics.median(found), f"at least {layer.asked:g}" if engine == "numba" else ""
        note = f"{min(found):.2f} to {max(found):.2f}; {speed(engine)}, {peer} {speed(peer)}"
        rows.append(Row(what, asked, ratio, UNIT, not asked or ratio >= layer.asked, note))
    return mark_disturbed(rows, answers)


def measure(words: tuple[str, ...] = ()) -> list[Row]:
    """Return for each layer and pass one row for each engine: its speed relative to PyTorch."""
    workers, others = start("layers", "benchmarks.layers", NEEDS)
    rows = []
    for k, layer in enumerate(LAYERS):
        if all(word.lower() in layer.name.lower() for word in words):
            rows += [row for which in layer.passes for row in rows_of(k, which, workers)]
    close(workers.values())
    which = kernels_row((name, worker.ready) for name, worker in workers.items())
    return [*rows, *means(rows), *others, which]


def means(rows: list[Row]) -> list[Row]:
    """Return the geometric mean of the ratios of all convolutions, for the forward pass and with the backward pass."""
    titles = [layer.title() for layer in LAYERS if layer.co]
    found = []
    for which in (FORWARD, BOTH):
        names = {f"{title}, {which}: numba" for title in titles}
        values = [row.measured for row in rows if row.what in names and row.unit == UNIT and row.measured is not None]
        if values:
            mean = statistics.geometric_mean(values)
            what = f"convolutions, {which}: numba, geometric mean"
            found.append(Row(what, "at least 1, aim 1.5", mean, UNIT, mean >= 1, f"{len(values)} convolutions"))
    return found


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        run_worker(sys.argv[2])
    else:
        show(measure(tuple(sys.argv[1:])))
