"""The fused pass: a batch goes through the network in blocks of at most 16 examples, which several threads share.

For forward and backward, a batch is cut into parts (`convlens.engines.partition`). A part is a number of whole blocks
and has its own gradient. The gradients are added in the order of the parts.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from convlens.arrays import Array, contiguous
from convlens.engines.compiled import winograd
from convlens.engines.compiled.block_calls import Packed
from convlens.engines.compiled.builder import KINDS, Shared
from convlens.engines.compiled.changes import before, changed
from convlens.engines.compiled.helpers import Job, helpers
from convlens.engines.compiled.kernel import address
from convlens.engines.compiled.layer_weights import Vectors
from convlens.engines.compiled.over_examples import LANES
from convlens.engines.compiled.plan import FEW, channels_in_lanes, every
from convlens.engines.compiled.program import SLOTS, Program
from convlens.engines.compiled.registers import BYTES
from convlens.engines.compiled.room import Memory
from convlens.engines.compiled.ways import ways
from convlens.engines.partition import partition
from convlens.engines.specs import BatchNorm, Conv, Depthwise, Dropout, Pad, Pool, Random, Spec, output_shape
from convlens.machine.memory import aligned
from convlens.machine.threads import usable_threads


def refusal(specs: Sequence[Spec]) -> str | None:
    """Return why a fused pass cannot run these operations; None if it can."""
    for spec in every(specs):
        if not isinstance(spec, KINDS):
            return type(spec).__name__
        if isinstance(spec, Conv | Depthwise | Pool | Pad) and min(side for pair in spec.pads for side in pair) < 0:
            return "a negative padding"
    return None if specs else "a network that computes nothing"


def _block(examples: int) -> int:
    """Return the examples of a block in a batch: LANES, or half of a batch that would be one block for one thread."""
    return LANES if examples > LANES or examples <= FEW else -(-examples // 2)


def _blocks(examples: slice, most: int = LANES) -> list[tuple[int, int]]:
    """Return (start, n) for each block of at most `most` examples."""
    starts = range(examples.start, examples.stop, most)
    return [(start, min(most, examples.stop - start)) for start in starts]


X, LOGITS = SLOTS.index("x"), SLOTS.index("logits")
_SIZES = 8  # batches whose arrays a thread keeps, by their size

Slopes = Callable[[Array], tuple[Array, Array]]  # logits (n, classes) -> loss (n,), dlogits (n, classes)


class _Batch:
    """A forward and backward pass over a batch of `examples` examples, with all arrays that it writes

    apart: whether the loss is computed between the two
    """

    def __init__(self, network: FusedPass, examples: int, threads: int, training: bool, apart: bool) -> None:
        flat, block = network.vectors.flat, _block(examples)
        parts = partition(examples, least=1, block=block)
        self.weight = np.empty(1, flat.dtype)
        self.losses, self.logits = np.empty(examples, flat.dtype), np.empty((examples, network.classes), flat.dtype)
        self.dlogits = np.empty_like(self.logits)
        self.gradients = network.gradients(len(parts))
        self.keys = np.zeros(max(1, network.dropouts), np.int64)
        self._first, self._threads = np.arange(examples), threads
        specs, few = network.specs_of(training), examples <= FEW
        waits = apart or any(isinstance(spec, BatchNorm | Random) for spec in every(specs))
        made = _Programs(network, few, training) if waits else network.programs(few, training)
        self._packed, self.changes = made.shared.packed, made.shared.changes.values()
        self._shape = (examples, *network.shape)
        starts, slots, self._cuts, self.programs = list[int](), list[list[int]](), [0], list[list[Program]]()
        for part, gradient in zip(parts, self.gradients, strict=True):
            for start, n in _blocks(part, block):
                # where blocks wait for each other, each has its own program; else each thread
                each = [len(self.programs)] * threads if waits else range(threads)
                self.programs.append([made.of(n, number) for number in each])
                rows = self.losses[start:], self.logits[start:], gradient, self._first[start:]
                slots.append([0, 0, *map(address, (self.weight, *rows, self.keys, self.dlogits[start:]))])
                starts.append(start)
            self._cuts.append(len(self.programs))
        self._starts, self._slots = np.array(starts), np.array(slots)
        first = self.programs[0][0]
        self._meetings, self._logits_stage, self.normalisations = (
            first.meetings,
            first.logits_stage,
            first.normalisations,
        )
        self._jobs = [self._job(stage, apart) for stage in range(len(self._meetings) + 1 + apart)]

    def _job(self, stage: int, apart: bool) -> Job:
        """Return the job of a stage, with a piece for each part. The first stage sets each part's gradient to 0."""
        calls, begins, kept = list[int](), [0], list[Array]()
        for first, end in itertools.pairwise(self._cuts):
            for k in range(first, end):
                slots = address(self._slots[k:])
                if stage == 0 and k == first:
                    kept.append(np.array([program.clear.place for program in self.programs[k]]))
                    calls += [address(kept[-1]), slots]
                tapes = [(program.apart if apart else program.both)[stage] for program in self.programs[k]]
                kept.append(np.array([tape.place for tape in tapes]))
                calls += [address(kept[-1]), slots]
            begins.append(len(calls) // 2)
        rows = self.weight, self.losses, self.logits, self.dlogits, self.gradients, self.keys, self._first
        return Job(begins, calls, (kept, self.programs, self._slots, rows))

    def run(self, x: Array, labels: Array, weight: float, slopes: Slopes | None) -> None:
        """Run the stages. slopes: the loss, unless it is the cross-entropy of labels, times weight"""
        self.weight[0] = weight
        self._slots[:, 0] = address(x) + self._starts * x[0].size
        self._slots[:, 1] = address(labels) + self._starts
        self._packed.run(backward=True)
        for normalisation in self.normalisations:
            normalisation.set_running()
        meetings = list(self._meetings)
        if slopes is not None:
            meetings.insert(self._logits_stage, lambda gradient: self._take(slopes))
        for k, job in enumerate(self._jobs):
            helpers(self._threads).run(job, x, labels)
            if k < len(meetings):
                meetings[k](self.gradients[0])

    def _take(self, slopes: Slopes) -> None:
        self.losses[...], dlogits = slopes(self.logits.reshape(self._shape))
        self.dlogits[...] = dlogits.reshape(self.dlogits.shape)


class _Programs:
    """Programs that share what `Shared` has: one for each size of block, and each thread or block."""

    def __init__(self, network: FusedPass, few: bool, training: bool = False, only_forward: bool = False) -> None:
        self._specs, self._vectors, by_tiles = network.specs_of(training), network.vectors, network.by_tiles
        own = {} if only_forward else network.own  # the batches of a thread, one after another, share memory
        packed, memory = own.setdefault(f"packed {few} {training}", Packed()), own.setdefault("memory", Memory())
        self.shared = Shared(packed, training, FEW if few else LANES, by_tiles, only_forward, memory)
        self._found: dict[tuple[int, int], Program] = {}

    def of(self, n: int, number: int = 0) -> Program:
        """Return the program for blocks of n examples that belongs to a thread, or to a block."""
        if (n, number) not in self._found:
            self._found[n, number] = Program(self._specs, self._vectors, n, self.shared, number)
        return self._found[n, number]


class _Ready:
    """A forward pass over a batch of `examples` examples, prepared but for the images, with the logits that it writes

    A batch of one block packs few kernels in the same call; otherwise they are packed before.
    """

    def __init__(self, programs: _Programs, logits: Array, softmax: bool) -> None:
        examples, classes = logits.shape
        blocks = _blocks(slice(0, examples), _block(examples))
        self.logits, self.threads = logits, min(usable_threads(), len(blocks))
        made = [[programs.of(n, number) for number in range(self.threads)] for _, n in blocks]
        self.starts, self.slots = [start for start, _ in blocks], np.zeros((len(blocks), len(SLOTS)), np.int64)
        self.slots[:, LOGITS] = [address(logits) + start * classes for start in self.starts]
        tapes = np.array([[(one.predict if softmax else one.forward).place for one in each] for each in made])
        calls = [place for k in range(len(blocks)) for place in (address(tapes[k]), address(self.slots[k]))]
        self.packing = programs.shared.packed.each_time() if len(blocks) == 1 else None
        packing = np.array([self.packing.place if self.packing else 0])
        if self.packing:
            calls = [address(packing), 0, *calls]
        kept = made, tapes, packing, self.packing, self.slots, logits
        self.job = Job([*range(len(blocks)), len(calls) // 2], calls, kept)


class _Forward:
    """Forward passes over batches of few examples, or of more"""

    def __init__(self, network: FusedPass, few: bool) -> None:
        self._programs = _Programs(network, few, only_forward=True)
        self._classes, self._dtype = network.classes, network.vectors.flat.dtype
        self._ready: dict[tuple[int, bool], _Ready] = {}

    def run(self, x: Array, softmax: bool) -> Array:
        """x (n, …) -> logits (n, classes)"""
        ready = self._ready.get((len(x), softmax))
        if ready is None:
            if len(self._ready) >= _SIZES:
                del self._ready[next(iter(self._ready))]
            ready = _Ready(self._programs, np.empty((len(x), self._classes), self._dtype), softmax)
            self._ready[len(x), softmax] = ready
        place, each, shared = address(x), x.size // len(x), self._programs.shared
        for k, start in enumerate(ready.starts):
            ready.slots[k, X] = place + start * each
        if ready.packing is None:
            shared.packed.run(backward=False)
        for normalisation in shared.normalisations.values():
            normalisation.set_running()
        if ready.threads > 1:
            helpers(ready.threads).run(ready.job, x)
        else:
            ready.job.run()
        return ready.logits.copy()


class FusedPass:
    """All operations of a network in one call. Each call reads the current weights from `flat`. Any thread may call.

    Convolutions in float32 use Winograd's algorithm where it takes less work; CONVLENS_WINOGRAD=off switches it off.
    """

    def __init__(self, specs: Sequence[Spec], flat: Array, state: Array) -> None:
        self.specs, self.vectors = tuple(specs), Vectors(flat, state)
        self.shape = output_shape(specs[-1])
        self.classes = math.prod(self.shape)
        self._before = before(specs)
        in_lanes = channels_in_lanes(specs, flat.itemsize)
        self.by_tiles = flat.itemsize == 4 and winograd.allowed()  # whether Winograd's algorithm is used
        self.about = f"one fused pass, {'channels' if in_lanes else 'examples'} in lanes"
        chosen: Callable[..., object] = winograd.chosen if in_lanes else winograd.chosen_for_examples
        tiled = [spec for spec in every(specs) if isinstance(spec, Conv) and chosen(spec, BYTES // 4, LANES)]
        if self.by_tiles and tiled:
            self.about += f", {len(tiled)} convolution{'s' * (len(tiled) > 1)} by Winograd's algorithm"
        self.ways = ways(specs, in_lanes, self.by_tiles, BYTES // flat.itemsize)
        self.dropouts = sum(isinstance(spec, Dropout) for spec in every(specs))
        self._own = threading.local()
        self._idle: dict[bool, list[_Forward]] = {False: [], True: []}  # that no thread uses now; for few examples

    @property
    def own(self) -> dict[str, Any]:
        """What belongs to the calling thread, by name"""
        return self._own.__dict__

    def specs_of(self, training: bool) -> Sequence[Spec]:
        """Return the operations of the programs; in training, the batch is changed at random before."""
        return self.specs[self._before :] if training else self.specs

    def programs(self, few: bool, training: bool) -> _Programs:
        """Return the programs of the calling thread and its helpers, for batches of few examples or of more."""
        made: dict[tuple[bool, bool], _Programs] = self.own.setdefault("programs", {})
        if (few, training) not in made:
            made[few, training] = _Programs(self, few, training)
        return made[few, training]

    def gradients(self, parts: int) -> list[Array]:
        """Return `parts` vectors like `flat`, which belong to the calling thread."""
        gradients: list[Array] = self.own.setdefault("gradients", [])
        flat = self.vectors.flat
        gradients += [aligned(flat.size, flat.dtype) for _ in range(parts - len(gradients))]
        return gradients[:parts]

    def forward(self, x: Array, softmax: bool = False) -> Array:
        """x (n, …) -> logits (n, …), or if `softmax` that of vectors (n, classes); on all cores"""
        x = contiguous(x)
        idle = self._idle[few := len(x) <= FEW]
        try:
            mine = idle.pop()
        except IndexError:
            mine = _Forward(self, few)
        logits = mine.run(x, softmax)
        idle.append(mine)  # not after an exception: after Ctrl-C a helper may still be using it
        return logits if len(self.shape) == 1 else logits.reshape(len(x), *self.shape)

    def loss_gradient(
        self,
        x: Array,
        labels: Array,
        weight: float,
        gradient: Array,
        threads: int = 1,
        rng: np.random.Generator | None = None,
        state: Array | None = None,
        slopes: Slopes | None = None,
    ) -> tuple[Array, Array]:
        """x, labels (n,) -> loss (n,), logits (n, classes); `gradient` gets the gradient of weight * sum(loss)

        The loss is the cross-entropy, unless `slopes` computes another one, with its gradient; then labels and weight
        do not matter. With an `rng`, dropout drops, and normalisations use the statistics of the batch, which
        `state` gets, a vector like the running statistics.
        """
        x, labels = contiguous(x), contiguous(labels.astype(np.int64, copy=False))
        threads = min(threads, len(partition(len(x), least=1, block=_block(len(x)))))  # more would have nothing to do
        training, apart = rng is not None, slopes is not None
        if rng is not None and self._before:
            x = changed(x, self.specs[: self._before], rng)
        batches = self.own.setdefault("batches", {})
        if (key := (len(x), threads, training, apart)) not in batches:
            if len(batches) >= _SIZES:
                del batches[next(iter(batches))]
            batches[key] = _Batch(self, *key)
        batch: _Batch = batches[key]
        if rng is not None and self.dropouts:
            batch.keys[...] = rng.integers(0, 2**63, len(batch.keys))
        for change in batch.changes:
            change.rng = rng
        batch.run(x, labels, weight, slopes)
        gradient[...] = batch.gradients[0]
        for other in batch.gradients[1:]:
            gradient += other
        if state is not None and training:
            for normalisation in batch.normalisations:
                normalisation.write_statistics(state)
        return batch.losses.copy(), batch.logits.reshape(len(x), *self.shape).copy()
