"""A network's passes, in blocks of at most LANES examples; there and back, several threads share the blocks.

A batch is cut into parts, at most 8, each of whole blocks and with a gradient of its own; these are added up in order.
The cut depends on the batch alone, so the bits are the same for any number of threads.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from convlens.arrays import Array, contiguous
from convlens.engines.compiled import over_examples as lanes
from convlens.engines.compiled.helpers import Job, crew
from convlens.engines.compiled.program import Program
from convlens.engines.compiled.tape import place
from convlens.engines.specs import Dense, Step
from convlens.machine.memory import aligned

_PARTS = 8


def _blocks(examples: int) -> list[tuple[int, int]]:
    """(first, n) of each block of at most LANES examples"""
    return [(first, min(lanes.LANES, examples - first)) for first in range(0, examples, lanes.LANES)]


class _Batch:
    """A pass there and back over so many examples, with all that it writes"""

    def __init__(self, network: Network, examples: int, threads: int) -> None:
        flat, blocks = network.flat, _blocks(examples)
        parts = min(_PARTS, len(blocks))
        self.weight = np.empty(1, flat.dtype)
        self.losses, self.logits = np.empty(examples, flat.dtype), np.empty((examples, network.classes), flat.dtype)
        self.gradients = network.gradients(parts)
        starts, firsts, tapes, slots = [0], [], [], []
        for part, gradient in enumerate(self.gradients):
            mine = blocks[part * len(blocks) // parts : (part + 1) * len(blocks) // parts]
            for k, (first, n) in enumerate([mine[0], *mine]):
                written = (self.weight, self.losses[first:], self.logits[first:], gradient)
                slots.append([0, 0, *map(place, written)])
                programs = [network.program(thread, n) for thread in range(threads)]
                tapes.append([(program.both if k else program.clear).place for program in programs])
                firsts.append(first)
            starts.append(len(tapes))
        self._firsts, self._slots, self.tapes = np.array(firsts), np.array(slots), np.array(tapes)
        calls = [place(rows[k:]) for k in range(len(tapes)) for rows in (self.tapes, self._slots)]
        self.job = Job(starts, calls, self.tapes)

    def read(self, x: Array, labels: Array) -> None:
        """The next pass reads these."""
        self._slots[:, 0] = place(x) + self._firsts * x[0].size
        self._slots[:, 1] = place(labels) + self._firsts


class Network:
    """The whole pass of these steps. The weights are read from `flat` at each call; any thread may call."""

    def __init__(self, steps: Sequence[Step], flat: Array) -> None:
        assert isinstance(steps[-1], Dense)
        self.steps, self.flat, self.classes = tuple(steps), flat, steps[-1].units
        self._own = threading.local()

    def program(self, thread: int, n: int) -> Program:
        """The program for blocks of n examples that belongs to the calling thread, or to a helper of its crew"""
        programs = self._own.__dict__.setdefault("programs", {})
        if (thread, n) not in programs:
            programs[thread, n] = Program(self.steps, self.flat, n)
        found: Program = programs[thread, n]
        return found

    def gradients(self, parts: int) -> list[Array]:
        """That many vectors like `flat`, which belong to the calling thread"""
        gradients: list[Array] = self._own.__dict__.setdefault("gradients", [])
        gradients += [aligned(self.flat.size, self.flat.dtype) for _ in range(parts - len(gradients))]
        return gradients[:parts]

    def forward(self, x: Array) -> Array:
        """x (n, h, w, c) -> logits (n, classes)"""
        x = contiguous(x)
        logits = np.empty((len(x), self.classes), x.dtype)
        for first, n in _blocks(len(x)):
            self.program(0, n).forward.run(x=x[first:], logits=logits[first:])
        return logits

    def loss_gradient(
        self, x: Array, labels: Array, weight: float, gradient: Array, threads: int = 1
    ) -> tuple[Array, Array]:
        """x, labels (n,) -> loss (n,), logits (n, classes); the gradient of weight * sum(loss) is written"""
        x, labels = contiguous(x), contiguous(labels.astype(np.int64, copy=False))
        batches = self._own.__dict__.setdefault("batches", {})
        if (len(x), threads) not in batches:
            batches[len(x), threads] = _Batch(self, len(x), threads)
        batch: _Batch = batches[len(x), threads]
        batch.weight[0] = weight
        batch.read(x, labels)
        crew(threads).run(batch.job, x, labels)
        gradient[...] = batch.gradients[0]
        for other in batch.gradients[1:]:
            gradient += other
        return batch.losses.copy(), batch.logits.copy()
