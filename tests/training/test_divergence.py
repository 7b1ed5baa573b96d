"""A learning rate that is too high is told once, with the place and a lower rate."""

import math

import pytest

from convlens.training.divergence import Divergence
from convlens.training.events import Batch, Epoch

CLASSES, CHANCE = 10, math.log(10)


def told(*epochs, rate=0.01):
    """Feed the losses of batches, a list for each epoch; return what is said, with the number of the event."""
    watch = Divergence(CLASSES, rate)
    found: list[tuple[tuple[int, int | str], str]] = []
    for epoch, losses in enumerate(epochs, 1):
        for k in range(1, len(losses) + 1):
            mean = sum(losses[:k]) / k
            event = Batch(epoch, k, len(losses), 32 * k, 1.0, mean, 0.1)
            if said := watch(event):
                found.append(((epoch, k), said))
        if said := watch(Epoch(epoch, 1.0, 1.0, mean, 0.1, mean, 0.1)):
            found.append(((epoch, "end"), said))
    return found


def test_a_loss_that_falls_says_nothing():
    assert told([3 * 0.97**k for k in range(200)], [0.2] * 50) == []
    assert told([9.0] * 3 + [2.0] * 30 + [0.5] * 200) == []  # high at the start
    assert told([2.3, 1.0, 0.5, 9.0] + [0.5] * 200) == []  # one bad batch


def test_a_loss_that_rises_after_it_had_fallen_is_told_once():
    ((place, said),) = told([1.0] * 50 + [20.0] * 100)
    assert place == (1, 52)
    assert said == (
        f"the loss rises: {1 + 19 * (1 - 0.9**2) / (1 - 0.9**52):.2f} in epoch 1, batch 52, and chance is 2.30; "
        "a lower learning rate may help, such as 0.001"
    )
    ((place, _),) = told([1.0] * 50, [20.0] * 100, [20.0] * 100)
    assert place == (2, 2)


@pytest.mark.parametrize(
    ("first", "advice"),
    [
        (50.0, "a lower learning rate may help, such as 0.001"),
        (2.31, "another learning rate may help, such as 0.001 or 0.1"),
    ],
)
def test_an_epoch_at_chance_is_told_once(first, advice):
    losses = [2.4, *([first] * 20), *([CHANCE] * 200)]
    ((place, said),) = told(losses, losses)
    assert place == (1, "end")
    assert said == f"epoch 1 ends no better than chance, 2.30 for 10 classes; {advice}"


def test_a_few_batches_at_chance_say_nothing():
    assert told([CHANCE] * 90) == []


def test_one_class_has_no_chance():
    watch = Divergence(1, 0.1)
    assert {watch(Batch(1, k, 150, 32 * k, 1.0, 0.0, 1.0)) for k in range(1, 151)} == {None}
    assert watch(Epoch(1, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0)) is None
