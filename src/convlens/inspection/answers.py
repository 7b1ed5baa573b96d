"""Say which digit a network sees in a picture, or that it is unsure, and why.

A network's probability alone is a poor guide: on a mark that is no digit it is often above 0.9. Two more witnesses are
asked. The network sees the digit again, moved, scaled, slanted, with thinner and wider strokes; the odds are averaged.
The embedded training digits that are most alike must have the same label.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convlens.data.handwriting import Found
from convlens.data.handwriting.crossings import MOST, crossings
from convlens.data.handwriting.neighbours import known_digits, likeness
from convlens.data.handwriting.variants import variants

__all__ = ["Answer", "Network", "answer", "reads_digits"]

Network = Callable[[NDArray[np.float32]], NDArray[np.floating]]  # digits (n, 28, 28, 1) -> probabilities (n, classes)

# The log-odds that an answer is right: _ODDS times the network's mean log-odds, plus _LEAD times the lead in likeness,
# plus _START. A logistic regression on the answers to 960 drawn photographs (benchmarks.photos, seed 501), in which a
# wrong answer counts five times: so the probability is too low rather than too high.
_ODDS, _LEAD, _START = 0.75, 18.0, -2.0
_LEAST = 1e-4  # a probability of the network nearer to 0 or 1 says no more than this
_SURE = 0.5  # the least probability of a sure answer
_FAR = 0.75  # a digit less alike than this to every label is unlike MNIST's: fewer than 0.5 % of the validation digits
_CLEAR = 0.8  # doubts about the picture do not count from this probability
_READS = 0.6  # a model that reads this part of the embedded validation digits right was trained on handwriting


@dataclass(frozen=True, eq=False)
class Answer:
    """digit: the likeliest class. probability: how safe it is, by both witnesses; at most the network's own.

    probabilities (10,): the network's, as a mean over the variants, or of a kept picture as it is. why: the reason to
    be unsure; empty for a sure answer.
    """

    digit: int
    probability: float
    probabilities: NDArray[np.floating]
    why: str


def answer(network: Network, found: Found) -> Answer:
    """Return the network's answer to a digit that was found in a picture.

    probability = sigmoid(0.75 m + 18 lead - 2), at most the network's own: m is the mean of log(p / (1 - p)) over the
    variants, p the network's probability of the digit, and lead the likeness to the digit minus the likeness to the
    most alike other label.
    """
    outputs = network(variants(found.image))
    mean = outputs.mean(axis=0)
    shown = outputs[0] if found.kept else mean
    digit, second = (int(k) for k in np.argsort(-shown)[:2])
    alike = likeness(found.image)
    others = np.where(np.arange(10) == digit, -1, alike)
    rival = int(others.argmax())
    p = np.clip(outputs[:, digit].astype(np.float64), _LEAST, 1 - _LEAST)
    odds = _ODDS * float(np.log(p / (1 - p)).mean()) + _LEAD * float(alike[digit] - others[rival]) + _START
    probability = min(float(shown[digit]), float(mean[digit]), 1 / (1 + float(np.exp(-odds))))
    reasons = [*found.firm, *(found.doubts if probability < _CLEAR else ())]
    strokes = crossings(found.image)
    if strokes > MOST or (strokes == MOST and probability < _CLEAR):
        reasons.append("it has more strokes than most digits: it may be a scribble")
    if found.whole is not None and int(network(variants(found.whole)).mean(axis=0).argmax()) != digit:
        reasons.append("it looks different with the faint ink that joins it")
    turned = max((likeness(np.rot90(found.image, k)) for k in (1, 3)), key=lambda values: float(values.max()))
    upright = alike.max() >= turned.max() or int(turned.argmax()) == digit
    if not upright and turned.max() >= _FAR:
        reasons.append("the picture may be turned by 90°")
    elif not upright or alike.max() < _FAR:
        reasons.append("it is unlike the digits of the data set")
    if not probability >= _SURE:
        reasons.append(f"it also looks like {second if alike[digit] > others[rival] else rival}")
    return Answer(digit, probability, shown, "; ".join(reasons))


def reads_digits(network: Network) -> bool:
    """Whether a network was trained on handwritten digits: it reads most of the embedded validation digits right."""
    digits = known_digits()
    outputs = network(digits.x_valid[::5])
    return outputs.shape[1] == 10 and float((outputs.argmax(axis=1) == digits.y_valid[::5]).mean()) > _READS
