"""Helpers of Keras: one-hot labels as Keras has them, seeds, and the names that are not here."""

import random

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from convlens import utils


@pytest.mark.frameworks
@pytest.mark.parametrize("labels", [[1, 0, 3], [[2], [0]], np.array([[0, 2, 1], [1, 1, 0]], np.uint8), [1.0, 2.0]])
@pytest.mark.parametrize("classes", [None, 5])
def test_one_hot_labels_as_keras_has_them(keras, labels, classes):
    ours, theirs = utils.to_categorical(labels, classes), keras.utils.to_categorical(labels, classes)
    assert_array_equal(ours, theirs)
    assert ours.dtype == theirs.dtype


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        ([0, 3], 3, "labels must be from 0 to 2; got 0 to 3"),
        ([-1, 0], None, "labels must be from 0 to 0; got -1 to 0"),
        ([0.5], None, r"x must be integer labels, at least one; got float64 \(1,\)"),
        ([], None, r"x must be integer labels, at least one; got float64 \(0,\)"),
        (["cat"], None, "x must be integer labels, at least one; got <U3"),
        ([0], 0, "num_classes must be an integer of at least 1; got 0"),
    ],
)
def test_bad_labels(labels, classes, message):
    with pytest.raises(ValueError, match=message):
        utils.to_categorical(labels, classes)


@pytest.mark.smoke
def test_a_seed_for_pythons_and_numpys_own_numbers():
    before, numpy_before = random.getstate(), np.random.get_state()
    try:
        seen = []
        for _ in range(2):
            utils.set_random_seed(7)
            seen.append((random.random(), np.random.rand()))
        assert seen[0] == seen[1]
    finally:
        random.setstate(before)
        np.random.set_state(numpy_before)
    with pytest.raises(ValueError, match="seed must be an integer of at least 0; got -1"):
        utils.set_random_seed(-1)


@pytest.mark.smoke
def test_a_name_that_is_not_here_says_what_is():
    with pytest.raises(TypeError, match=r"convlens has no plot_model: model.summary\(\) shows the layers as a table"):
        utils.plot_model(None)
