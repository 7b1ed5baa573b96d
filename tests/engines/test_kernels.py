"""Each engine's kernels are compared with the oracle. The tests run for every engine in ENGINES.

Every output array is full of NaN before a kernel writes it, so that a missing cell is found.
"""

import inspect
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from tests.support import oracle
from tests.support.tolerance import Tolerance

from convlens.engines import ENGINES, Engine, get_engine, numpy_engine

TOLERANCE: dict[str, Tolerance] = {"float32": {"rtol": 2e-4, "atol": 2e-4}, "float64": {"rtol": 1e-11, "atol": 1e-11}}
DTYPES = tuple(TOLERANCE)


class Case(NamedTuple):
    """A case given by its number of windows. `size` computes the input size, including `left_over` rows and columns."""

    n: int
    out: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    left_over: tuple[int, int] = (0, 0)
    ci: int = 2
    co: int = 3

    @property
    def size(self):
        parts = zip(self.out, self.kernel, self.stride, self.left_over, strict=True)
        return tuple((windows - 1) * s + k + rest for windows, k, s, rest in parts)


CASES = {
    "plain": Case(2, (3, 4), (2, 3), (1, 1)),
    "kernel of one cell": Case(2, (3, 5), (1, 1), (1, 1), ci=3, co=2),
    "one cell, strides": Case(3, (2, 3), (1, 1), (2, 3), (1, 2)),
    "window = image": Case(3, (1, 1), (4, 5), (2, 1)),
    "one row of windows": Case(2, (1, 6), (3, 2), (2, 1), (1, 0)),
    "one column of windows": Case(2, (5, 1), (2, 4), (1, 3), (0, 2)),
    "even kernel, left over": Case(2, (2, 3), (4, 2), (3, 4), (2, 3)),
    "stride above the kernel": Case(2, (3, 4), (1, 2), (4, 5), (3, 2)),
    "one channel": Case(3, (4, 3), (3, 2), (1, 2), (0, 1), ci=1, co=1),
    "narrower last strip": Case(2, (2, 7), (3, 1), (1, 1), ci=2, co=1),
    "narrower last strip, stride": Case(1, (2, 13), (1, 2), (2, 3), (1, 2), ci=2, co=5),
    "strips overlap": Case(2, (3, 9), (2, 5), (1, 1), ci=1, co=16),
    "strips overlap far": Case(1, (2, 9), (2, 7), (1, 2), (0, 1), ci=1, co=66),
    "many channels": Case(1, (1, 3), (1, 2), (1, 1), ci=67, co=70),
}
named = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
dtypes = pytest.mark.parametrize("dtype", DTYPES)


def upto(most):
    return st.tuples(st.integers(1, most), st.integers(1, most))


def case_of(left_over, stride, **others):
    """A case whose unused rows and columns do not make room for another window."""
    return Case(left_over=(left_over[0] % stride[0], left_over[1] % stride[1]), stride=stride, **others)


any_case = st.builds(
    case_of,
    n=st.integers(1, 3),
    out=st.tuples(st.integers(1, 4), st.integers(1, 16)),
    kernel=upto(4),
    stride=upto(5),
    left_over=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    ci=st.integers(1, 3),
    co=st.integers(1, 3),
)
any_seed = st.integers(0, 2**32 - 1)


def normal(rng, shape, dtype):
    """Random numbers in a read-only array."""
    a = rng.standard_normal(shape).astype(dtype)
    a.flags.writeable = False
    return a


def small_integers(rng, shape, dtype):
    """Small integers in a read-only array: most windows have several maxima."""
    a = rng.integers(-1, 2, shape).astype(dtype)
    a.flags.writeable = False
    return a


def unwritten(shape, dtype):
    return np.full(shape, np.nan, dtype)


def conv_arrays(rng, case, dtype):
    """xp, w, dy"""
    return (
        normal(rng, (case.n, *case.size, case.ci), dtype),
        normal(rng, (*case.kernel, case.ci, case.co), dtype),
        normal(rng, (case.n, *case.out, case.co), dtype),
    )


def bias(w):
    """A different number for each output channel"""
    return np.arange(1, w.shape[3] + 1).astype(w.dtype) / 8


def conv_kernels(engine, xp, w, dy, stride):
    """y, dxp, dw"""
    y, dxp, dw = (unwritten(a.shape, a.dtype) for a in (dy, xp, w))
    assert engine.conv2d(xp, w, bias(w), stride, y) is None
    assert engine.conv2d_dx(dy, w, stride, dxp) is None
    assert engine.conv2d_dw(dy, xp, stride, dw) is None
    return y, dxp, dw


def check_conv(engine, case, seed, dtype):
    xp, w, dy = conv_arrays(np.random.default_rng(seed), case, dtype)
    got = conv_kernels(engine, xp, w, dy, case.stride)
    want_y = oracle.conv_forward(xp, w, bias(w), oracle.NO_PADS, case.stride)
    want_dx, want_dw, _ = oracle.conv_backward(dy, xp, w, oracle.NO_PADS, case.stride)
    for array, want in zip(got, (want_y, want_dx, want_dw), strict=True):
        assert_allclose(array, want, **TOLERANCE[dtype])


def pool_kernels(engine, xp, dy, case):
    """The arrays that the pooling kernels write, by name."""
    found = {name: unwritten(dy.shape, dy.dtype) for name in ("max", "sum")}
    found |= {name: unwritten(xp.shape, xp.dtype) for name in ("first", "all", "dsum")}
    engine.max_pool2d(xp, case.kernel, case.stride, found["max"])
    engine.sum_pool2d(xp, case.kernel, case.stride, found["sum"])
    y = found["max"].copy()
    y.flags.writeable = False
    for ties in ("first", "all"):
        engine.max_pool2d_dx(dy, xp, y, case.kernel, case.stride, ties, found[ties])
    engine.sum_pool2d_dx(dy, case.kernel, case.stride, found["dsum"])
    return found


def check_pool(engine, case, seed, dtype, draw):
    rng = np.random.default_rng(seed)
    xp = draw(rng, (case.n, *case.size, case.ci), dtype)
    dy = normal(rng, (case.n, *case.out, case.ci), dtype)
    got = pool_kernels(engine, xp, dy, case)
    cells = case.kernel[0] * case.kernel[1]
    assert_array_equal(got["max"], oracle.pool_forward(xp, case.kernel, case.stride, "max"))
    assert_allclose(got["sum"], oracle.pool_forward(xp, case.kernel, case.stride, "avg") * cells, **TOLERANCE[dtype])
    for ties in ("first", "all"):
        want = oracle.pool_backward(dy, xp, case.kernel, case.stride, "max", ties)
        assert_allclose(got[ties], want, **TOLERANCE[dtype])
    want = oracle.pool_backward(dy * cells, xp, case.kernel, case.stride, "avg", None)
    assert_allclose(got["dsum"], want, **TOLERANCE[dtype])


@pytest.mark.smoke
@dtypes
@named
def test_convolution_and_both_gradients(engine, case, dtype):
    check_conv(engine, case, 0, dtype)


@settings(max_examples=200)
@given(case=any_case, seed=any_seed, dtype=st.sampled_from(DTYPES))
def test_convolution_and_both_gradients_on_any_case(engine, case, seed, dtype):
    check_conv(engine, case, seed, dtype)


@pytest.mark.smoke
@dtypes
@pytest.mark.parametrize("draw", [normal, small_integers])
@named
def test_pooling_and_its_gradients(engine, case, draw, dtype):
    check_pool(engine, case._replace(ci=min(case.ci, 3)), 0, dtype, draw)


@settings(max_examples=200)
@given(case=any_case, seed=any_seed, dtype=st.sampled_from(DTYPES), draw=st.sampled_from([normal, small_integers]))
def test_pooling_and_its_gradients_on_any_case(engine, case, seed, dtype, draw):
    check_pool(engine, case, seed, dtype, draw)


@given(
    n=st.integers(1, 5),
    out=st.tuples(st.integers(1, 9), st.integers(1, 40)),
    kernel=upto(7),
    stride=upto(6),
    left_over=st.tuples(st.integers(0, 5), st.integers(0, 5)),
    channels=st.sampled_from([(1, 1), (1, 96), (5, 33), (17, 3), (70, 2), (64, 65)]),
    seed=any_seed,
)
def test_gradients_are_adjoint_on_sizes_too_large_for_the_oracle(
    engine, n, out, kernel, stride, left_over, channels, seed
):
    """Convolution is linear in x and in w: sum(dy * conv(x, w)) = sum(dx * x) = sum(dw * w)"""
    case = case_of(left_over, stride, n=n, out=out, kernel=kernel, ci=channels[0], co=channels[1])
    xp, w, dy = conv_arrays(np.random.default_rng(seed), case, "float64")
    y, dxp, dw = conv_kernels(engine, xp, w, dy, stride)
    y -= bias(w)
    size = np.linalg.norm(dy) * np.linalg.norm(y) + 1
    assert abs(np.sum(dy * y) - np.sum(dxp * xp)) < 1e-12 * size
    assert abs(np.sum(dy * y) - np.sum(dw * w)) < 1e-12 * size
    dsum = unwritten(xp.shape, "float64")
    sums = unwritten((n, *out, xp.shape[3]), "float64")
    engine.sum_pool2d(xp, kernel, stride, sums)
    ds = normal(np.random.default_rng(seed), sums.shape, "float64")
    engine.sum_pool2d_dx(ds, kernel, stride, dsum)
    assert abs(np.sum(ds * sums) - np.sum(dsum * xp)) < 1e-12 * (np.linalg.norm(ds) * np.linalg.norm(sums) + 1)


@named
def test_many_channels_agree_with_one_einsum_for_each_cell_of_the_kernel(engine, case):
    """A second reference, for more channels than the slow oracle can handle."""
    case = case._replace(ci=71, co=83)
    xp, w, dy = conv_arrays(np.random.default_rng(1), case, "float64")
    y, dxp, dw = conv_kernels(engine, xp, w, dy, case.stride)
    want_y, want_dx, want_dw = bias(w) + np.zeros(y.shape), np.zeros(xp.shape), np.zeros(w.shape)
    for a in range(case.kernel[0]):
        for b in range(case.kernel[1]):
            rows = slice(a, a + (case.out[0] - 1) * case.stride[0] + 1, case.stride[0])
            columns = slice(b, b + (case.out[1] - 1) * case.stride[1] + 1, case.stride[1])
            want_y += np.einsum("nijc,co->nijo", xp[:, rows, columns], w[a, b])
            want_dx[:, rows, columns] += np.einsum("nijo,co->nijc", dy, w[a, b])
            want_dw[a, b] = np.einsum("nijc,nijo->co", xp[:, rows, columns], dy)
    for got, want in ((y, want_y), (dxp, want_dx), (dw, want_dw)):
        assert_allclose(got, want, rtol=1e-11, atol=1e-10)


def test_cases_reach_every_branch_of_the_strips_lowering():
    """CASES contains a narrower last strip, overlapping strips, strips of one output and a strip of a whole row."""
    seen = set()
    for case in CASES.values():
        strips = numpy_engine._strips(case.out[1], case.kernel[1], case.stride[1], case.co)
        assert [strips[0].columns.start, strips[-1].columns.stop] == [0, case.out[1]]
        seen |= {"narrower last"} if len(strips) == 2 else set()
        seen |= {"im2col"} if strips[0].width == 1 and case.out[1] > 1 else set()
        seen |= {"whole row"} if strips[0].width == case.out[1] > 1 else set()
        seen |= {"overlap"} if strips[0].number > 1 and strips[0].span > strips[0].width * case.stride[1] else set()
    assert seen == {"narrower last", "im2col", "whole row", "overlap"}


@pytest.mark.parametrize("block", [1, 300, 2000])
@named
def test_the_block_size_does_not_change_the_result(monkeypatch, case, block):
    xp, w, dy = conv_arrays(np.random.default_rng(2), case, "float64")
    want = conv_kernels(numpy_engine, xp, w, dy, case.stride)
    monkeypatch.setattr(numpy_engine, "_BLOCK", block)
    for got, whole in zip(conv_kernels(numpy_engine, xp, w, dy, case.stride), want, strict=True):
        assert_allclose(got, whole, rtol=1e-12, atol=1e-12)


def reversed_twice(a):
    return a[::-1, ::-1].copy()[::-1, ::-1]


def every_other(a):
    wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
    wide[..., ::2] = a
    return wide[..., ::2]


def inside_a_frame(a):
    return np.pad(a, 1, constant_values=np.nan)[tuple(slice(1, -1) for _ in a.shape)]


@dtypes
@pytest.mark.parametrize("view", [np.asfortranarray, reversed_twice, every_other, inside_a_frame])
@pytest.mark.parametrize("name", ["plain", "narrower last strip, stride", "strips overlap", "even kernel, left over"])
def test_inputs_may_be_views_of_any_layout(engine, name, view, dtype):
    case = CASES[name]
    xp, w, dy = conv_arrays(np.random.default_rng(3), case, dtype)
    viewed = [view(a) for a in (xp, w, dy)]
    assert all(not v.flags.c_contiguous for v in viewed[:2])
    want = conv_kernels(engine, xp, w, dy, case.stride)
    passed = (*viewed, case.stride)
    for got, contiguous in zip(conv_kernels(engine, *passed), want, strict=True):
        assert_allclose(got, contiguous, **TOLERANCE[dtype])
    case = case._replace(co=case.ci)
    dy = normal(np.random.default_rng(4), (case.n, *case.out, case.ci), dtype)
    want = pool_kernels(engine, xp, dy, case)
    for kind, array in pool_kernels(engine, viewed[0], view(dy), case).items():
        assert_allclose(array, want[kind], **TOLERANCE[dtype], err_msg=kind)


class GuardedArrays:
    """Makes arrays with guard values before and after them, and tells whether the guard values are unchanged."""

    MARGIN = 1000

    def __init__(self):
        self.whole = []

    def __call__(self, shape, dtype):
        whole = np.full(np.prod(shape) + 2 * self.MARGIN, np.nan, dtype)
        self.whole.append(whole)
        whole[: self.MARGIN] = whole[-self.MARGIN :] = 77
        return whole[self.MARGIN : -self.MARGIN].reshape(shape)

    def intact(self):
        return all((whole[: self.MARGIN] == 77).all() and (whole[-self.MARGIN :] == 77).all() for whole in self.whole)


@named
def test_nothing_is_written_outside_the_given_array(engine, monkeypatch, case):
    guarded = GuardedArrays()
    monkeypatch.setitem(globals(), "unwritten", guarded)
    check_conv(engine, case, 6, "float64")
    check_pool(engine, case._replace(ci=1), 6, "float64", small_integers)
    assert len(guarded.whole) == 8 and guarded.intact()


@dtypes
def test_the_same_call_gives_the_same_bits(engine, dtype):
    case = Case(5, (6, 11), (3, 4), (1, 2), (0, 1), 7, 19)
    xp, w, dy = conv_arrays(np.random.default_rng(5), case, dtype)
    first, second = (conv_kernels(engine, xp, w, dy, case.stride) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert_array_equal(one, other)


def test_max_pooling_of_negative_numbers_padded_with_minus_infinity(engine):
    """Max pooling pads its input with -inf: the maximum is never the padding and never 0."""
    xp = np.full((1, 4, 5, 1), -np.inf, np.float32)
    xp[0, 1:3, 1:4, 0] = [[-3, -1, -2], [-5, -4, -1]]
    y = unwritten((1, 3, 4, 1), "float32")
    engine.max_pool2d(xp, (2, 2), (1, 1), y)
    assert_array_equal(y[0, :, :, 0], [[-3, -1, -1, -2], [-3, -1, -1, -1], [-5, -4, -1, -1]])


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
def test_a_gradient_that_is_not_finite_stays_in_its_own_cell(engine, stride, bad):
    case = Case(1, (2, 2), (2, 3), stride)
    xp = np.arange(np.prod(case.size), dtype=np.float64).reshape(1, *case.size, 1)
    dy = np.zeros((1, 2, 2, 1))
    dy[0, 0, 0] = bad
    y, dxp = unwritten(dy.shape, "float64"), unwritten(xp.shape, "float64")
    engine.max_pool2d(xp, case.kernel, stride, y)
    for ties in ("first", "all"):
        engine.max_pool2d_dx(dy, xp, y, case.kernel, stride, ties, dxp)
        want = np.zeros(xp.shape)
        want[0, 1, 2] = bad
        assert_array_equal(dxp, want)


@pytest.mark.smoke
def test_every_engine_has_every_kernel_with_the_parameter_names_of_the_protocol():
    kernels = {name: f for name, f in vars(Engine).items() if callable(f) and not name.startswith("_")}
    assert len(kernels) == 9
    for name in ENGINES:
        try:
            engine = get_engine(name)
        except ImportError:
            continue
        assert engine.name == name
        for kernel, declared in kernels.items():
            wanted = [p for p in inspect.signature(declared).parameters if p != "self"]
            assert list(inspect.signature(getattr(engine, kernel)).parameters) == wanted, (name, kernel)


@pytest.mark.smoke
def test_engines_are_found_by_name_and_an_unknown_name_is_refused():
    assert get_engine("numpy") is numpy_engine
    assert get_engine("auto").name in ENGINES
    with pytest.raises(ValueError) as caught:
        get_engine("cuda")
    assert str(caught.value) == f"engine must be one of auto, {', '.join(ENGINES)}; got 'cuda'"
