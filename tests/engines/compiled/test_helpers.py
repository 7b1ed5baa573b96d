"""Helper threads run each piece of a job once, whether they were asleep or awake, and none keeps running afterwards."""

from __future__ import annotations

import time

import numpy as np
import pytest

pytest.importorskip("numba")

from convlens.engines.compiled import helpers as helpers_module
from convlens.engines.compiled import operation
from convlens.engines.compiled.helpers import Helpers
from convlens.engines.compiled.kernel import Memory, Place, Slot, kernel
from convlens.engines.compiled.operation import Plan, _Pieces

EXAMPLE = 3  # numbers of each example


@kernel
def count(m: Memory, x: Place, examples: int, own: Place) -> None:
    """Add 1 to each number of the examples and to the counter of the piece."""
    for at in range(x, x + EXAMPLE * examples):
        m[at] += 1
    m[own] += 1


class Counts:
    """A job that counts how often each example and each piece was done."""

    def __init__(self, pieces, threads, examples=11):
        self.x, self.own = np.zeros((examples, EXAMPLE), np.float32), np.zeros(pieces, np.float32)
        plan = Plan(
            lambda n: [count(x=Slot("x"), examples=n, own=Slot("own"))], examples, pieces, {"x": EXAMPLE}, {"own": 1}
        )
        self.pieces = _Pieces(plan, self.x.dtype, threads)

    def run(self, helpers):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(operation, "helpers", lambda threads: helpers)
            self.pieces.run({"x": self.x, "own": self.own})

    def all_equal(self, times):
        return bool((self.x == times).all() and (self.own == times).all())


@pytest.mark.parametrize("pieces", [1, 2, 3, 8])
@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_each_piece_is_done_once(threads, pieces):
    helpers, counts = Helpers(threads), Counts(pieces, threads)
    for times in range(1, 60):
        counts.run(helpers)
        assert counts.all_equal(times)


def becomes_true(condition):
    """Wait up to 2 s; return whether the condition became true."""
    for _ in range(2000):
        if condition():
            return True
        time.sleep(0.001)
    return False


def test_helpers_that_went_to_sleep_are_woken():
    helpers, counts = Helpers(2), Counts(2, 2)
    for times in range(1, 5):
        counts.run(helpers)
        assert becomes_true(lambda: helpers.states() == ["asleep"])
        assert counts.all_equal(times)


def test_a_helper_called_without_work_goes_back_to_sleep():
    helpers, counts = Helpers(2), Counts(2, 2)
    for times in range(1, 4):
        for _ in range(3):
            helpers._wake(0)
            assert becomes_true(helpers._sleep[0].locked), "the helper must sleep again; it still runs"
        counts.run(helpers)
        assert counts.all_equal(times)


def test_helpers_that_another_thread_uses_are_not_waited_for():
    helpers, counts = Helpers(2), Counts(4, 2)
    helpers._free.acquire()
    counts.run(helpers)
    assert counts.all_equal(1)
    assert helpers.states() == ["asleep"]


def test_a_helper_that_does_not_come_is_not_waited_for(monkeypatch):
    helpers, counts = Helpers(2), Counts(4, 2)
    monkeypatch.setattr(Helpers, "_wake", lambda self, k: None)
    for times in range(1, 4):
        counts.run(helpers)
        assert counts.all_equal(times)
        assert helpers.states() == ["awake"]


def test_a_helper_that_comes_late_takes_part_in_the_next_job(monkeypatch):
    helpers, counts = Helpers(2), Counts(4, 2)
    with monkeypatch.context() as patch:
        patch.setattr(Helpers, "_wake", lambda self, k: None)
        counts.run(helpers)
    helpers._wake(0)
    assert becomes_true(lambda: helpers.states() == ["asleep"])
    counts.run(helpers)
    assert counts.all_equal(2)
    assert becomes_true(lambda: helpers.states() == ["asleep"])


def test_after_ctrl_c_the_helpers_work_again(monkeypatch):
    helpers, counts, next_counts = Helpers(2), Counts(2, 2), Counts(2, 2)

    def interrupt(self, k):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Helpers, "_wake", interrupt)
        counts.run(helpers)
    assert helpers.states() == ["awake"], "the helper, which sleeps, must have been called back"
    next_counts.run(helpers)
    assert next_counts.all_equal(1)
    assert counts.all_equal(0), "nobody waits for the interrupted job, so nobody must do it later"
    assert becomes_true(lambda: helpers.states() == ["asleep"]), "the helper must have been woken"


def test_more_threads_than_cores_do_not_spin(monkeypatch):
    monkeypatch.setattr(helpers_module, "usable_threads", lambda: 2)
    assert Helpers(3)._spins == 0
    assert Helpers(2)._spins > 0
