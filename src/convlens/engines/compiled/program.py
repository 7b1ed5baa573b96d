"""A program: a network's passes over a block of n examples as tapes, which are made once and played many times.

The values between two layers are images, in one of the two layouts of `image.py`. Their memory is found with the tapes.
Programs of the same number share it (`buffers.py`), so only one thread at a time may use them.

A pass is cut into stages where a normalisation needs the statistics of the whole batch: all blocks of the batch end a
stage before the next one begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from convlens.engines.compiled import dense, over_examples
from convlens.engines.compiled.builder import Builder, Meeting, Shared
from convlens.engines.compiled.kernel import Call, Slot
from convlens.engines.compiled.layer_weights import Vectors
from convlens.engines.compiled.tape import Tape
from convlens.engines.specs import Spec

SLOTS = ("x", "labels", "weight", "losses", "logits", "gradient", "first", "keys", "dlogits")


class Program:
    """The passes over n examples as tapes with SLOTS: `forward`, the stages of `both` (forward and backward), `clear`.

    Only `forward` and `predict` are made if the programs share `only_forward`.

    forward: x (n, h, w, c) -> logits (n, classes). predict: the same, and then their softmax, in place. both: needs
    labels (n,) and weight (1,) too, and also gives losses (n,). It adds the gradient of weight * sum(losses) to
    `gradient`, a vector like `flat`. clear: sets `gradient` to 0.
    first (1,) and keys (dropouts,): the number of the first example in its batch, and a number for each dropout, from
    which it draws. meetings: what is done between the stages.

    apart: the stages for a loss that is computed elsewhere. The backward needs dlogits (n, classes) in place of labels
    and weight. `logits_stage` is the stage that ends with the logits.
    """

    def __init__(self, specs: Sequence[Spec], vectors: Vectors, n: int, shared: Shared, number: int = 0) -> None:
        made = Builder(specs, vectors, n, shared)
        self.n, self.normalisations, end, dtype = n, made.normalisations, made.end, vectors.flat.dtype
        logits, classes = end.x.data, end.x.planes
        out = dense.transpose(x=logits, features=classes, y=Slot("logits"), lanes=n)
        loss = dense.cross_entropy(
            logits=logits, classes=classes, weight=Slot("weight"), losses=Slot("losses"), dlogits=end.dx.data,
            labels=Slot("labels"), lanes=n,
        )  # fmt: skip
        load = dense.load(x=Slot("dlogits"), features=classes, y=end.dx.data, lanes=n)
        backward = [] if shared.only_forward else [loss, load, *made.back]
        steps = made.buffers.placed([*made.ahead, out, *backward], shared.memory, number)
        middle = len(made.ahead) + 1
        ahead, back = [*chain(*steps[:middle])], [*chain(*steps[middle + 2 :])]
        if shared.only_forward:
            calls = [step for step in ahead if isinstance(step, Call)]
            self.forward = Tape(calls, dtype, SLOTS)
            softmax = dense.softmax_rows(x=Slot("logits"), rows=n, columns=classes)
            self.predict = Tape([*calls, softmax], dtype, SLOTS)
            return
        clear = over_examples.fill_zeros(x=Slot("gradient"), count=vectors.flat.size)
        self.clear = Tape([clear], dtype, SLOTS)
        self.meetings = [step for step in [*made.ahead, *made.back] if not isinstance(step, Call)]
        before, after = _stages(ahead), _stages(back)
        ((loss,),), ((load,),) = map(_stages, steps[middle : middle + 2])
        self.logits_stage = len(before) - 1
        whole = [*before[:-1], [*before[-1], loss, *after[0]], *after[1:]]
        self.both = [Tape(calls, dtype, SLOTS) for calls in whole]
        self.apart = [Tape(calls, dtype, SLOTS) for calls in [*before, [load, *after[0]], *after[1:]]]


def _stages(steps: Sequence[Call | Meeting]) -> list[list[Call]]:
    """Cut the steps at the meetings."""
    stages: list[list[Call]] = [[]]
    for step in steps:
        if isinstance(step, Call):
            stages[-1].append(step)
        else:
            stages.append([])
    return stages
