"""The fused pass on several threads: its result must not depend on which thread is first."""

import pytest

pytest.importorskip("numba")

import convlens
from convlens.engines.compiled.fused import FusedPass, _Batch


def test_no_two_threads_play_the_same_tape():
    fused = convlens.lenet5(engine="numba").fused
    assert isinstance(fused, FusedPass)
    batch = _Batch(fused, 90, 3)
    by_thread = [set(column) for column in batch.tapes.T.tolist()]
    assert sum(map(len, by_thread)) == len(set.union(*by_thread))
