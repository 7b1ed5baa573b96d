"""Threads that play tapes together: each piece once, asleep or awake, and nobody left at work."""

import time

import numpy as np
import pytest

pytest.importorskip("numba")

from convlens.engines.compiled import helpers as numba_crew
from convlens.engines.compiled.helpers import EXAMPLES, Crew, Each, alike
from convlens.engines.compiled.tape import Kernel, unpack

EXAMPLE = 3  # numbers


@Kernel
def count(m, t):
    """One more on each number of the examples, and on the piece's own"""
    x, examples, own = unpack(t, 3)
    for at in range(x, x + EXAMPLE * examples):
        m[at] += 1
    m[own] += 1


class Counts:
    """A job that counts"""

    def __init__(self, pieces, threads, examples=11):
        self.x, self.own = np.zeros((examples, EXAMPLE), np.float32), np.zeros(pieces, np.float32)
        cuts = [k * examples // pieces for k in range(pieces + 1)]
        arguments = (Each(self.x, EXAMPLE), EXAMPLES, Each(self.own, 0, 1))
        self.job = alike(count, arguments, cuts, self.x.dtype, threads)

    def are(self, times):
        return bool((self.x == times).all() and (self.own == times).all())


@pytest.mark.parametrize("pieces", [1, 2, 3, 8])
@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_each_piece_is_done_once(threads, pieces):
    crew, counts = Crew(threads), Counts(pieces, threads)
    for times in range(1, 60):
        crew.run(counts.job)
        assert counts.are(times)


def until(what):
    for _ in range(2000):
        if what():
            return True
        time.sleep(0.001)
    return False


def test_helpers_that_went_to_sleep_are_woken():
    crew, counts = Crew(2), Counts(2, 2)
    for times in range(1, 5):
        crew.run(counts.job)
        assert until(lambda: crew.states() == ["asleep"])
        assert counts.are(times)


def test_a_call_for_nothing_is_slept_off():
    crew, counts = Crew(2), Counts(2, 2)
    for times in range(1, 4):
        for _ in range(3):
            crew._wake(0)
            assert until(crew._sleep[0].locked), "the helper did not take the call: it is at work on nothing"
        crew.run(counts.job)
        assert counts.are(times)


def test_another_threads_crew_is_not_waited_for():
    crew, counts = Crew(2), Counts(4, 2)
    crew._free.acquire()
    crew.run(counts.job)
    assert counts.are(1)
    assert crew.states() == ["asleep"]


def test_ctrl_c_before_the_helper_is_called_leaves_nothing_undone(monkeypatch):
    crew, counts, next_counts = Crew(2), Counts(2, 2), Counts(2, 2)

    def interrupt(self, k):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Crew, "_wake", interrupt)
        crew.run(counts.job)
    assert crew.states() == ["at work"]
    crew.run(next_counts.job)
    assert counts.are(1)
    assert next_counts.are(1)


def test_more_threads_than_cores_do_not_spin(monkeypatch):
    monkeypatch.setattr(numba_crew, "usable_threads", lambda: 2)
    assert Crew(3)._looks == 0
    assert Crew(2)._looks > 0
