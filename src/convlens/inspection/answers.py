"""Say which digit a network sees in a picture, or that it is unsure, and why.

A network's probability alone is a poor guide: on a mark that is no digit it is often above 0.9. Two more witnesses are
asked. The network sees the digit again, moved, scaled, slanted, with thinner and wider strokes; its probabilities are
averaged. The nearest embedded training digits must be alike, and most of them must have the same label.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convlens.data.embedded import embedded
from convlens.data.handwriting import Found
from convlens.data.handwriting.neighbours import nearest_label
from convlens.data.handwriting.variants import variants

__all__ = ["Answer", "Network", "answer", "reads_digits"]

Network = Callable[[NDArray[np.float32]], NDArray[np.floating]]  # digits (n, 28, 28, 1) -> probabilities (n, classes)

_SURE = 0.6  # the least mean probability of a sure answer; with it, none of 333 validation digits is wrong above 0.9
_FAR = 0.77  # 99.5 % of the validation digits are more alike to their neighbours than this, as a cosine
_CLEAR = (0.85, 0.9)  # doubts about the picture do not count from this likeness and mean probability
_TURNED = 1.0  # 98.5 % are less alike to their neighbours than this many times, after a quarter turn
_READS = 0.6  # a model that reads this part of the embedded validation digits right was trained on handwriting


@dataclass(frozen=True, eq=False)
class Answer:
    """digit: the likeliest class. probabilities (10,): the mean over the variants, or of a kept picture as it is.

    why: the reason to be unsure; empty for a sure answer.
    """

    digit: int
    probabilities: NDArray[np.floating]
    why: str

    @property
    def probability(self) -> float:
        """The probability of the digit."""
        return float(self.probabilities[self.digit])


def answer(network: Network, found: Found) -> Answer:
    """Return the network's answer to a digit that was found in a picture."""
    outputs = network(variants(found.image))
    mean = outputs.mean(axis=0)
    shown = outputs[0] if found.kept else mean
    digit, second = (int(k) for k in np.argsort(-shown)[:2])
    label, alike = nearest_label(found.image)
    turned = max(nearest_label(np.rot90(found.image, k))[1] for k in (1, 3))
    clear = label == digit and alike >= _CLEAR[0] and mean[digit] >= _CLEAR[1]
    reasons = [] if clear else list(found.doubts)
    if turned > _TURNED * alike:
        reasons.append("the picture may be turned by 90°")
    elif alike < _FAR:
        reasons.append("it is unlike the digits of the data set")
    if label != digit:
        reasons.append(f"it also looks like {label}")
    elif not mean[digit] >= _SURE:
        reasons.append(f"it also looks like {second}")
    return Answer(digit, shown, "; ".join(reasons))


def reads_digits(network: Network) -> bool:
    """Whether a network was trained on handwritten digits: it reads most of the embedded validation digits right."""
    digits = embedded()
    outputs = network(digits.x_valid[::5])
    return outputs.shape[1] == 10 and float((outputs.argmax(axis=1) == digits.y_valid[::5]).mean()) > _READS
