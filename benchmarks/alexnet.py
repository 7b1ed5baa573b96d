"""AlexNet compared with PyTorch: a forward pass, a training step and its peak memory. The programs take turns.

    python -m benchmarks.alexnet [BATCH …]

The images are crops of 227 × 227 pixels from the two photographs of scikit-learn, china.jpg and flower.jpg. Each
program runs in its own process, in float32, on all cores. A step is forward, backward and update, with dropout and SGD
(momentum 0.9, weight decay 0.0005). convlens uses its public training loop. PyTorch uses its fused SGD, with contiguous
arrays, with channels_last, and compiled with channels_last; the fastest one of each round counts. At the end all
programs compute the logits of both photographs from the same weights, and the table shows the differences.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.cpu_share import mark_disturbed
from benchmarks.table import Row, show
from benchmarks.workers import Answers, Worker, close, peak_megabytes, ratios, serve, start, take_turns, typical_seconds
from convlens.arrays import Array
from convlens.machine.threads import usable_threads
from convlens.models.alexnet import INPUT_SHAPE, alexnet

ROUNDS, EXTRA = 5, 2
BATCHES = (16,)
STEPS = 4  # steps in one turn
ASKED = "at least 1, aim 1.3"  # the step's speed, in units of PyTorch's
CLOSE = 1e-4  # the largest allowed difference of logits, relative to the largest logit
ENGINES = ("numba", "numpy")
PEERS = ("torch", "torch channels_last", "torch compiled channels_last")
NEEDS = {"numba": "numba", "numpy": "numpy"} | dict.fromkeys(PEERS, "torch")

Calls = dict[str, Callable[[], Any]]


def photographs(each: int) -> tuple[Array, Array]:
    """Return `each` crops of each photograph, (2 each, 227, 227, 3) with mean 0, and labels: 0 China, 1 flower."""
    from sklearn.datasets import load_sample_image

    h, w, _ = INPUT_SHAPE
    cuts = []
    for name in ("china.jpg", "flower.jpg"):
        photograph = load_sample_image(name)
        most = photograph.shape[0] - h, photograph.shape[1] - w
        corners = np.random.default_rng(0).integers(0, most, (each, 2)) if each > 1 else [(most[0] // 2, most[1] // 2)]
        cuts += [photograph[top : top + h, left : left + w] for top, left in corners]
    x = np.stack(cuts).astype(np.float32)
    return (x - x.mean()) / 128, np.repeat([0, 1], each)


def ours(engine: str, batch: int) -> Calls:
    """Return the calls of convlens. Training uses the public training loop."""
    from convlens.nn import SGD
    from convlens.training import Epoch, train

    x, y = photographs(STEPS * batch // 2)
    model = alexnet(engine=engine)
    sgd = SGD(0.01, momentum=0.9, weight_decay=0.0005)
    events = train(model, x, y, optimizer=sgd, epochs=1_000, batch_size=batch)

    def logits() -> Array:
        return alexnet(engine=engine).logits(photographs(1)[0])

    return {
        "steps": lambda: next(event for event in events if isinstance(event, Epoch)),
        "forward": lambda: model.logits(x[:batch]),
        "logits": logits,
    }


def torch_model() -> Any:
    """Return the same layers in PyTorch. Its response normalisation divides alpha by `size`, so alpha is 5 * 1e-4."""
    from torch import nn

    def norm() -> nn.Module:
        return nn.LocalResponseNorm(5, alpha=5 * 1e-4, beta=0.75, k=2.0)

    return nn.Sequential(
        *(nn.Conv2d(3, 96, 11, stride=4), nn.ReLU(), norm(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(), norm(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(256, 384, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU()),
        *(nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        nn.Flatten(),
        *(nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(0.5)),
        *(nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5)),
        nn.Linear(4096, 1000),
    )


def take_weights(model: Any, weights: list[Array]) -> None:
    """Set the weights of the PyTorch model to those of convlens, in the order of `get_weights`."""
    import torch

    first = [w.ndim for w in weights].index(2)  # the dense layer after Flatten: order (h, w, c) becomes (c, h, w)
    weights[first] = weights[first].reshape(6, 6, 256, -1).transpose(2, 0, 1, 3).reshape(9216, -1)
    order = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}
    with torch.no_grad():
        for parameter, w in zip(model.parameters(), weights, strict=True):
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(w.transpose(order[w.ndim]))))


def pytorch(last: bool, compiled: bool, batch: int) -> Calls:
    """Return the calls of PyTorch with the fused SGD. last: use channels_last. compiled: by `torch.compile`."""
    import torch

    torch.set_num_threads(usable_threads())
    form = torch.channels_last if last else torch.contiguous_format
    images, labels = photographs(STEPS * batch // 2)

    def tensor(x: Array) -> Any:
        return torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(memory_format=form)

    x, y = tensor(images), torch.from_numpy(labels)
    model = torch_model().to(memory_format=form)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.01)
    sgd = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=0.0005, fused=True)
    call = torch.compile(model) if compiled else model

    def steps() -> None:
        order, losses = torch.randperm(len(x)), []
        model.train()
        for k in range(0, len(x), batch):
            chosen = order[k : k + batch]
            sgd.zero_grad(set_to_none=True)
            loss: Any = torch.nn.functional.cross_entropy(call(x[chosen]), y[chosen])
            loss.backward()
            sgd.step()
            losses.append(loss.item())
        assert np.isfinite(losses).all(), losses

    def forward() -> None:
        model.eval()
        with torch.inference_mode():
            call(x[:batch])

    def logits() -> Array:
        take_weights(model, alexnet(engine="numpy").get_weights())
        model.eval()
        with torch.inference_mode():
            found: Array = model(tensor(photographs(1)[0])).numpy()
        return found

    return {"steps": steps, "forward": forward, "logits": logits}


def run_worker(name: str, batch: int) -> None:
    """Run in the worker process of a program: a turn of steps, of forward passes, or the logits."""
    calls = ours(name, batch) if name in ENGINES else pytorch(name.endswith("last"), "compiled" in name, batch)
    calls["steps"]()

    def turn(job: str) -> dict[str, Any]:
        if job == "logits":
            return {"logits": calls[job]().tolist()}
        if job == "forward":
            return {"seconds": typical_seconds(calls[job], 0.5)}
        begin = time.perf_counter()
        calls[job]()
        return {"seconds": (time.perf_counter() - begin) / STEPS, "megabytes": peak_megabytes()}

    serve(turn)


def rows_of(what: str, answers: Answers, asked: str = "") -> list[Row]:
    """Return one row with the time of each program, and one row with the ratio of each engine to PyTorch.

    The ratio of a round is to the fastest PyTorch program of this round.
    """
    seconds = {name: [answer["seconds"] for answer in values] for name, values in answers.items()}
    rows = []
    for name, found in seconds.items():
        spread = f"{min(found) * 1e3:.0f} to {max(found) * 1e3:.0f}"
        rows.append(Row(f"{what}: {name}", "", statistics.median(found) * 1e3, "ms", True, spread))
    peers = [seconds[name] for name in PEERS if name in seconds]
    for name in ENGINES:
        if name in seconds and peers:
            found = ratios(map(min, zip(*peers, strict=True)), seconds[name])
            ratio, wanted = statistics.median(found), asked if name == "numba" else ""
            spread = f"{min(found):.2f} to {max(found):.2f}"
            about = f"{what}: {name}, times as fast as PyTorch"
            rows.append(Row(about, wanted, ratio, "×", not wanted or ratio >= 1, spread))
    return mark_disturbed(rows, answers)


def witness(workers: dict[str, Worker]) -> list[Row]:
    """Return one row for each program except the first: the difference of its logits from those of the first."""
    logits = {name: np.array(worker.ask("logits")["logits"]) for name, worker in workers.items()}
    (first, want), *others = logits.items()
    rows = []
    for name, found in others:
        difference = float(np.abs(found - want).max() / np.abs(want).max())
        what = f"AlexNet, logits from the same weights: {name} and {first}, largest difference"
        rows.append(Row(what, f"at most {CLOSE:g}", difference, "of the largest", difference <= CLOSE))
    return rows


def measure(batches: tuple[int, ...] = BATCHES) -> list[Row]:
    """Return the rows on logits, forward pass, step and memory, for each batch size."""
    return [row for k, batch in enumerate(batches) for row in _measure_batch(batch, k == 0)]


def _measure_batch(batch: int, compare: bool) -> list[Row]:
    about = f"AlexNet training step, batch {batch}"
    workers, others = start(about, "benchmarks.alexnet", NEEDS, batch)
    steps = take_turns(workers, ROUNDS, "steps", again=EXTRA)
    rows = rows_of(about, steps, ASKED)
    for name, answers in steps.items():
        rows.append(Row(f"{about}, peak memory: {name}", "", answers[-1]["megabytes"], "MB of the process", True))
    forward = take_turns(workers, ROUNDS, "forward", again=EXTRA)
    rows += rows_of(f"AlexNet forward, batch {batch}", forward)
    if compare and workers:
        rows += witness(workers)
    close(workers.values())
    for k, row in enumerate(others):
        if "torch" in row.note and row.measured is None and row.ok is None:
            others[k] = row._replace(note=f"{row.note}: no ratio without PyTorch; pip install torch==2.13.0")
    return rows + others


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        run_worker(sys.argv[2], int(sys.argv[3]))
    else:
        show(measure(tuple(map(int, sys.argv[1:])) or BATCHES))
