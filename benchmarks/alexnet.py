"""AlexNet beside PyTorch: a forward pass, a training step and its peak memory, in turn in one run.

    python -m benchmarks.alexnet [BATCH …]

The images are cuts of 227 × 227 pixels from scikit-learn's two photographs, china.jpg and flower.jpg. Each side is a
process of its own, float32, on all cores. A step is forward, backward and update, with dropout and SGD (momentum 0.9,
weight decay 0.0005): convlens's by its public training loop, PyTorch's with the fused SGD, contiguous and in
channels_last, of which the faster one of each round counts. In the end all sides compute the logits of both photographs
from the same weights: how much they differ is in the table too.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.quiet import judged
from benchmarks.sides import Answers, Side, close, peak_megabytes, ratios, serve, start, take_turns, typical_seconds
from benchmarks.table import Row, show
from convlens.arrays import Array
from convlens.machine.threads import usable_threads
from convlens.models.alexnet import INPUT_SHAPE, alexnet

ROUNDS, EXTRA = 5, 2
BATCHES = (16,)
STEPS = 4  # a turn
AT_MOST = 1.5  # times as long as PyTorch's step
ALIKE = 1e-4  # of the largest logit
ENGINES = ("numba", "numpy")
PEERS = ("torch", "torch channels_last")
NEEDS = {"numba": "numba", "numpy": "numpy", "torch": "torch", "torch channels_last": "torch"}

Calls = dict[str, Callable[[], Any]]


def photographs(each: int) -> tuple[Array, Array]:
    """So many cuts of each photograph (2 each, 227, 227, 3), numbers around 0; labels, 0 China and 1 the flower"""
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
    """Through the public training loop"""
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
    """The same layers in PyTorch, whose response normalisation divides alpha by `size`"""
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
    """Give the PyTorch model convlens's weights, in the order of `get_weights`"""
    import torch

    first = [w.ndim for w in weights].index(2)  # the dense layer after Flatten: (h, w, c) there, (c, h, w) here
    weights[first] = weights[first].reshape(6, 6, 256, -1).transpose(2, 0, 1, 3).reshape(9216, -1)
    order = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}
    with torch.no_grad():
        for parameter, w in zip(model.parameters(), weights, strict=True):
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(w.transpose(order[w.ndim]))))


def pytorch(last: bool, batch: int) -> Calls:
    """Eager, with the fused SGD; channels_last if `last`"""
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

    def steps() -> None:
        order, losses = torch.randperm(len(x)), []
        model.train()
        for k in range(0, len(x), batch):
            chosen = order[k : k + batch]
            sgd.zero_grad(set_to_none=True)
            loss: Any = torch.nn.functional.cross_entropy(model(x[chosen]), y[chosen])
            loss.backward()
            sgd.step()
            losses.append(loss.item())
        assert np.isfinite(losses).all(), losses

    def forward() -> None:
        model.eval()
        with torch.inference_mode():
            model(x[:batch])

    def logits() -> Array:
        take_weights(model, alexnet(engine="numpy").get_weights())
        model.eval()
        with torch.inference_mode():
            found: Array = model(tensor(photographs(1)[0])).numpy()
        return found

    return {"steps": steps, "forward": forward, "logits": logits}


def run_side(name: str, batch: int) -> None:
    """In the process of that side: a turn of steps, of forward passes, or the logits"""
    calls = ours(name, batch) if name in ENGINES else pytorch(name.endswith("last"), batch)
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


def rows_of(what: str, answers: Answers, asked: float | None = None) -> list[Row]:
    """A row a side, and one an engine: how many times as long as the faster PyTorch of the same round"""
    seconds = {name: [answer["seconds"] for answer in values] for name, values in answers.items()}
    rows = []
    for name, found in seconds.items():
        spread = f"{min(found) * 1e3:.0f} to {max(found) * 1e3:.0f}"
        rows.append(Row(f"{what}: {name}", "", statistics.median(found) * 1e3, "ms", True, spread))
    peers = [seconds[name] for name in PEERS if name in seconds]
    for name in ENGINES:
        if name in seconds and peers:
            found = ratios(seconds[name], map(min, zip(*peers, strict=True)))
            ratio, limit = statistics.median(found), asked if name == "numba" else None
            rows.append(
                Row(
                    f"{what}: {name}, times as long as PyTorch",
                    f"at most {limit:g}" if limit else "",
                    ratio,
                    "×",
                    limit is None or ratio <= limit,
                    f"{min(found):.2f} to {max(found):.2f}",
                )
            )
    return judged(rows, answers)


def witness(sides: dict[str, Side]) -> list[Row]:
    """A row for each side but the first: its logits of the two photographs differ so much from the first one's"""
    logits = {name: np.array(side.ask("logits")["logits"]) for name, side in sides.items()}
    (first, want), *others = logits.items()
    rows = []
    for name, found in others:
        apart = float(np.abs(found - want).max() / np.abs(want).max())
        what = f"AlexNet, logits from the same weights: {name} beside {first}, largest difference"
        rows.append(Row(what, f"at most {ALIKE:g}", apart, "of the largest", apart <= ALIKE))
    return rows


def measure(batches: tuple[int, ...] = BATCHES) -> list[Row]:
    """Logits, forward, step and memory, for each batch size"""
    return [row for k, batch in enumerate(batches) for row in _of_batch(batch, k == 0)]


def _of_batch(batch: int, compare: bool) -> list[Row]:
    about = f"AlexNet training step, batch {batch}"
    sides, others = start(about, "benchmarks.alexnet", NEEDS, batch)
    steps = take_turns(sides, ROUNDS, "steps", again=EXTRA)
    rows = rows_of(about, steps, AT_MOST)
    for name, answers in steps.items():
        rows.append(Row(f"{about}, peak memory: {name}", "", answers[-1]["megabytes"], "MB of the process", True))
    forward = take_turns(sides, ROUNDS, "forward", again=EXTRA)
    rows += rows_of(f"AlexNet forward, batch {batch}", forward)
    if compare and sides:
        rows += witness(sides)
    close(sides.values())
    for k, row in enumerate(others):
        if "torch" in row.note and row.measured is None and row.ok is None:
            others[k] = row._replace(note=f"{row.note}: there is no ratio without it; pip install torch==2.13.0")
    return rows + others


if __name__ == "__main__":
    if sys.argv[1:2] == ["side"]:
        run_side(sys.argv[2], int(sys.argv[3]))
    else:
        show(measure(tuple(map(int, sys.argv[1:])) or BATCHES))
