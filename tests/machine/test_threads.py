"""After training the process is as before: the threads of BLAS and of convlens, and NumPy's error settings."""

import gc
import os
import threading

import numpy as np
import pytest
from tests.support import small
from tests.support.small import patterns, tiny
from threadpoolctl import threadpool_info

import convlens
from convlens.machine.threads import usable_threads, workers
from convlens.nn import Adam
from convlens.training import evaluate, fit, train


def weights_after(threads):
    model = tiny()
    fit(model, *patterns(), optimizer=Adam(0.01), epochs=2, threads=threads)
    return model.flat.tobytes()


def blas_threads():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


@pytest.mark.smoke
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs a system with CPU affinity, such as Linux")
def test_usable_threads_follow_the_cpu_affinity():
    allowed = os.sched_getaffinity(0)
    try:
        for count in range(1, len(allowed) + 1):
            os.sched_setaffinity(0, sorted(allowed)[:count])
            assert usable_threads() == count
    finally:
        os.sched_setaffinity(0, allowed)


def closed(events):
    next(events)
    events.close()


def abandoned(events):
    next(events)


def interrupted(events):
    with pytest.raises(KeyboardInterrupt):
        events.throw(KeyboardInterrupt)


def exhausted(events):
    list(events)


@pytest.fixture(scope="module", autouse=True)
def trained():
    """Train once first: training may load a library with its own BLAS, and an engine keeps its threads, asleep."""
    weights_after(3)


@pytest.mark.parametrize("end", [closed, abandoned, interrupted, exhausted])
def test_blas_and_threads_are_as_before(end):
    before, threads = blas_threads(), threading.active_count()
    events = train(tiny(), *patterns(), optimizer=Adam(), threads=3)
    next(events)
    assert blas_threads() == [1] * len(before)
    end(events)
    del events
    gc.collect()
    assert blas_threads() == before
    assert threading.active_count() == threads


def test_blas_and_threads_are_as_before_an_error():
    before, threads = blas_threads(), threading.active_count()

    class Broken(Adam):
        def update(self, weights, gradient):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(tiny(), *patterns(), optimizer=Broken(), threads=3)
    evaluate(tiny(), *patterns(), threads=3)
    assert blas_threads() == before
    assert threading.active_count() == threads


def test_blas_is_as_before_trainings_that_overlap():
    before = blas_threads()
    one = train(tiny(), *patterns(), optimizer=Adam())
    two = train(tiny(), *patterns(), optimizer=Adam())
    next(one)
    next(two)
    one.close()
    assert blas_threads() == [1] * len(before)  # the training `two` has not ended
    two.close()
    assert blas_threads() == before


def test_trainings_in_several_threads_do_not_disturb_each_other():
    before, expected, results = blas_threads(), weights_after(1), []
    workers = [threading.Thread(target=lambda: results.append(weights_after(2))) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert results == [expected] * 4
    assert blas_threads() == before


def test_the_callers_floating_point_settings_are_restored():
    digits = small.digits(32, 10)
    with np.errstate(all="raise"):
        events = train(convlens.lenet5(), digits.x_train, digits.y_train, optimizer=Adam(1e6))
        next(events)
        assert np.geterr()["over"] == "raise"
        events.close()


def test_no_more_threads_start_than_there_are_pieces(monkeypatch):
    before = threading.active_count()
    with workers(10**9) as pool:
        assert pool.map(lambda k: k * k, 3) == [0, 1, 4]
        assert threading.active_count() <= before + 2
        monkeypatch.setattr(threading.Thread, "start", no_more_threads)
        assert pool.map(lambda k: k * k, 9) == [k * k for k in range(9)]
    assert threading.active_count() == before


def no_more_threads(thread):
    raise RuntimeError("can't start new thread")
