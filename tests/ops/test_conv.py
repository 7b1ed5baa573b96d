"""conv2d, compared with loops, finite differences and TensorFlow: padding, bias, blocks of examples, errors."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from tests.support import oracle
from tests.support.tolerance import Tolerance

from convlens.geometry import plan
from convlens.gradcheck import check_vjp
from convlens.ops import _windows, conv2d_backward, conv2d_forward

TOLERANCE: dict[str, Tolerance] = {"float32": {"rtol": 2e-4, "atol": 2e-4}, "float64": {"rtol": 1e-11, "atol": 1e-11}}

# n, (h, w), ci, co, kernel, stride, padding
CASES = {
    "valid": (2, (5, 7), 2, 3, (3, 2), (1, 1), "valid"),
    "valid, strides, left over": (2, (7, 9), 2, 3, (3, 2), (3, 4), "valid"),
    "same": (2, (5, 7), 2, 3, (3, 2), (1, 1), "same"),
    "same, strides": (3, (6, 4), 1, 2, (2, 3), (2, 1), "same"),
    "same, even kernel": (2, (5, 6), 2, 1, (4, 2), (1, 3), "same"),
    "same, one cell": (2, (5, 4), 3, 2, (1, 1), (2, 3), "same"),
    "course": (2, (5, 7), 2, 3, (3, 2), (1, 1), "course"),
    "course, strides": (2, (4, 5), 2, 1, (4, 2), (2, 3), "course"),
    "explicit, asymmetric": (2, (4, 6), 2, 3, (3, 2), (2, 1), ((2, 0), (0, 3))),
    "explicit, wider than the kernel": (1, (2, 3), 1, 2, (1, 2), (1, 2), ((3, 4), (2, 5))),
    "kernel larger than the input": (2, (2, 3), 2, 2, (4, 5), (1, 1), ((1, 2), (2, 1))),
    "window = image": (3, (3, 4), 2, 3, (3, 4), (2, 1), "valid"),
    "many channels": (1, (2, 3), 66, 67, (1, 2), (1, 1), "same"),
}
named = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
dtypes = pytest.mark.parametrize("dtype", TOLERANCE)


def arrays(rng, case, dtype="float64"):
    """Return read-only x, w, b and dy, and the keyword arguments of the functions."""
    n, size, ci, co, kernel, stride, padding = case
    out = plan(size, kernel, stride, padding).out
    shapes = (n, *size, ci), (*kernel, ci, co), (co,), (n, *out, co)
    found = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    for a in found:
        a.flags.writeable = False
    return *found, {"padding": padding, "stride": stride}


def check(engine, case, seed, dtype):
    x, w, b, dy, how = arrays(np.random.default_rng(seed), case, dtype)
    pads = plan(case[1], case[4], how["stride"], how["padding"]).pads
    y = conv2d_forward(x, w, b, **how, engine=engine)
    got = (y, *conv2d_backward(dy, x, w, **how, engine=engine))
    want = (oracle.conv_forward(x, w, b, pads, how["stride"]), *oracle.conv_backward(dy, x, w, pads, how["stride"]))
    for array, expected in zip(got, want, strict=True):
        assert array is not None and array.dtype == dtype and array.shape == expected.shape
        assert_allclose(array, expected, **TOLERANCE[dtype])


@pytest.mark.smoke
@dtypes
@named
def test_forward_and_backward(engine, case, dtype):
    check(engine, case, 0, dtype)


def pairs(least, most):
    return st.tuples(st.integers(least, most), st.integers(least, most))


any_padding = st.one_of(st.sampled_from(["valid", "same", "course"]), st.tuples(pairs(0, 3), pairs(0, 3)))


@settings(max_examples=200)
@given(
    case=st.tuples(
        st.integers(1, 3), pairs(1, 8), st.integers(1, 3), st.integers(1, 3), pairs(1, 4), pairs(1, 5), any_padding
    ),
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from(list(TOLERANCE)),
)
def test_forward_and_backward_on_any_case(engine, case, seed, dtype):
    _, size, _, _, kernel, stride, padding = case
    try:
        plan(size, kernel, stride, padding)
    except ValueError:
        assume(False)
    check(engine, case, seed, dtype)


@pytest.mark.smoke
@named
def test_backward_is_the_gradient_of_forward(engine, case):
    x, w, b, _, how = arrays(np.random.default_rng(1), case)
    check_vjp(
        lambda x, w, b: conv2d_forward(x, w, b, **how, engine=engine),
        lambda dy, x, w, b: conv2d_backward(dy, x, w, **how, engine=engine),
        (x, w, b),
        rng=np.random.default_rng(2),
    )


@pytest.mark.parametrize("block", [1, 500, 3000])
@named
def test_small_blocks_give_the_same(engine, monkeypatch, case, block):
    case = (7, *case[1:])
    x, w, b, dy, how = arrays(np.random.default_rng(3), case)

    def both():
        return (conv2d_forward(x, w, b, **how, engine=engine), *conv2d_backward(dy, x, w, **how, engine=engine))

    want = both()
    monkeypatch.setattr(_windows, "_BLOCK", block)
    monkeypatch.setattr(engine, "_BLOCK", block, raising=False)
    for got, whole in zip(both(), want, strict=True):
        assert_allclose(got, whole, rtol=1e-12, atol=1e-12)


LAYOUTS = {
    "Fortran": np.asfortranarray,
    "channels first in memory": lambda a: np.moveaxis(np.ascontiguousarray(np.moveaxis(a, -1, 0)), 0, -1),
    "reversed": lambda a: a[::-1].copy()[::-1],
    "sliced": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@named
def test_any_layout_in_memory(engine, case, layout):
    x, w, b, dy, how = arrays(np.random.default_rng(4), case)
    want = (conv2d_forward(x, w, b, **how, engine=engine), *conv2d_backward(dy, x, w, **how, engine=engine))
    x, w, b, dy = (layout(a) for a in (x, w, b, dy))
    got = (conv2d_forward(x, w, b, **how, engine=engine), *conv2d_backward(dy, x, w, **how, engine=engine))
    for array, expected in zip(got, want, strict=True):
        assert array is not None and expected is not None
        assert_allclose(array, expected, rtol=1e-12, atol=1e-12)


def test_the_incoming_gradient_may_be_one_broadcast_number(engine):
    x, w, _, dy, how = arrays(np.random.default_rng(5), CASES["explicit, asymmetric"])
    ones = np.broadcast_to(np.float64(1), dy.shape)
    for got, want in zip(
        conv2d_backward(ones, x, w, **how, engine=engine),
        conv2d_backward(np.ones(dy.shape), x, w, **how, engine=engine),
        strict=True,
    ):
        assert_array_equal(got, want)


@named
def test_without_dx_the_other_gradients_are_the_same(engine, case):
    x, w, _, dy, how = arrays(np.random.default_rng(6), case)
    _, dw, db = conv2d_backward(dy, x, w, **how, engine=engine)
    none, dw_alone, db_alone = conv2d_backward(dy, x, w, **how, engine=engine, need_dx=False)
    assert none is None
    assert_array_equal(dw_alone, dw)
    assert_array_equal(db_alone, db)


def test_one_integer_stands_for_both_strides(engine):
    x, w, b, dy, _ = arrays(np.random.default_rng(7), (2, (6, 5), 2, 3, (3, 2), (2, 2), "valid"))
    strides: tuple[Any, ...] = (2, [2, 2], np.int64(2))
    for stride in strides:
        assert_array_equal(
            conv2d_forward(x, w, b, stride=stride, engine=engine), conv2d_forward(x, w, b, stride=(2, 2), engine=engine)
        )
        assert_array_equal(
            conv2d_backward(dy, x, w, stride=stride, engine=engine)[1],
            conv2d_backward(dy, x, w, stride=(2, 2), engine=engine)[1],
        )


# groups, and a case; its ci and co are those of one group
GROUPED = {
    "AlexNet's, smaller": (2, (2, (5, 6), 3, 4, (5, 3), (1, 1), "same")),
    "strides, left over": (3, (2, (7, 9), 2, 1, (3, 2), (3, 4), "valid")),
    "each channel alone": (4, (2, (4, 5), 1, 1, (2, 3), (1, 2), "course")),
    "each channel alone, twice": (3, (1, (4, 3), 1, 2, (2, 1), (2, 1), ((1, 0), (0, 2)))),
    "in a group of its own": (1, CASES["same, strides"]),
    "one cell": (2, (3, (3, 4), 2, 3, (1, 1), (1, 1), "valid")),
}
grouped = pytest.mark.parametrize(("groups", "case"), GROUPED.values(), ids=GROUPED)


def grouped_arrays(rng, groups, case, dtype="float64"):
    """Return the same as `arrays`, with w (kh, kw, ci / groups, co)."""
    n, size, ci, co, *how = case
    x, w, b, dy, named = arrays(rng, (n, size, groups * ci, groups * co, *how), dtype)
    return x, w[:, :, :ci], b, dy, named | {"groups": groups}


def check_groups(engine, groups, case, seed, dtype):
    """Compare with a convolution without groups whose kernel is 0 between channels of different groups."""
    x, w, b, dy, how = grouped_arrays(np.random.default_rng(seed), groups, case, dtype)
    kh, kw, ci, co = w.shape
    full, own = np.zeros((kh, kw, ci * groups, co)), np.zeros((ci * groups, co), bool)
    for o in range(co):
        group = o // (co // groups)
        for c in range(ci):
            full[:, :, group * ci + c, o] = w[:, :, c, o]
            own[group * ci + c, o] = True
    pads = plan(case[1], case[4], how["stride"], how["padding"]).pads
    dx, dw_full, db = oracle.conv_backward(dy, x, full, pads, how["stride"])
    dw = np.stack([dw_full[:, :, own[:, o], o] for o in range(co)], axis=3)
    y = conv2d_forward(x, w, b, **how, engine=engine)
    got = (y, *conv2d_backward(dy, x, w, **how, engine=engine))
    for array, expected in zip(got, (oracle.conv_forward(x, full, b, pads, how["stride"]), dx, dw, db), strict=True):
        assert array is not None and array.dtype == dtype and array.shape == expected.shape
        assert_allclose(array, expected, **TOLERANCE[dtype])


@pytest.mark.smoke
@dtypes
@grouped
def test_groups(engine, groups, case, dtype):
    check_groups(engine, groups, case, 9, dtype)


@given(
    groups=st.integers(1, 4),
    case=st.tuples(
        st.integers(1, 2), pairs(2, 6), st.integers(1, 2), st.integers(1, 2), pairs(1, 2), pairs(1, 3), any_padding
    ),
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from(list(TOLERANCE)),
)
def test_groups_on_any_case(engine, groups, case, seed, dtype):
    check_groups(engine, groups, case, seed, dtype)


@pytest.mark.smoke
@grouped
def test_backward_in_groups_is_the_gradient_of_forward(engine, groups, case):
    x, w, b, dy, how = grouped_arrays(np.random.default_rng(10), groups, case)
    check_vjp(
        lambda x, w, b: conv2d_forward(x, w, b, **how, engine=engine),
        lambda dy, x, w, b: conv2d_backward(dy, x, w, **how, engine=engine),
        (x, w, b),
        rng=np.random.default_rng(11),
    )
    none, *alone = conv2d_backward(dy, x, w, **how, engine=engine, need_dx=False)
    assert none is None
    for array, expected in zip(alone, conv2d_backward(dy, x, w, **how, engine=engine)[1:], strict=True):
        assert_array_equal(array, expected)


@pytest.mark.frameworks
@dtypes
@pytest.mark.parametrize(
    ("groups", "case"), [(groups, case) for groups, case in GROUPED.values() if case[-1] in ("valid", "same")]
)
def test_tensorflow_agrees_in_groups(tf, quick_engine, groups, case, dtype):
    x, w, b, dy, how = grouped_arrays(np.random.default_rng(12), groups, case, dtype)

    @tf.function(jit_compile=True)  # without XLA, TensorFlow has no gradient of a grouped convolution on a CPU
    def theirs(x, w, b):
        with tf.GradientTape() as tape:
            tape.watch([x, w, b])
            y = tf.nn.conv2d(x, w, how["stride"], how["padding"].upper()) + b
        return y, *tape.gradient(y, [x, w, b], output_gradients=tf.constant(dy))

    got = (conv2d_forward(x, w, b, **how, engine=quick_engine), *conv2d_backward(dy, x, w, **how, engine=quick_engine))
    for array, expected in zip(got, theirs(*map(tf.constant, (x, w, b))), strict=True):
        assert array is not None
        assert_allclose(array, expected.numpy(), **TOLERANCE[dtype])


X, W, B = np.zeros((2, 5, 6, 3)), np.zeros((3, 2, 3, 4)), np.zeros(4)
DY = np.zeros((2, 3, 5, 4))
ILLEGAL = {
    "x of three axes": ({"x": X[0]}, "conv2d needs x (n, h, w, ci); got 3 axes, (5, 6, 3)"),
    "w of three axes": ({"w": W[0]}, "conv2d needs w (kh, kw, ci, co); got 3 axes, (2, 3, 4)"),
    "channels differ": ({"w": W[:, :, :2]}, "conv2d needs equal ci; got x (2, 5, 6, 3), w (3, 2, 2, 4)"),
    "no examples": ({"x": X[:0]}, "conv2d needs at least one number along each axis of x; got (0, 5, 6, 3)"),
    "no filters": ({"w": W[..., :0]}, "conv2d needs at least one number along each axis of w; got (3, 2, 3, 0)"),
    "a list": ({"x": X.tolist()}, "conv2d needs x as an array of float32 or float64; got list"),
    "object": ({"x": X.astype(object)}, "conv2d needs x as an array of float32 or float64; got object"),
    "complex": ({"x": X.astype(complex)}, "conv2d needs x as an array of float32 or float64; got complex128"),
    "integers": ({"w": W.astype(int)}, "conv2d needs w as an array of float32 or float64; got int64"),
    "float16": ({"x": X.astype("f2")}, "conv2d needs x as an array of float32 or float64; got float16"),
    "big-endian": ({"x": X.astype(">f4")}, "conv2d needs x as an array of float32 or float64; got >f4"),
    "w of another dtype": ({"w": W.astype("f4")}, "conv2d needs x and w of the same dtype; got x float64, w float32"),
    "b of another dtype": ({"b": B.astype("f4")}, "conv2d needs x and b of the same dtype; got x float64, b float32"),
    "b as in the course": ({"b": B.reshape(1, 1, 1, 4)}, "conv2d needs b (4,); got (1, 1, 1, 4)"),
    "b too short": ({"b": B[:3]}, "conv2d needs b (4,); got (3,)"),
    "kernel too large": (
        {"x": X[:, :2]},
        "the kernel must fit into the padded input; got kernel (3, 2), padded input (2, 6)",
    ),
    "stride 0": ({"stride": (1, 0)}, "stride must be an integer of at least 1, or two of them; got (1, 0)"),
    "stride below 0": ({"stride": -2}, "stride must be an integer of at least 1, or two of them; got -2"),
    "stride True": ({"stride": True}, "stride must be an integer of at least 1, or two of them; got True"),
    "stride 1.0": ({"stride": (1.0, 2)}, "stride must be an integer of at least 1, or two of them; got (1.0, 2)"),
    "three strides": ({"stride": (1, 1, 1)}, "stride must be an integer of at least 1, or two of them; got (1, 1, 1)"),
    "no groups": ({"groups": 0}, "groups must be an integer of at least 1; got 0"),
    "groups 1.0": ({"groups": 1.0}, "groups must be an integer of at least 1; got 1.0"),
    "x has too few channels for the groups": (
        {"groups": 2},
        "conv2d with 2 groups needs x with 2 times the ci of w, and co divisible by 2; "
        "got x (2, 5, 6, 3), w (3, 2, 3, 4)",
    ),
    "co is not divided by the groups": (
        {"groups": 3, "w": W[:, :, :1]},
        "conv2d with 3 groups needs x with 3 times the ci of w, and co divisible by 3; "
        "got x (2, 5, 6, 3), w (3, 2, 1, 4)",
    ),
    "unknown padding": (
        {"padding": "SAME"},
        "padding must be 'valid', 'same', 'course' or ((top, bottom), (left, right)) of integers of at least 0; "
        "got 'SAME'",
    ),
    "negative padding": (
        {"padding": ((0, -1), (0, 0))},
        "padding must be 'valid', 'same', 'course' or ((top, bottom), (left, right)) of integers of at least 0; "
        "got ((0, -1), (0, 0))",
    ),
}


@pytest.mark.smoke
@pytest.mark.parametrize(("change", "message"), ILLEGAL.values(), ids=ILLEGAL)
def test_bad_arguments_are_refused(engine, change, message):
    given = {"x": X, "w": W, "b": B, "engine": engine} | change
    with pytest.raises(ValueError) as caught:
        conv2d_forward(**given)
    assert str(caught.value) == message
    if "b" in change:
        return
    del given["b"]
    with pytest.raises(ValueError) as caught:
        conv2d_backward(DY, **given)
    assert str(caught.value) == message.replace("conv2d ", "conv2d_backward ", 1)


@pytest.mark.parametrize(
    ("dy", "message"),
    [
        (DY[:, :2], "conv2d_backward needs dy (2, 3, 5, 4); got (2, 2, 5, 4)"),
        (DY.swapaxes(1, 2), "conv2d_backward needs dy (2, 3, 5, 4); got (2, 5, 3, 4)"),
        (DY[0], "conv2d_backward needs dy (2, 3, 5, 4); got (3, 5, 4)"),
        (DY[:1], "conv2d_backward needs dy (2, 3, 5, 4); got (1, 3, 5, 4)"),
        (DY.astype("f4"), "conv2d_backward needs x and dy of the same dtype; got x float64, dy float32"),
    ],
)
def test_backward_refuses_another_dy(engine, dy, message):
    with pytest.raises(ValueError) as caught:
        conv2d_backward(dy, X, W, engine=engine)
    assert str(caught.value) == message


@pytest.mark.frameworks
@dtypes
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (1, 2), (2, 1), (3, 2)])
@pytest.mark.parametrize("kernel", [(3, 2), (4, 5), (1, 1)])
def test_tensorflow_agrees(tf, quick_engine, kernel, stride, padding, dtype):
    x, w, b, dy, how = arrays(np.random.default_rng(8), (3, (9, 6), 3, 4, kernel, stride, padding), dtype)
    given = [tf.constant(a) for a in (x, w, b)]
    with tf.GradientTape() as tape:
        tape.watch(given)
        y = tf.nn.bias_add(tf.nn.conv2d(given[0], given[1], stride, padding.upper()), given[2])
    want = (y, *tape.gradient(y, given, output_gradients=tf.constant(dy)))
    got = (conv2d_forward(x, w, b, **how, engine=quick_engine), *conv2d_backward(dy, x, w, **how, engine=quick_engine))
    for array, expected in zip(got, want, strict=True):
        assert array is not None
        assert_allclose(array, expected.numpy(), **TOLERANCE[dtype])
