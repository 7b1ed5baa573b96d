"""Pooling, compared with loops, finite differences and TensorFlow: ties, padding that does not count, errors."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from tests.support import oracle
from tests.support.tolerance import Tolerance

from convlens.geometry import plan
from convlens.gradcheck import check_vjp
from convlens.ops import (
    _windows,
    avg_pool2d_backward,
    avg_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_forward,
    relu_forward,
)

TOLERANCE: dict[str, Tolerance] = {"float32": {"rtol": 1e-5, "atol": 1e-5}, "float64": {"rtol": 1e-13, "atol": 1e-13}}

# n, (h, w), c, kernel, stride, padding
CASES = {
    "stride = kernel": (2, (6, 9), 2, (2, 3), None, "valid"),
    "left over": (3, (7, 8), 2, (2, 3), (2, 3), "valid"),
    "windows overlap": (2, (6, 5), 3, (3, 2), (1, 1), "valid"),
    "stride above the kernel": (2, (8, 9), 2, (2, 3), (3, 4), "valid"),
    "overlap in rows only": (2, (7, 8), 1, (3, 2), (2, 2), "valid"),
    "one cell": (2, (5, 4), 2, (1, 1), (2, 1), "valid"),
    "window = image": (3, (4, 5), 2, (4, 5), (1, 2), "valid"),
    "same": (2, (5, 7), 2, (3, 2), (1, 1), "same"),
    "same, strides": (2, (5, 8), 3, (2, 4), (2, 3), "same"),
    "course": (2, (4, 5), 2, (3, 4), (1, 1), "course"),
    "explicit, asymmetric": (2, (4, 6), 2, (3, 4), (2, 3), ((2, 0), (1, 3))),
    "kernel larger than the input": (2, (2, 3), 2, (4, 5), (1, 1), ((1, 2), (2, 1))),
}
named = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
dtypes = pytest.mark.parametrize("dtype", TOLERANCE)


def normal(rng, shape):
    return rng.standard_normal(shape)


def few(rng, shape):
    """Draw few different numbers, so that most windows have several maxima."""
    return rng.integers(-1, 2, shape).astype(float)


def negative(rng, shape):
    """Draw negative numbers, so that a zero from the padding would be the maximum."""
    return -1 - rng.random(shape)


def apart(rng, shape):
    """Draw numbers at least 0.1 apart, so that finite differences do not change which number is the maximum."""
    return 0.1 * rng.permutation(np.prod(shape)).reshape(shape)


def arrays(rng, case, draw=normal, dtype="float64"):
    """Return read-only x and dy, and the keyword arguments of the functions."""
    n, size, c, kernel, stride, padding = case
    out = plan(size, kernel, stride or kernel, padding).out
    found = [draw(rng, (n, *size, c)).astype(dtype), normal(rng, (n, *out, c)).astype(dtype)]
    for a in found:
        a.flags.writeable = False
    return *found, {"kernel": kernel, "stride": stride, "padding": padding}


def everything(x, dy, engine, **how):
    """Return the result of each function, by name."""
    y = max_pool2d_forward(x, **how, engine=engine)
    y.flags.writeable = False
    return {
        "max": y,
        "first": max_pool2d_backward(dy, x, y, **how, ties="first", engine=engine),
        "all": max_pool2d_backward(dy, x, y, **how, ties="all", engine=engine),
        "avg": avg_pool2d_forward(x, **how, engine=engine),
        "davg": avg_pool2d_backward(dy, x, **how, engine=engine),
    }


def check(engine, case, seed, draw, dtype):
    x, dy, how = arrays(np.random.default_rng(seed), case, draw, dtype)
    kernel, stride = how["kernel"], how["stride"] or how["kernel"]
    pads = plan(case[1], kernel, stride, how["padding"]).pads
    want = {
        "max": oracle.pool_forward(x, kernel, stride, "max", pads),
        "first": oracle.pool_backward(dy, x, kernel, stride, "max", "first", pads),
        "all": oracle.pool_backward(dy, x, kernel, stride, "max", "all", pads),
        "avg": oracle.pool_forward(x, kernel, stride, "avg", pads),
        "davg": oracle.pool_backward(dy, x, kernel, stride, "avg", None, pads),
    }
    for name, got in everything(x, dy, engine, **how).items():
        assert got.dtype == dtype and got.shape == want[name].shape, name
        assert_allclose(got, want[name], **TOLERANCE[dtype], err_msg=name)


@pytest.mark.smoke
@dtypes
@pytest.mark.parametrize("draw", [normal, few, negative])
@named
def test_forward_and_backward(engine, case, draw, dtype):
    check(engine, case, 0, draw, dtype)


def pairs(least, most):
    return st.tuples(st.integers(least, most), st.integers(least, most))


any_padding = st.one_of(st.sampled_from(["valid", "same", "course"]), st.tuples(pairs(0, 3), pairs(0, 3)))


@settings(max_examples=200)
@given(
    case=st.tuples(
        st.integers(1, 3), pairs(1, 9), st.integers(1, 3), pairs(1, 5), st.one_of(st.none(), pairs(1, 6)), any_padding
    ),
    seed=st.integers(0, 2**32 - 1),
    draw=st.sampled_from([normal, few, negative]),
    dtype=st.sampled_from(list(TOLERANCE)),
)
def test_forward_and_backward_on_any_case(engine, case, seed, draw, dtype):
    _, size, _, kernel, stride, padding = case
    try:
        pads = plan(size, kernel, stride or kernel, padding).pads
    except ValueError:
        assume(False)
    if any(max(side) >= k for side, k in zip(pads, kernel, strict=True)):
        x = np.zeros((1, *size, 1))
        with pytest.raises(ValueError, match=r"^max_pool2d needs fewer (rows|columns) of padding than the kernel has"):
            max_pool2d_forward(x, kernel, stride=stride, padding=padding, engine=engine)
        with pytest.raises(ValueError, match=r"^avg_pool2d needs fewer (rows|columns) of padding than the kernel has"):
            avg_pool2d_forward(x, kernel, stride=stride, padding=padding, engine=engine)
    else:
        check(engine, case, seed, draw, dtype)


@pytest.mark.smoke
@named
def test_backward_is_the_gradient_of_forward(engine, case):
    x, _, how = arrays(np.random.default_rng(1), case, apart)
    rng = np.random.default_rng(2)

    def max_forward(x):
        return max_pool2d_forward(x, **how, engine=engine)

    for ties in ("first", "all"):
        check_vjp(
            max_forward,
            lambda dy, x, ties=ties: max_pool2d_backward(dy, x, max_forward(x), **how, ties=ties, engine=engine),
            (x,),
            rng=rng,
        )
    check_vjp(
        lambda x: avg_pool2d_forward(x, **how, engine=engine),
        lambda dy, x: avg_pool2d_backward(dy, x, **how, engine=engine),
        (x,),
        rng=rng,
    )


@pytest.mark.smoke
def test_ties_worked_by_hand(engine):
    """Two overlapping windows: (5, 5) and (5, 2). The 5 in the middle is in both."""
    x = np.array([5.0, 5.0, 2.0]).reshape(1, 1, 3, 1)
    dy = np.array([10.0, 1.0]).reshape(1, 1, 2, 1)
    y = max_pool2d_forward(x, (1, 2), stride=(1, 1), engine=engine)
    for ties, want in {"first": [10, 1, 0], "all": [10, 11, 0]}.items():
        got = max_pool2d_backward(dy, x, y, (1, 2), stride=(1, 1), ties=ties, engine=engine)
        assert_array_equal(got.ravel(), want)
    assert_array_equal(
        max_pool2d_backward(dy, x, y, (1, 2), stride=(1, 1), engine=engine).ravel(), [10, 1, 0], "first is the default"
    )


@pytest.mark.smoke
def test_the_average_counts_only_cells_of_the_input(engine):
    x = np.arange(1.0, 5.0).reshape(1, 2, 2, 1)
    y = avg_pool2d_forward(x, (2, 2), stride=(1, 1), padding=((1, 0), (0, 1)), engine=engine)
    assert_array_equal(y[0, :, :, 0], [[1.5, 2], [2.5, 3]])
    ones = np.ones((1, 3, 3, 2))
    assert_array_equal(avg_pool2d_forward(ones, (2, 2), stride=(1, 1), padding="same", engine=engine), ones)


@pytest.mark.parametrize("block", [1, 500, 3000])
@named
def test_small_blocks_give_the_same(engine, monkeypatch, case, block):
    x, dy, how = arrays(np.random.default_rng(3), (7, *case[1:]), few)
    want = everything(x, dy, engine, **how)
    monkeypatch.setattr(_windows, "_BLOCK", block)
    monkeypatch.setattr(engine, "_BLOCK", block, raising=False)
    for name, got in everything(x, dy, engine, **how).items():
        assert_allclose(got, want[name], rtol=1e-13, atol=1e-13, err_msg=name)


LAYOUTS = {
    "Fortran": np.asfortranarray,
    "NCHW seen as NHWC": lambda a: np.ascontiguousarray(np.moveaxis(a, -1, 1)).transpose(0, 2, 3, 1),
    "reversed": lambda a: a[:, ::-1, ::-1].copy()[:, ::-1, ::-1],
    "sliced": lambda a: np.repeat(a, 2, axis=2)[:, :, ::2],
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@named
def test_any_layout_in_memory(engine, case, layout):
    x, dy, how = arrays(np.random.default_rng(4), case, few)
    want = everything(x, dy, engine, **how)
    for name, got in everything(layout(x), layout(dy), engine, **how).items():
        assert_allclose(got, want[name], rtol=1e-13, atol=1e-13, err_msg=name)


def test_the_incoming_gradient_may_be_one_broadcast_number(engine):
    x, dy, how = arrays(np.random.default_rng(5), CASES["same, strides"])
    want = everything(x, np.ones(dy.shape), engine, **how)
    for name, got in everything(x, np.broadcast_to(np.float64(1), dy.shape), engine, **how).items():
        assert_array_equal(got, want[name], name)


def test_one_integer_gives_both_sizes(engine):
    x, dy, _ = arrays(np.random.default_rng(6), (2, (6, 5), 2, (2, 2), (3, 3), "valid"))
    want = everything(x, dy, engine, kernel=(2, 2), stride=(3, 3))
    for name, got in everything(x, dy, engine, kernel=2, stride=3).items():
        assert_array_equal(got, want[name], name)


X = np.zeros((2, 5, 6, 3))
Y = DY = np.zeros((2, 2, 3, 3))
ILLEGAL = {
    "x of three axes": ({"x": X[0]}, "needs x (n, h, w, c); got 3 axes, (5, 6, 3)"),
    "no examples": ({"x": X[:0]}, "needs at least one number along each axis of x; got (0, 5, 6, 3)"),
    "a list": ({"x": X.tolist()}, "needs x as an array of float32 or float64; got list"),
    "object": ({"x": X.astype(object)}, "needs x as an array of float32 or float64; got object"),
    "complex": ({"x": X.astype("c8")}, "needs x as an array of float32 or float64; got complex64"),
    "uint8": ({"x": X.astype("u1")}, "needs x as an array of float32 or float64; got uint8"),
    "kernel 0": ({"kernel": (2, 0)}, "kernel must be an integer of at least 1, or two of them; got (2, 0)"),
    "kernel 2.0": ({"kernel": 2.0}, "kernel must be an integer of at least 1, or two of them; got 2.0"),
    "kernel too large": (
        {"kernel": (2, 7)},
        "the kernel must fit into the padded input; got kernel (2, 7), padded input (5, 6)",
    ),
    "stride 0": ({"stride": (0, 1)}, "stride must be an integer of at least 1, or two of them; got (0, 1)"),
    "stride True": ({"stride": (True, 1)}, "stride must be an integer of at least 1, or two of them; got (True, 1)"),
    "stride 1.5": ({"stride": 1.5}, "stride must be an integer of at least 1, or two of them; got 1.5"),
    "unknown padding": (
        {"padding": "full"},
        "padding must be 'valid', 'same', 'course' or ((top, bottom), (left, right)) of integers of at least 0; "
        "got 'full'",
    ),
    "a whole window of padded rows": (
        {"padding": ((0, 2), (1, 1))},
        "needs fewer rows of padding than the kernel has rows, so that every window sees some input; "
        "got padding (0, 2), kernel (2, 2)",
    ),
    "a whole window of padded columns": (
        {"padding": ((1, 1), (3, 0))},
        "needs fewer columns of padding than the kernel has columns, so that every window sees some input; "
        "got padding (3, 0), kernel (2, 2)",
    ),
    "course, strides": (
        {"padding": "course", "stride": (1, 2)},
        "needs fewer columns of padding than the kernel has columns, so that every window sees some input; "
        "got padding (3, 3), kernel (2, 2)",
    ),
}


@pytest.mark.smoke
@pytest.mark.parametrize(("change", "message"), ILLEGAL.values(), ids=ILLEGAL)
def test_bad_arguments_are_refused(engine, change, message):
    given = {"x": X, "kernel": (2, 2), "engine": engine} | change
    calls = {
        "max_pool2d": lambda: max_pool2d_forward(**given),
        "avg_pool2d": lambda: avg_pool2d_forward(**given),
        "max_pool2d_backward": lambda: max_pool2d_backward(DY, y=Y, **given),
        "avg_pool2d_backward": lambda: avg_pool2d_backward(DY, **given),
    }
    for name, call in calls.items():
        with pytest.raises(ValueError) as caught:
            call()
        assert str(caught.value) == (f"{name} {message}" if message.startswith("needs") else message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dy": DY[:, :1]}, "needs dy (2, 2, 3, 3); got (2, 1, 3, 3)"),
        ({"dy": DY[0]}, "needs dy (2, 2, 3, 3); got (2, 3, 3)"),
        ({"dy": DY.swapaxes(1, 2)}, "needs dy (2, 2, 3, 3); got (2, 3, 2, 3)"),
        ({"dy": DY.astype("f4")}, "needs x and dy of the same dtype; got x float64, dy float32"),
        ({"y": Y[..., :1]}, "needs y (2, 2, 3, 3); got (2, 2, 3, 1)"),
        ({"y": Y.astype("f4")}, "needs x and y of the same dtype; got x float64, y float32"),
    ],
)
def test_backward_refuses_another_dy_or_y(engine, change, message):
    given = {"dy": DY, "x": X, "y": Y, "kernel": (2, 2), "engine": engine} | change
    with pytest.raises(ValueError) as caught:
        max_pool2d_backward(**given)
    assert str(caught.value) == f"max_pool2d_backward {message}"
    if "dy" in change:
        del given["y"]
        with pytest.raises(ValueError) as caught:
            avg_pool2d_backward(**given)
        assert str(caught.value) == f"avg_pool2d_backward {message}"


@pytest.mark.parametrize("ties", ["last", "", None, True])
def test_ties_are_first_or_all(engine, ties):
    with pytest.raises(ValueError) as caught:
        max_pool2d_backward(DY, X, Y, (2, 2), ties=ties, engine=engine)
    assert str(caught.value) == f"ties must be 'first' or 'all'; got {ties!r}"


@pytest.mark.frameworks
@dtypes
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (1, 2), (3, 1), (4, 4)])
@pytest.mark.parametrize("kernel", [(3, 2), (2, 4), (1, 1)])
def test_tensorflow_agrees_on_ties_too(tf, quick_engine, kernel, stride, padding, dtype):
    for draw in (normal, few, lambda rng, shape: relu_forward(rng.standard_normal(shape) - 0.5)):
        x, dy, how = arrays(np.random.default_rng(7), (3, (9, 6), 2, kernel, stride, padding), draw, dtype)
        got = everything(x, dy, quick_engine, **how)
        given = tf.constant(x)
        for function, names in ((tf.nn.max_pool2d, ("max", "first")), (tf.nn.avg_pool2d, ("avg", "davg"))):
            with tf.GradientTape() as tape:
                tape.watch(given)
                y = function(given, kernel, stride, padding.upper())
            dx = tape.gradient(y, given, output_gradients=tf.constant(dy))
            for name, want in zip(names, (y, dx), strict=True):
                assert_allclose(got[name], want.numpy(), **TOLERANCE[dtype], err_msg=name)
