"""A program: a network's passes over a block of n examples as tapes, which are made once and played many times.

All buffers are allocated with the tapes. The values between two layers are images, in one of the two layouts of
`image.py`. Only one thread at a time may use a program.

A pass is cut into stages where a normalisation needs the statistics of the whole batch: all blocks of the batch end a
stage before the next one begins.
"""

from __future__ import annotations

from collections.abc import Sequence

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

    def __init__(self, specs: Sequence[Spec], vectors: Vectors, n: int, shared: Shared) -> None:
        made = Builder(specs, vectors, n, shared)
        self.n, self.normalisations, end, dtype = n, made.normalisations, made.end, vectors.flat.dtype
        logits, classes = end.x.data, end.x.planes
        out = dense.transpose(x=logits, features=classes, y=Slot("logits"), lanes=n)
        loss = dense.cross_entropy(
            logits=logits, classes=classes, weight=Slot("weight"), losses=Slot("losses"), dlogits=end.dx.data,
            labels=Slot("labels"), lanes=n,
        )  # fmt: skip
        clear = over_examples.fill_zeros(x=Slot("gradient"), count=vectors.flat.size)
        self.clear = Tape([clear], dtype, SLOTS)
        calls = [*(call for call in made.ahead if isinstance(call, Call)), out]
        self.forward = Tape(calls, dtype, SLOTS)
        self.predict = Tape([*calls, dense.softmax_rows(x=Slot("logits"), rows=n, columns=classes)], dtype, SLOTS)
        if shared.only_forward:
            return
        load = dense.load(x=Slot("dlogits"), features=classes, y=end.dx.data, lanes=n)
        ahead, back = _stages([*made.ahead, out]), _stages(made.back)
        self.meetings = [step for step in [*made.ahead, *made.back] if not isinstance(step, Call)]
        self.logits_stage = len(ahead) - 1
        whole = [*ahead[:-1], [*ahead[-1], loss, *back[0]], *back[1:]]
        self.both = [Tape(calls, dtype, SLOTS) for calls in whole]
        self.apart = [Tape(calls, dtype, SLOTS) for calls in [*ahead, [load, *back[0]], *back[1:]]]


def _stages(steps: Sequence[Call | Meeting]) -> list[list[Call]]:
    """Cut the steps at the meetings."""
    stages: list[list[Call]] = [[]]
    for step in steps:
        if isinstance(step, Call):
            stages[-1].append(step)
        else:
            stages.append([])
    return stages
