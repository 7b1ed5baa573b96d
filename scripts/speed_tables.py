"""The tables of speeds in README.md and docs/performance.md, made from the file that `python -m benchmarks` writes.

Each function takes the file's rows by benchmark and returns a table in Markdown. A ratio in brackets was measured with
all programs held to vectors of 256 bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

Benchmarks = dict[str, list[dict[str, Any]]]
PEERS = {"PyTorch": ("torch eager", "torch compile"), "Keras": ("keras tensorflow",), "JAX": ("jax jit",)}
TRAINED = {
    "convlens, Numba": "convlens numba",
    "TensorFlow 1, graph and session": "tensorflow graph",
    "PyTorch, fused Adam": "torch fused",
    "PyTorch, compiled": "torch compile",
    "Keras on TensorFlow": "keras tensorflow",
    "convlens, NumPy": "convlens numpy",
    "Keras on JAX": "keras jax",
    "JAX, one jitted step": "jax jit",
}
EPOCH = 50_000  # images; the times of `benchmarks.peers` are for so many
NARROW = ", 256 bits"
FASTEST = "times as fast as the fastest "  # framework, or peer


class Figures:
    """The measured figures of a benchmark, at full width and with vectors of 256 bits, by what was measured"""

    def __init__(self, benchmarks: Benchmarks, name: str) -> None:
        self.full, self._narrow = (
            {row["what"]: row["measured"] for row in benchmarks.get(key, []) if row["measured"] is not None}
            for key in (name, name + NARROW)
        )

    def between(self, before: str, after: str) -> list[str]:
        """Return what stands between two texts in the names of the figures, in order, each once."""
        names = [what for what in self.full if what.startswith(before) and what.endswith(after)]
        return list(dict.fromkeys(what[len(before) : len(what) - len(after)] for what in names))

    def ratio(self, what: str) -> str:
        """Return a ratio, with that of 256 bits in brackets if it was measured."""
        if what not in self.full:
            return "–"
        narrow = f" ({decimal(self._narrow[what])})" if what in self._narrow else ""
        return decimal(self.full[what]) + narrow


def networks(benchmarks: Benchmarks) -> str:
    """Images a second in training, batch 64; by the fastest peer; the share of the machine's product speed"""
    found = Figures(benchmarks, "networks")
    rows = []
    for name in found.between("", ", training: convlens numba"):
        what = f"{name}, training: "
        best = [max(found.full.get(what + one, 0.0) for one in programs) for programs in PEERS.values()]
        speeds = map(number, [found.full[what + "convlens numba"], *best])
        share = found.full.get(what + "share of the machine's product speed")
        rows.append([name, *speeds, f"**{found.ratio(what + FASTEST + 'peer')}**", decimal(share) if share else "–"])
    return _table(["network, images a second", "convlens", *PEERS, "by the fastest", "share"], rows)


def training(benchmarks: Benchmarks) -> str:
    """Images a second in training LeNet-5, by the size of a batch"""
    found = Figures(benchmarks, "peers")
    batches = found.between("LeNet-5 training, batch ", ": convlens numba")
    rows = []
    for title, program in TRAINED.items():
        seconds = [found.full.get(_trained(batch, program), math.inf) for batch in batches]
        rows.append([title, *(number(EPOCH / each) for each in seconds)])
    ratios = [f"**{found.ratio(_trained(batch, FASTEST + 'framework'))}**" for batch in batches]
    return _table(["LeNet-5, images a second", *batches], [*rows, ["convlens by the fastest", *ratios]])


def _trained(batch: str, what: str) -> str:
    return f"LeNet-5 training, batch {batch}: {what}"


def prediction(benchmarks: Benchmarks) -> str:
    """Times as fast as ONNX Runtime in prediction, by the number of images at once"""
    found, after = Figures(benchmarks, "inference"), ": times as fast as ONNX Runtime"
    pairs = [name.split(" prediction, batch ") for name in found.between("", after)]
    names, batches = (list(dict.fromkeys(each)) for each in zip(*pairs, strict=True)) if pairs else ([], [])
    rows = [[name, *(found.ratio(f"{name} prediction, batch {batch}{after}") for batch in batches)] for name in names]
    return _table(["images at once", *batches], rows)


def layers(benchmarks: Benchmarks) -> str:
    """Single operations, times as fast as PyTorch's better layout"""
    found = Figures(benchmarks, "layers")
    rows = [
        [name, *(found.ratio(f"{name}, {way}: numba") for way in ("forward", "forward + backward"))]
        for name in found.between("", ", forward: numba")
    ]
    return _table(["operation", "forward", "forward and backward"], rows)


TABLES: dict[str, Callable[[Benchmarks], str]] = {
    "networks": networks,
    "training": training,
    "prediction": prediction,
    "layers": layers,
}


def into(text: str, benchmarks: Benchmarks) -> str:
    """Return the text with each table between its two marks, such as <!-- layers --> and <!-- /layers -->."""
    for name, made in TABLES.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, opened, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if opened and closed:
            text = f"{before}{begin}\n{made(benchmarks)}\n{end}{after}"
    return text


def decimal(value: float) -> str:
    """Format a ratio with one decimal, or two below 1."""
    return f"{value:.1f}" if value >= 0.995 else f"{value:.2f}"


def number(value: float) -> str:
    """Format a speed with three significant digits, or a dash if it is absent."""
    return f"{float(f'{value:.3g}'):,.0f}" if value else "–"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines).replace("| --- ", "|---").replace("|--- |", "|---|")
