"""Single convolutions with channels in lanes: against the NumPy engine, for any threads, and with bad numbers."""

import itertools

import numpy as np
import pytest

pytest.importorskip("numba")

from numpy.testing import assert_allclose, assert_array_equal

from convlens.engines import get_engine, numpy_engine
from convlens.engines.compiled import pixel_calls, single, single_calls, winograd
from convlens.engines.compiled.registers import BYTES
from convlens.engines.compiled.room import Room
from convlens.engines.padding import NO_PADS, pad
from convlens.engines.specs import Conv

ENGINE = get_engine("numba")
CACHES = (single._convolution, single._gradient, pixel_calls._gradient)
# examples, output, kernel, stride, unused rows and columns, ci, co
CASES = {
    "a vector": (3, (5, 7), (3, 2), (1, 1), (0, 0), 16, 16),
    "partly filled blocks": (2, (4, 9), (2, 3), (1, 1), (0, 0), 19, 43),
    "strides, unused": (2, (3, 5), (3, 4), (2, 3), (1, 2), 24, 40),
    "stride above the kernel": (2, (4, 3), (1, 2), (3, 4), (2, 1), 16, 32),
    "few channels in, wide rows": (2, (3, 5), (2, 11), (3, 2), (2, 0), 3, 32),
    "few channels in": (3, (3, 5), (2, 3), (1, 1), (0, 0), 3, 16),
    "half a block": (2, (3, 4), (2, 2), (1, 1), (0, 0), 16, 9),
    "3 × 3": (5, (9, 6), (3, 3), (1, 1), (0, 0), 32, 48),
    "3 × 3, one example": (1, (13, 21), (3, 3), (1, 1), (0, 0), 64, 128),
    "3 × 3, many groups": (37, (4, 5), (3, 3), (1, 1), (0, 0), 32, 16),
    "3 × 3, stride": (3, (4, 5), (3, 3), (2, 1), (1, 0), 16, 16),
    "5 × 5": (5, (9, 6), (5, 5), (1, 1), (0, 0), 32, 48),
    "5 × 5, one example": (1, (13, 21), (5, 5), (1, 1), (0, 0), 64, 128),
    "few channels, one in": (2, (5, 7), (3, 2), (1, 1), (0, 0), 1, 32),
    "few channels, two in, strides above the kernel": (2, (4, 3), (1, 2), (3, 4), (2, 1), 2, 5),
    "few channels, four in, long rows": (3, (3, 50), (3, 3), (1, 1), (0, 0), 4, 33),
    "few channels, five in, strides": (5, (4, 5), (3, 5), (2, 3), (1, 2), 5, 21),
    "few channels out": (2, (5, 4), (2, 3), (1, 2), (0, 1), 19, 4),
    "squares, 3 × 3 of them": (2, (9, 6), (11, 11), (4, 4), (0, 0), 3, 96),
    "squares, unequal strides, unused": (3, (5, 9), (10, 9), (4, 3), (1, 5), 4, 32),
    "squares of vectors": (1, (7, 6), (5, 5), (2, 2), (1, 0), 16, 16),
    "squares, 5 × 5 of them": (2, (9, 5), (9, 10), (2, 2), (0, 1), 4, 48),
    "one output": (3, (1, 1), (4, 3), (1, 1), (0, 0), 32, 32),
}
TOLERANCE = {"float32": 1e-5, "float64": 1e-13}
named = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
dtypes = pytest.mark.parametrize("dtype", TOLERANCE)


def arrays(case, dtype, seed=0):
    """x, w, b, dy and the stride"""
    n, out, kernel, stride, unused, ci, co = case
    size = [(o - 1) * s + k + u for o, s, k, u in zip(out, stride, kernel, unused, strict=True)]
    rng = np.random.default_rng(seed)
    shapes = ((n, *size, ci), (*kernel, ci, co), (co,), (n, *out, co))
    return *(rng.standard_normal(shape).astype(dtype) for shape in shapes), stride


def results(x, w, b, dy, stride, pads=NO_PADS, *, engine=ENGINE):
    """y, dx, dw"""
    y, dx, dw = (np.full(a.shape, np.nan, a.dtype) for a in (dy, x, w))
    engine.conv2d(x, w, b, stride, y, pads)
    engine.conv2d_dx(dy, w, stride, dx, pads)
    engine.conv2d_dw(dy, x, stride, dw, pads)
    return y, dx, dw


def check(given, dtype):
    wanted = results(*given, engine=numpy_engine)
    for found, want in zip(results(*given), wanted, strict=True):
        assert_allclose(found, want, rtol=0, atol=TOLERANCE[dtype] * np.abs(want).max())


@pytest.fixture
def clear_plans():
    for cache in CACHES:
        cache.cache_clear()
    yield
    for cache in CACHES:
        cache.cache_clear()


@dtypes
@named
def test_as_numpy(case, dtype):
    check(arrays(case, dtype), dtype)


@pytest.mark.parametrize("pads", [((1, 2), (0, 1)), ((3, 0), (4, 1))])
@pytest.mark.parametrize(
    "name",
    [
        "partly filled blocks",
        "strides, unused",
        "3 × 3",
        "few channels in, wide rows",
        "few channels, four in, long rows",
        "few channels, five in, strides",
        "squares, 3 × 3 of them",
        "squares, unequal strides, unused",
        "squares of vectors",
    ],
)
def test_the_engine_adds_the_frame_of_x(name, pads):
    x, w, b, dy, stride = arrays(CASES[name], "float32")
    inside = x[:, pads[0][0] : x.shape[1] - pads[0][1], pads[1][0] : x.shape[2] - pads[1][1]].copy()
    y, dxp, dw = results(pad(inside, pads), w, b, dy, stride, engine=numpy_engine)
    dx = dxp[:, pads[0][0] : x.shape[1] - pads[0][1], pads[1][0] : x.shape[2] - pads[1][1]]
    for engine in (ENGINE, numpy_engine):
        for found, want in zip(results(inside, w, b, dy, stride, pads, engine=engine), (y, dx, dw), strict=True):
            assert_allclose(found, want, rtol=0, atol=1e-5 * np.abs(want).max())


def test_dx_that_no_window_sees_is_zero():
    dy, w, dx = np.ones((2, 1, 1, 5)), np.ones((1, 1, 3, 5)), np.full((2, 1, 1, 3), np.nan)
    for engine in (ENGINE, numpy_engine):
        engine.conv2d_dx(dy, w, (2, 2), dx, ((1, 0), (1, 0)))
        assert_array_equal(dx, 0)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        *itertools.product(["3 × 3", "3 × 3, one example", "3 × 3, many groups"], [2, 4]),
        *itertools.product(["5 × 5", "5 × 5, one example"], [2]),
    ],
)
def test_every_size_of_tile_as_numpy(monkeypatch, name, size):
    monkeypatch.setattr(winograd, "chosen", lambda spec, wide, n: winograd.Form(size, spec.kernel[0]))
    check(arrays(CASES[name], "float32"), "float32")


@pytest.mark.parametrize(
    "name",
    [
        "partly filled blocks",
        "3 × 3",
        "3 × 3, one example",
        "3 × 3, many groups",
        "few channels, four in, long rows",
        "few channels, five in, strides",
        "squares, unequal strides, unused",
    ],
)
def test_the_bits_do_not_depend_on_the_threads(monkeypatch, clear_plans, name):
    given = arrays(CASES[name], "float32")
    wanted = results(*given)
    for threads in (1, 3):
        for cache in CACHES:
            cache.cache_clear()
        for module in (single, pixel_calls):
            monkeypatch.setattr(module, "_THREADS", threads)
        for found, want in zip(results(*given), wanted, strict=True):
            assert_array_equal(found, want)


def test_pieces_and_groups_of_every_size(monkeypatch, clear_plans):
    """Each way to cut gives the same y and dx, and the same dw but for rounding."""
    given = arrays(CASES["3 × 3, many groups"], "float32")
    y, dx, dw = results(*given)
    for most, cut in itertools.product((1, 5, 40), (1, 4)):
        for cache in CACHES:
            cache.cache_clear()
        monkeypatch.setattr(single, "_group", lambda spec, n, itemsize, most=most: most)
        monkeypatch.setattr(single, "pieces", lambda n, work, cut=cut: cut)
        found = results(*given)
        assert_allclose(found[0], y, rtol=0, atol=1e-5 * np.abs(y).max())
        assert_allclose(found[1], dx, rtol=0, atol=1e-5 * np.abs(dx).max())
        assert_allclose(found[2], dw, rtol=0, atol=1e-5 * np.abs(dw).max())


def by_the_formula(x, w, b, dy, stride):
    """y, dx, dw; the NumPy engine multiplies numbers outside of a window with 0."""
    y, dx, dw = np.zeros_like(dy) + b, np.zeros_like(x), np.empty_like(w)
    for a, d in np.ndindex(*w.shape[:2]):
        rows, columns = (
            slice(first, first + (out - 1) * step + 1, step)
            for first, out, step in zip((a, d), dy.shape[1:3], stride, strict=True)
        )
        seen = x[:, rows, columns]
        y += np.einsum("nijc,co->nijo", seen, w[a, d])
        dx[:, rows, columns] += np.einsum("nijo,co->nijc", dy, w[a, d])
        dw[a, d] = np.einsum("nijc,nijo->co", seen, dy)
    return y, dx, dw


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize(
    "name",
    [
        "3 × 3",
        "5 × 5",
        "partly filled blocks",
        "few channels, five in, strides",
        "squares, 3 × 3 of them",
        "squares, 5 × 5 of them",
    ],
)
def test_a_number_that_is_not_finite_changes_what_the_formula_says(name, bad):
    """Winograd's algorithm would spread it over a tile, to outputs whose windows do not see it."""
    x, w, b, dy, stride = arrays(CASES[name], "float32")
    x[1, 2, 3, -1] = dy[0, 2, 1, 3] = bad
    given = x, w, b, dy, stride
    for found, want in zip(results(*given), by_the_formula(*given), strict=True):
        finite = np.isfinite(want)
        assert 0 < finite.sum() < finite.size
        assert_array_equal(np.isfinite(found), finite)
        assert_allclose(found[finite], want[finite], rtol=0, atol=1e-5 * np.abs(want[finite]).max())


def test_a_result_that_only_the_algorithm_makes_too_large_is_computed_directly():
    x, w, b, dy, stride = arrays(CASES["3 × 3"], "float32")
    check((x * np.float32(2e37), w * np.float32(1e-2), b, dy * np.float32(1e-2), stride), "float32")


@pytest.mark.parametrize("name", ["3 × 3", *(name for name in CASES if name.startswith("squares"))])
def test_winograd_can_be_switched_off(monkeypatch, name):
    given = arrays(CASES[name], "float32")
    on = results(*given)
    monkeypatch.setenv("CONVLENS_WINOGRAD", "off")
    for k, (one, other) in enumerate(zip(on, results(*given), strict=True)):
        assert (one != other).any() or (k == 1 and name != "3 × 3")  # dx has no squares of pixels
        assert_allclose(one, other, rtol=0, atol=1e-5 * np.abs(one).max())


@pytest.mark.parametrize("name", ["3 × 3, one example", "3 × 3, many groups", "partly filled blocks"])
def test_dw_is_cut_into_pieces_of_examples_or_parts_of_channels(name):
    n, out, kernel, stride, _, ci, co = CASES[name]
    spec = single.spec_of((n, *out, ci), (*kernel, ci, co), stride, (n, *out, co), NO_PADS)
    cut, parts = single._cut(spec, n, None, BYTES // 4)
    assert 1 <= cut <= n and cut * parts <= 8
    assert parts == 1 or co % (parts * BYTES // 4) == 0


@pytest.mark.parametrize("form", [winograd.Form(2, 3), winograd.Form(4, 3), winograd.Form(2, 5), None])
@pytest.mark.parametrize(("h", "w"), [(5, 9), (7, 7), (13, 11), (28, 30)])
@pytest.mark.parametrize(("ci", "co"), [(16, 16), (32, 96), (64, 64), (256, 128)])
def test_the_memory_for_many_examples_is_enough_for_fewer(ci, co, h, w, form):
    """A thread's memory is planned for the largest group of examples; the last group is smaller."""
    taps = form.taps if form else 3
    spec = Conv((h + taps - 1, w + taps - 1), ci, (h, w), co, (taps, taps), (1, 1), ((0, 0), (0, 0)))
    for make in (single_calls.forward, single_calls.dx, lambda *given: single_calls.dw(spec, co, *given[1:])):
        rooms = []
        for examples in range(1, 17):
            room = Room(4)
            make(spec, examples, form, room)
            rooms.append(room.size)
        assert rooms == sorted(rooms)


def test_operations_run_at_the_same_time_in_several_threads(clear_plans):
    from concurrent.futures import ThreadPoolExecutor

    cases = [arrays(CASES["3 × 3, many groups"], "float32", seed) for seed in range(6)]
    wanted = [results(*given) for given in cases]
    with ThreadPoolExecutor(3) as pool:
        for found, want in zip(pool.map(lambda given: results(*given), cases * 5), wanted * 5, strict=True):
            for one, other in zip(found, want, strict=True):
                assert_array_equal(one, other)
