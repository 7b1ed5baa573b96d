"""Schedules: the learning rate of each epoch."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.small import patterns, tiny

from convlens.nn import SGD, StepDecay
from convlens.training import Epoch, fit, train

pytestmark = pytest.mark.smoke


@given(
    rate=st.floats(1e-4, 10),
    epochs=st.lists(st.integers(2, 40), unique=True, max_size=5).map(sorted).map(tuple),
    by=st.floats(1.01, 20),
)
def test_the_rate_is_divided_at_the_start_of_the_given_epochs(rate, epochs, by):
    schedule, want = StepDecay(rate, epochs, by), rate
    for epoch in range(1, 45):
        if epoch in epochs:
            want /= by
        assert schedule(epoch) == pytest.approx(want, rel=1e-12)
        assert type(schedule(epoch)) is float


def test_the_paper_divides_by_ten_three_times():
    schedule = StepDecay(0.01, (24, 47, 70))
    assert [schedule(epoch) for epoch in (1, 23, 24, 46, 47, 69, 70, 90)] == [
        *(0.01, 0.01),
        *(0.001, 0.001),
        *(0.0001, 0.0001),
        *(0.00001, 0.00001),
    ]


def test_schedules_are_values():
    assert StepDecay(0.1, (3,)) == StepDecay(0.1, (3,), 10.0) != StepDecay(0.1, (4,))
    assert hash(StepDecay(0.1, (3,))) == hash(StepDecay(0.1, (3,)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        StepDecay(0.1, (3,)).by = 2  # type: ignore[misc]  # on purpose


ILLEGAL = {
    "no rate": (lambda: StepDecay(0, (3,)), "learning_rate must be a number above 0; got 0"),
    "rate NaN": (lambda: StepDecay(math.nan, (3,)), "learning_rate must be a number above 0; got nan"),
    "by 1": (lambda: StepDecay(0.1, (3,), 1), "by must be a number above 1; got 1"),
    "by infinite": (lambda: StepDecay(0.1, (3,), math.inf), "by must be a number above 1; got inf"),
    "one epoch": (
        lambda: StepDecay(0.1, 3),  # type: ignore[arg-type]  # on purpose
        "epochs must be a tuple of integers; got 3",
    ),
    "the first epoch": (lambda: StepDecay(0.1, (1, 3)), "each of epochs must be an integer of at least 2; got 1"),
    "half an epoch": (
        lambda: StepDecay(0.1, (2.5,)),  # type: ignore[arg-type]  # on purpose
        "each of epochs must be an integer of at least 2; got 2.5",
    ),
    "twice": (lambda: StepDecay(0.1, (3, 3)), "epochs must be in increasing order; got (3, 3)"),
    "backwards": (lambda: StepDecay(0.1, (5, 3)), "epochs must be in increasing order; got (5, 3)"),
    "epoch 0": (lambda: StepDecay(0.1, (3,))(0), "epoch must be an integer of at least 1; got 0"),
}


@pytest.mark.parametrize(("make", "message"), ILLEGAL.values(), ids=ILLEGAL)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError) as caught:
        make()
    assert str(caught.value) == message


def test_fit_trains_each_epoch_at_its_rate():
    x, y = patterns(40)
    optimizer, seen = SGD(7.0), []

    def note(event):
        if isinstance(event, Epoch):
            seen.append(optimizer.learning_rate)

    fit(tiny(), x, y, optimizer=optimizer, epochs=4, schedule=StepDecay(0.2, (2, 4), 2), callbacks=[note])
    assert seen == [0.2, 0.1, 0.1, 0.05]
    by_hand, model = tiny(), tiny()
    fit(model, x, y, optimizer=SGD(1.0, 0.9), epochs=3, schedule=StepDecay(0.2, (3,)))
    other = SGD(0.2, 0.9)
    list(train(by_hand, x, y, optimizer=other, epochs=2))
    other.learning_rate = 0.02
    list(train(by_hand, x, y, optimizer=other, epochs=3, first_epoch=3))
    assert by_hand.flat.tobytes() == model.flat.tobytes()


@pytest.mark.parametrize("rate", [0, -0.1, math.nan, math.inf])
def test_fit_refuses_a_rate_that_is_not_a_valid_number(rate):
    with pytest.raises(ValueError) as caught:
        fit(tiny(), *patterns(40), epochs=3, schedule=lambda epoch: rate if epoch == 2 else 0.1)
    assert str(caught.value) == f"schedule must give a learning rate above 0; got {float(rate)!r} for epoch 2"


def test_a_numpy_rate_gives_the_same_bits_as_a_python_number():
    def after(kind):
        model = tiny()
        fit(
            model,
            *patterns(40),
            optimizer=SGD(1.0, 0.9, coupled_weight_decay=0.01),
            epochs=2,
            schedule=lambda epoch: kind(0.1 / epoch),
        )
        return model.flat.tobytes()

    assert after(float) == after(np.float64)
