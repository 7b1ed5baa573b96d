"""The confusion matrix equals one counted pair by pair; its figures follow from the definition."""

import numpy as np
import pytest

from convlens.inspection.confusion import Pair, confusion_matrix

TRUE, FOUND = np.array([0, 0, 0, 1, 1, 3, 3, 3]), np.array([0, 1, 1, 1, 0, 3, 0, 1])


@pytest.mark.smoke
def test_counts_equal_those_of_a_loop(rng):
    labels, predicted = rng.integers(0, 5, 60), rng.integers(0, 5, 60)
    counts = confusion_matrix(labels, predicted, 6).counts
    for k in range(6):
        for j in range(6):
            assert counts[k, j] == sum((a, b) == (k, j) for a, b in zip(labels, predicted, strict=True))


def test_figures_of_the_classes():
    found = confusion_matrix(TRUE, FOUND, 4)
    assert found.images.tolist() == [3, 2, 0, 3] and found.right.tolist() == [1, 1, 0, 1]
    assert found.recall == [1 / 3, 1 / 2, None, 1 / 3]
    assert found.precision == [1 / 3, 1 / 4, None, 1]
    assert found.errors.sum() == 5 and found.counts.sum() == 8, "errors leaves the counts as they are"


def test_the_most_confused_pairs_come_first_and_equal_ones_in_order():
    found = confusion_matrix(TRUE, FOUND, 4)
    assert found.pairs(2) == [Pair(0, 1, 2), Pair(1, 0, 1)]
    assert found.pairs(9) == [Pair(0, 1, 2), Pair(1, 0, 1), Pair(3, 0, 1), Pair(3, 1, 1)]
    assert confusion_matrix(TRUE, TRUE, 4).pairs(9) == []


@pytest.mark.parametrize(
    ("labels", "predicted", "classes", "text"),
    [
        ([0, 4], [0, 1], 4, "labels must be from 0 to 3; got 0 to 4"),
        ([0, 1], [-1, 1], 4, "predicted must be from 0 to 3; got -1 to 1"),
        ([0, 1], [0], 4, "one label for each prediction; got 2 and 1"),
        ([0], [0], 0, "classes must be an integer of at least 1; got 0"),
    ],
)
def test_wrong_labels_are_refused(labels, predicted, classes, text):
    with pytest.raises(ValueError, match=text):
        confusion_matrix(np.array(labels), np.array(predicted), classes)
