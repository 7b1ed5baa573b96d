"""The fused pass: a batch goes through the network in blocks of at most 16 examples, which several threads share.

For forward and backward, a batch is cut into parts (`convlens.engines.partition`). A part is a number of whole blocks
and has its own gradient. The gradients are added in the order of the parts.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from convlens.arrays import Array, contiguous
from convlens.engines.compiled.helpers import Job, helpers
from convlens.engines.compiled.kernel import address
from convlens.engines.compiled.over_examples import LANES
from convlens.engines.compiled.program import Program
from convlens.engines.partition import partition
from convlens.engines.specs import Activation, Conv, Dense, Flatten, Pool, Spec
from convlens.machine.memory import aligned


def supports(specs: Sequence[Spec]) -> bool:
    """Return whether a fused pass can run these operations.

    They must be convolutions with one group, without dilation, and pools, then Flatten, then dense layers; all with a
    bias. The only activation is ReLU,
    after a convolution or a dense layer.
    """
    kinds = [type(spec) for spec in specs if not isinstance(spec, Activation)]
    flat = kinds.index(Flatten) if Flatten in kinds else len(kinds)
    if set(kinds[:flat]) - {Conv, Pool} or set(kinds[flat + 1 :]) != {Dense}:
        return False
    if any(isinstance(spec, Conv) and (spec.groups > 1 or spec.dilation != (1, 1)) for spec in specs):
        return False
    if any(isinstance(spec, Conv | Dense) and not spec.bias for spec in specs):
        return False
    if any(isinstance(spec, Flatten) and len(spec.shape) != 3 for spec in specs):
        return False
    after = zip([None, *specs], specs, strict=False)
    return all(
        spec.function == "relu" and isinstance(before, Conv | Dense)
        for before, spec in after
        if isinstance(spec, Activation)
    )


def _blocks(examples: slice) -> list[tuple[int, int]]:
    """Return (start, n) for each block of at most LANES examples."""
    starts = range(examples.start, examples.stop, LANES)
    return [(start, min(LANES, examples.stop - start)) for start in starts]


class _Batch:
    """A forward and backward pass over a batch of `examples` examples, with all arrays that it writes"""

    def __init__(self, network: FusedPass, examples: int, threads: int) -> None:
        flat, parts = network.flat, partition(examples, least=1, block=LANES)
        self.weight = np.empty(1, flat.dtype)
        self.losses, self.logits = np.empty(examples, flat.dtype), np.empty((examples, network.classes), flat.dtype)
        self.gradients = network.gradients(len(parts))
        cuts, starts, tapes, slots = [0], [], [], []
        for part, gradient in zip(parts, self.gradients, strict=True):
            blocks = _blocks(part)
            for k, (start, n) in enumerate([blocks[0], *blocks]):  # the first tape of a part sets its gradient to 0
                written = (self.weight, self.losses[start:], self.logits[start:], gradient)
                slots.append([0, 0, *map(address, written)])
                programs = [network.program(thread, n) for thread in range(threads)]
                tapes.append([(program.both if k else program.clear).place for program in programs])
                starts.append(start)
            cuts.append(len(tapes))
        self._starts, self._slots, self.tapes = np.array(starts), np.array(slots), np.array(tapes)
        calls = [address(rows[k:]) for k in range(len(tapes)) for rows in (self.tapes, self._slots)]
        self.job = Job(cuts, calls, self.tapes)

    def read(self, x: Array, labels: Array) -> None:
        """Set the images and labels that the next pass reads."""
        self._slots[:, 0] = address(x) + self._starts * x[0].size
        self._slots[:, 1] = address(labels) + self._starts


class FusedPass:
    """All operations of a network in one call. Each call reads the current weights from `flat`. Any thread may call."""

    def __init__(self, specs: Sequence[Spec], flat: Array) -> None:
        self.specs, self.flat = tuple(specs), flat
        self.classes = next(spec.units for spec in reversed(specs) if isinstance(spec, Dense))
        self._own = threading.local()
        self._idle: dict[int, list[Program]] = {}  # by the size of their blocks: programs that no `forward` uses now

    def program(self, thread: int, n: int) -> Program:
        """Return the program for blocks of n examples that belongs to the calling thread or to one of its helpers."""
        programs = self._own.__dict__.setdefault("programs", {})
        if (thread, n) not in programs:
            programs[thread, n] = Program(self.specs, self.flat, n)
        found: Program = programs[thread, n]
        return found

    def gradients(self, parts: int) -> list[Array]:
        """Return `parts` vectors like `flat`, which belong to the calling thread."""
        gradients: list[Array] = self._own.__dict__.setdefault("gradients", [])
        gradients += [aligned(self.flat.size, self.flat.dtype) for _ in range(parts - len(gradients))]
        return gradients[:parts]

    def forward(self, x: Array) -> Array:
        """x (n, h, w, c) -> logits (n, classes)"""
        x = contiguous(x)
        logits = np.empty((len(x), self.classes), x.dtype)
        for start, n in _blocks(slice(0, len(x))):
            idle = self._idle.setdefault(n, [])
            try:
                program = idle.pop()
            except IndexError:
                program = Program(self.specs, self.flat, n)
            program.forward.run(x=x[start:], logits=logits[start:])
            idle.append(program)
        return logits

    def loss_gradient(
        self, x: Array, labels: Array, weight: float, gradient: Array, threads: int = 1
    ) -> tuple[Array, Array]:
        """x, labels (n,) -> loss (n,), logits (n, classes); `gradient` gets the gradient of weight * sum(loss)"""
        x, labels = contiguous(x), contiguous(labels.astype(np.int64, copy=False))
        threads = min(threads, len(partition(len(x), least=1, block=LANES)))  # more would have nothing to do
        batches = self._own.__dict__.setdefault("batches", {})
        if (len(x), threads) not in batches:
            batches[len(x), threads] = _Batch(self, len(x), threads)
        batch: _Batch = batches[len(x), threads]
        batch.weight[0] = weight
        batch.read(x, labels)
        helpers(threads).run(batch.job, x, labels)
        gradient[...] = batch.gradients[0]
        for other in batch.gradients[1:]:
            gradient += other
        return batch.losses.copy(), batch.logits.copy()
