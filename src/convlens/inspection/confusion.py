"""The confusion matrix: how often each class is predicted as each other class, and the figures that follow from it.

counts[k, j] = the number of images of class k that are predicted as class j
recall[k] = counts[k, k] / sum_j counts[k, j],   precision[j] = counts[j, j] / sum_k counts[k, j]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convlens.geometry import check_count
from convlens.ops.losses import Labels

__all__ = ["Confusion", "Pair", "confusion_matrix"]


class Pair(NamedTuple):
    """Two classes that the network confuses: `times` images of class `true` are predicted as class `predicted`."""

    true: int
    predicted: int
    times: int


@dataclass(frozen=True)
class Confusion:
    """The counts int64 (classes, classes): one row for each true class, one column for each predicted class."""

    counts: NDArray[np.int64]

    @property
    def images(self) -> NDArray[np.int64]:
        """The number of images of each class (classes,)."""
        found: NDArray[np.int64] = self.counts.sum(axis=1)
        return found

    @property
    def right(self) -> NDArray[np.int64]:
        """The number of images of each class that are predicted right (classes,)."""
        return self.counts.diagonal()

    @property
    def recall(self) -> list[float | None]:
        """The fraction of each class's images that are predicted right; None for a class without images."""
        return _fractions(self.right, self.images)

    @property
    def precision(self) -> list[float | None]:
        """The fraction of the predictions of each class that are right; None for a class that is never predicted."""
        return _fractions(self.right, self.counts.sum(axis=0))

    @property
    def errors(self) -> NDArray[np.int64]:
        """The counts with zeros on the diagonal (classes, classes)."""
        found = self.counts.copy()
        np.fill_diagonal(found, 0)
        return found

    def pairs(self, most: int) -> list[Pair]:
        """Return at most `most` pairs of confused classes, the most frequent first; equal ones in order of class."""
        errors, classes = self.errors, len(self.counts)
        order = np.argsort(-errors, axis=None, kind="stable")[:most]
        return [Pair(*divmod(int(k), classes), int(errors.flat[k])) for k in order if errors.flat[k]]


def confusion_matrix(labels: Labels, predicted: Labels, classes: int) -> Confusion:
    """labels (n,), predicted (n,), integers from 0 to classes - 1 -> Confusion. ValueError for other labels."""
    check_count("classes", classes, 1)
    if len(labels) != len(predicted):
        raise ValueError(f"there must be one label for each prediction; got {len(labels)} and {len(predicted)}")
    for name, values in (("labels", labels), ("predicted", predicted)):
        if len(values) and not 0 <= values.min() <= values.max() < classes:
            raise ValueError(f"{name} must be from 0 to {classes - 1}; got {values.min()} to {values.max()}")
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return Confusion(counts)


def _fractions(parts: NDArray[np.int64], wholes: NDArray[np.int64]) -> list[float | None]:
    return [part / whole if whole else None for part, whole in zip(parts.tolist(), wholes.tolist(), strict=True)]
