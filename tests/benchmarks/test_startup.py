"""Tests of the benchmark of start-up times."""

import sys

import pytest
from benchmarks import startup

STATES = {"compiled": (6.0, 9.0), "linked": (0.3, 0.2)}


def test_the_first_batch_stands_beside_what_is_asked_and_the_aim(monkeypatch):
    seen = set()

    def spent(command, changes):
        state = "linked" if changes["NUMBA_CACHE_DIR"] in seen else "compiled"
        seen.add(changes["NUMBA_CACHE_DIR"])
        return STATES[state]

    monkeypatch.setattr(startup, "_spent", spent)
    rows = startup.batches()
    last = [(row.what.partition("kernels ")[2], row.asked, row.measured, row.ok) for row in rows[-4:]]
    assert last == [
        ("compiled", "asked 8 s, aim 5", 6.0, True),
        ("compiled, processor time", "asked 8 s, aim 5", 9.0, False),
        ("linked", "", 0.3, True),
        ("linked, processor time", "", 0.2, True),
    ]
    assert [row.asked for row in rows[2:4]] == ["asked 0.4 s, aim 0.25"] * 2
    assert len(seen) == 3 * startup.SLOW_ROUNDS  # each starts from an empty folder


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell the processor time of ended processes")
def test_the_processor_time_of_a_command_is_measured():
    seconds, processor = startup._spent([sys.executable, "-c", "sum(range(5_000_000))"])
    assert 0 < processor <= 2 * seconds
