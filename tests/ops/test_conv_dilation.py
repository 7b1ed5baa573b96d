"""A convolution with a dilation equals one whose kernel has zeros between its cells; Keras and PyTorch agree."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from convlens.gradcheck import check_vjp
from convlens.ops import _windows, conv2d_backward, conv2d_forward

CASES = [
    ((3, 2), (2, 3), "valid", 1),
    ((2, 3), (1, 2), "same", 1),
    ((2, 2), (3, 1), ((1, 2), (0, 1)), 2),
    ((1, 3), (4, 2), "same", 2),
    ((3, 1), (3, 9), "course", 1),
]
cases = pytest.mark.parametrize(("kernel", "dilation", "padding", "groups"), CASES)


def spread(w, dilation):
    """The kernel with dh - 1 rows and dw - 1 columns of zeros between its cells."""
    kh, kw, *channels = w.shape
    found = np.zeros(((kh - 1) * dilation[0] + 1, (kw - 1) * dilation[1] + 1, *channels))
    found[:: dilation[0], :: dilation[1]] = w
    return found


def arrays(kernel, groups, rng):
    return rng.standard_normal((2, 8, 7, 4)), rng.standard_normal((*kernel, 4 // groups, 6)), rng.standard_normal(6)


@cases
def test_it_equals_a_kernel_with_zeros_between(engine, kernel, dilation, padding, groups, rng):
    x, w, b = arrays(kernel, groups, rng)
    settings = {"padding": padding, "groups": groups, "engine": engine}
    want = conv2d_forward(x, spread(w, dilation), b, **settings)
    got = conv2d_forward(x, w, b, dilation=dilation, **settings)
    assert_allclose(got, want, rtol=1e-12, atol=1e-12)
    dy = rng.standard_normal(got.shape)
    dx, dw, db = conv2d_backward(dy, x, w, dilation=dilation, **settings)
    wide_dx, wide_dw, wide_db = conv2d_backward(dy, x, spread(w, dilation), **settings)
    assert dx is not None and wide_dx is not None
    assert_allclose(dx, wide_dx, rtol=1e-12, atol=1e-12)
    assert_allclose(dw, wide_dw[:: dilation[0], :: dilation[1]], rtol=1e-12, atol=1e-12)
    assert_allclose(db, wide_db, rtol=1e-12, atol=1e-12)
    no_dx, same_dw, _ = conv2d_backward(dy, x, w, dilation=dilation, need_dx=False, **settings)
    assert no_dx is None
    assert_allclose(same_dw, dw, rtol=0, atol=0)


@cases
def test_backward_is_the_gradient_of_forward(engine, kernel, dilation, padding, groups, rng):
    settings = {"padding": padding, "groups": groups, "dilation": dilation, "engine": engine}
    check_vjp(
        lambda x, w, b: conv2d_forward(x, w, b, **settings),
        lambda dy, x, w, b: conv2d_backward(dy, x, w, **settings),
        arrays(kernel, groups, rng),
        rng=rng,
    )


@pytest.mark.frameworks
def test_tensorflow_agrees(tf, quick_engine, rng):
    x, w, _ = arrays((3, 2), 1, rng)
    for padding in ("valid", "same"):
        want = tf.nn.conv2d(x, w, 1, padding.upper(), dilations=(2, 3)).numpy()
        got = conv2d_forward(x, w, np.zeros(6), padding=padding, dilation=(2, 3), engine=quick_engine)
        assert_allclose(got, want, rtol=1e-12, atol=1e-12)


def test_strides_with_a_dilation_are_refused(rng):
    x, w, b = arrays((3, 2), 1, rng)
    with pytest.raises(
        ValueError, match=r"^conv2d needs a stride of 1 where it has a dilation; got stride \(1, 2\), d"
    ):
        conv2d_forward(x, w, b, stride=(1, 2), dilation=2)
    with pytest.raises(ValueError, match=r"kernel \(7, 4\), padded input \(6, 7\)"):
        conv2d_forward(x[:, :6], w, b, dilation=3)
    with pytest.raises(ValueError, match="dilation must be an integer of at least 1, or"):
        conv2d_backward(x, x, w, dilation=0)


def test_blocks_of_examples_change_nothing_but_rounding(monkeypatch, engine, rng):
    x, w, b = arrays((3, 2), 1, rng)
    x = np.concatenate([x, x + 1, x - 1])
    y = conv2d_forward(x, w, b, dilation=(1, 2), engine=engine)
    dx, dw, db = conv2d_backward(y, x, w, dilation=(1, 2), engine=engine)
    monkeypatch.setattr(_windows, "_BLOCK", 2 * (x[0].nbytes + y[0].nbytes))
    assert_allclose(conv2d_forward(x, w, b, dilation=(1, 2), engine=engine), y, rtol=1e-12)
    again = conv2d_backward(y, x, w, dilation=(1, 2), engine=engine)
    for got, want in zip(again, (dx, dw, db), strict=True):
        assert got is not None and want is not None
        assert_allclose(got, want, rtol=1e-11, atol=1e-11)
