"""What `loss_gradient` is given is checked before compiled code sees it: it would read and write foreign memory."""

import re
from typing import Any

import numpy as np
import pytest
from tests.support import small

from convlens.nn import Conv2D, Dense, Flatten, Sequential


def network(engine):
    layers = [Conv2D(2, (2, 3), activation="relu"), Flatten(), Dense(3)]
    return Sequential(layers, (5, 4, 1), engine=engine.name)


@pytest.mark.parametrize("threads", [0, -1, 1.5, None, True])
def test_threads_must_be_a_number_of_at_least_1(engine, threads: Any):
    model = network(engine)
    with pytest.raises(ValueError, match=re.escape(f"threads must be an integer of at least 1; got {threads!r}")):
        model.loss_gradient(*small.patterns(20), 1.0, np.zeros_like(model.flat), threads)


def test_more_threads_than_pieces_of_work_are_not_started(engine):
    model = network(engine)
    one, many = np.zeros_like(model.flat), np.zeros_like(model.flat)
    model.loss_gradient(*small.patterns(20), 1.0, one, 1)
    model.loss_gradient(*small.patterns(20), 1.0, many, 10**12)
    assert one.any() and one.tobytes() == many.tobytes()


@pytest.mark.parametrize(
    ("bad", "got"),
    [
        (None, "NoneType"),
        (np.zeros(4, np.float32), "float32 (4,)"),
        (np.broadcast_to(np.float32(0), (65,)), "float32 (65,)"),
        (np.ma.masked_array(np.zeros(65, np.float32)), "MaskedArray"),
    ],
)
def test_the_gradient_must_be_a_vector_like_the_weights(engine, bad: Any, got):
    model = network(engine)
    message = f"gradient must be a vector (65,) that can be written; got {got}"
    with pytest.raises(ValueError, match=re.escape(message)):
        model.loss_gradient(*small.patterns(20), 1.0, bad)
