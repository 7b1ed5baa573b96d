"""The engine browser: what it needs, how it starts, fails and ends, and how large arrays travel."""

import subprocess
import sys
import threading
from typing import NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.engines.test_kernels import CASES, conv_arrays, conv_kernels, pool_kernels
from tests.support import small

from convlens.engines import get_engine, numpy_engine


@pytest.fixture(scope="module")
def chromium(browser_engine):
    """The module that starts Chromium"""
    from convlens.engines.browser import chromium

    return chromium


def test_without_playwright_it_is_refused(lacking):
    lacking("playwright")
    with pytest.raises(ImportError, match=r"^the engine browser needs Playwright: pip install 'convlens\[browser\]'$"):
        get_engine("browser")


def test_without_chromium_it_is_refused(monkeypatch, chromium):
    monkeypatch.delenv("CONVLENS_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", "")
    message = "^the engine browser needs Chromium: apt install chromium, or its path in CONVLENS_CHROMIUM$"
    with pytest.raises(ImportError, match=message):
        get_engine("browser")


def test_auto_never_chooses_it(lacking, browser_engine):
    lacking("numba")
    assert get_engine("auto").name == "numpy"


def arrays(seed, n=3):
    rng = np.random.default_rng(seed)
    shapes = (n, 5, 7, 2), (2, 3, 2, 3), (3,), (n, 4, 5, 3)
    return [rng.standard_normal(shape) for shape in shapes]


def convolved(engine, seed):
    xp, w, b, y = arrays(seed)
    engine.conv2d(xp, w, b, (1, 1), y)
    return y


def test_a_chromium_that_does_not_start_or_refuses_is_an_error_and_the_next_call_starts_another(monkeypatch, chromium):
    with monkeypatch.context() as changed:
        changed.setenv("CONVLENS_CHROMIUM", "/bin/false")
        started = chromium.Chromium()
        with pytest.raises(OSError, match=r"^the engine browser: Chromium failed: "):
            started.call("adam", [], [])
    with pytest.raises(OSError, match=r"is not a function$"):
        started.call("conv3d", [], [])
    ones = {"shape": [2], "dtype": "float32", "data": "AACAPwAAgD8="}
    assert started.call("adam", [ones, ones, ones, ones, 0, 0.5, 0.5, 0], [0]) == [ones["data"]]
    started.close()


def test_several_threads_get_their_own_results(browser_engine):
    found: dict[int, np.ndarray] = {}
    threads = [threading.Thread(target=lambda k=k: found.setdefault(k, convolved(browser_engine, k))) for k in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 5
    for seed, y in found.items():
        assert_allclose(y, convolved(numpy_engine, seed), rtol=1e-12, atol=1e-12)


def kernels(engine):
    """What each kernel computes of five examples"""
    xp, w, b, dy = arrays(0, n=5)
    y, dxp, dw = np.full(dy.shape, np.nan), np.full(xp.shape, np.nan), np.full(w.shape, np.nan)
    most, dmost, sums, dsums = (np.full(shape, np.nan) for shape in 2 * ((5, 2, 3, 2), xp.shape))
    engine.conv2d(xp, w, b, (1, 1), y)
    engine.conv2d_dx(dy, w, (1, 1), dxp)
    engine.conv2d_dw(dy, xp, (1, 1), dw)
    pools = (2, 3), (3, 2)
    engine.max_pool2d(xp, *pools, most)
    engine.max_pool2d_dx(most, xp, most, *pools, "all", dmost)
    engine.sum_pool2d(xp, *pools, sums)
    engine.sum_pool2d_dx(sums, *pools, dsums)
    return y, dxp, dw, most, dmost, sums, dsums


@pytest.mark.parametrize("most", [1, 900])
def test_a_large_batch_travels_in_parts(browser_engine, monkeypatch, most):
    whole = kernels(browser_engine)
    monkeypatch.setattr(browser_engine, "_MOST", most)
    for got, want in zip(kernels(browser_engine), whole, strict=True):
        assert_allclose(got, want, rtol=1e-13, atol=1e-13)


def test_adam_changes_its_three_arrays_in_place(browser_engine, rng):
    start = rng.standard_normal((4, 7))
    start[2] **= 2
    mine, wanted = start.copy(), start.copy()
    for engine, (w, m, v, g) in ((browser_engine, mine), (numpy_engine, wanted)):
        engine.adam(w, m, v, g, np.float32(0.25), 0.75, 0.5, 1e-7)
    assert_allclose(mine, wanted, rtol=1e-14)
    assert (mine[:3] != start[:3]).all()
    assert_array_equal(mine[3], start[3])


@pytest.mark.parametrize(("dtype", "most"), [("float32", 1e-5), ("float64", 1e-12)])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_kernels_are_as_exact_as_the_type_allows(browser_engine, case, dtype, most):
    """The largest error relative to the largest number, against NumPy in float64. Half of dy is 0, as after a ReLU."""
    given = [a.astype(dtype) for a in conv_arrays(np.random.default_rng(8), case, dtype)]
    dy = np.random.default_rng(9).standard_normal((case.n, *case.out, case.ci)).astype(dtype)
    for gradient in (given[2], dy):
        gradient[np.random.default_rng(10).random(gradient.shape) < 0.5] = 0
    results = []
    for engine, kind in ((browser_engine, dtype), (numpy_engine, "float64")):
        xp, w, d = (a.astype(kind) for a in given)
        pooled = pool_kernels(engine, xp, dy.astype(kind), case)
        results.append([*conv_kernels(engine, xp, w, d, case.stride), *pooled.values()])
    for got, want in zip(*results, strict=True):
        assert got.dtype == dtype
        assert np.abs(got - want).max() <= most * np.abs(want).max()


class Request(NamedTuple):
    url: str


class Route:
    """A request of the page that notes its answer"""

    def __init__(self, url):
        self.request, self.answer = Request(url), None

    def fulfill(self, body, content_type):
        self.answer = content_type

    def abort(self):
        self.answer = "none"


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("https://convlens.invalid/", "text/html"),
        ("https://convlens.invalid/kernels/adam.js", "text/javascript"),
        ("https://convlens.invalid/kernels/none.js", "none"),
        ("https://convlens.invalid/kernels", "none"),
        ("https://convlens.invalid/../engine.py", "none"),
        ("https://other.invalid/kernels/adam.js", "none"),
        ("file:///etc/hostname", "none"),
    ],
)
def test_the_page_gets_its_modules_and_nothing_else(chromium, url, answer):
    route = Route(url)
    chromium._answer(route)
    assert route.answer == answer


def test_a_program_that_used_it_ends_without_a_word(browser_engine):
    program = """
import numpy as np
from convlens import ops
from convlens.engines import get_engine
x = np.arange(12.0).reshape(1, 3, 4, 1)
print(ops.max_pool2d_forward(x, (3, 2), engine=get_engine("browser")).ravel().tolist())
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, env=small.environment()
    )
    assert (done.stdout, done.stderr, done.returncode) == ("[9.0, 11.0]\n", "", 0)
