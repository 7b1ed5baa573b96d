"""Unusual arrays: unaligned, masked, matrices, memory-mapped. Also strides and paddings too large for an address."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.support import small

import convlens
from convlens import ops
from convlens.nn import Conv2D, Dense, Flatten, MaxPooling2D, Sequential

DTYPES = (np.float32, np.float64)


def unaligned(array):
    """The same numbers at an address one byte off alignment."""
    raw = bytearray(array.nbytes + 1)
    found = np.frombuffer(raw, np.uint8, offset=1).view(array.dtype).reshape(array.shape)
    found[...] = array
    assert not found.flags.aligned
    return found


def unchanged(array):
    return array


def results(change, engine, rng, dtype):
    """The results of every window operation. Each call gets one array changed by `change`, every array in one call."""

    def normal(*shape):
        return rng.standard_normal(shape).astype(dtype)

    x, w, b, dy = normal(3, 7, 5, 2), normal(3, 2, 2, 4), normal(4), normal(3, 3, 4, 4)
    conv = {"stride": (2, 1), "engine": engine}
    pool = {"stride": (2, 1), "engine": engine}
    d_pool = normal(3, 3, 4, 2)
    y = ops.max_pool2d_forward(x, (3, 2), **pool)
    found = []
    for k in range(3):
        x_, w_, b_ = (change(a) if j == k else a for j, a in enumerate((x, w, b)))
        dy_, xx, ww = (change(a) if j == k else a for j, a in enumerate((dy, x, w)))
        d_, xp, yy = (change(a) if j == k else a for j, a in enumerate((d_pool, x, y)))
        found += [ops.conv2d_forward(x_, w_, b_, **conv), *ops.conv2d_backward(dy_, xx, ww, **conv)]
        found += [ops.max_pool2d_forward(xp, (3, 2), **pool), ops.max_pool2d_backward(d_, xp, yy, (3, 2), **pool)]
        found += [ops.avg_pool2d_forward(xp, (3, 2), **pool), ops.avg_pool2d_backward(d_, xp, (3, 2), **pool)]
    return found


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_unaligned_array_gives_the_same_result(engine, dtype):
    wanted = results(unchanged, engine, np.random.default_rng(0), dtype)
    for got, want in zip(results(unaligned, engine, np.random.default_rng(0), dtype), wanted, strict=True):
        assert_array_equal(got, want)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_kernel_takes_and_fills_an_unaligned_array(engine, rng, dtype):
    xp, w = rng.standard_normal((2, 5, 7, 3)).astype(dtype), rng.standard_normal((2, 3, 3, 4)).astype(dtype)
    bias, y = np.zeros(4, dtype), np.full((2, 4, 5, 4), np.nan, dtype)
    into = unaligned(y)
    engine.conv2d(xp, w, bias, (1, 1), y)
    engine.conv2d(unaligned(xp), unaligned(w), unaligned(bias), (1, 1), into)
    assert_array_equal(into, y)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_network_takes_unaligned_images_and_labels(engine, dtype):
    model = small.tiny(dtype)
    model = Sequential(model.layers, model.input_shape, dtype=dtype, engine=engine.name)
    x, y = small.patterns(33, dtype)
    gradient, other = np.empty_like(model.flat), np.empty_like(model.flat)
    wanted = model.loss_gradient(x, y, 1 / 33, gradient)
    for images, labels in ((unaligned(x), y), (x, unaligned(y))):
        for got, want in zip(model.loss_gradient(images, labels, 1 / 33, other), wanted, strict=True):
            assert_array_equal(got, want)
        assert_array_equal(other, gradient)
    assert_array_equal(model.predict(unaligned(x)), model.predict(x))


MASKED = np.ma.masked_array([0, 1, 2, 10**9], mask=[False, False, False, True])


def test_masked_labels_are_refused(engine):
    model = small.tiny()
    model = Sequential(model.layers, model.input_shape, engine=engine.name)
    x, _ = small.patterns(4)
    plain = r"labels must be 4 integers, one for each example; got MaskedArray"
    with pytest.raises(ValueError, match=plain):
        model.loss_gradient(x, MASKED, 0.25, np.empty_like(model.flat))
    with pytest.raises(ValueError, match=f"training {plain}"):
        convlens.fit(model, x, MASKED)
    with pytest.raises(ValueError, match=f"evaluation {plain}"):
        convlens.evaluate(model, x, MASKED)
    with pytest.raises(ValueError, match=plain):
        ops.softmax_cross_entropy_forward(np.zeros((4, 3)), MASKED)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("kind", ["masked", "matrix"])
def test_masked_arrays_and_matrices_are_refused(engine, kind):
    x = np.ones((2, 4), np.float32)
    odd = np.ma.masked_array(x) if kind == "masked" else np.asmatrix(x)
    told = f"got {'MaskedArray' if kind == 'masked' else 'matrix'}"
    with pytest.raises(ValueError, match=f"dense needs x as an array of float32 or float64; {told}"):
        ops.dense_forward(odd, np.ones((4, 3), np.float32), np.ones(3, np.float32))
    if kind == "masked":
        image = np.ma.masked_array(np.ones((1, 4, 5, 1), np.float32))
        with pytest.raises(ValueError, match=f"max_pool2d needs x as an array of float32 or float64; {told}"):
            ops.max_pool2d_forward(image, (2, 2), engine=engine)
        kernel, bias = np.ones((2, 3, 1, 2), np.float32), np.ones(2, np.float32)
        for arguments in ((image, kernel, bias), (np.asarray(image), kernel, np.ma.masked_array(bias))):
            with pytest.raises(ValueError, match=rf"conv2d needs [xb] as an array of float32 or float64; {told}"):
                ops.conv2d_forward(*arguments, engine=engine)
        model = small.tiny()
        with pytest.raises(ValueError, match=f"x must be a plain array of numbers; {told}"):
            model.predict(np.ma.masked_array(small.patterns(3)[0]))
        with pytest.raises(ValueError, match=f"x must be float32, the model's dtype; {told}"):
            model.logits(np.ma.masked_array(small.patterns(3)[0]))


def test_a_memory_mapped_file_is_a_plain_array(engine, tmp_path):
    x = small.patterns(20)[0]
    np.save(tmp_path / "x.npy", x)
    model = small.tiny()
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert_array_equal(model.predict(mapped), model.predict(x))
    pooled = ops.max_pool2d_forward(mapped, (2, 3), engine=engine)
    assert type(pooled) is np.ndarray
    assert_array_equal(pooled, ops.max_pool2d_forward(x, (2, 3), engine=engine))


@pytest.mark.parametrize("stride", [2**31, 2**61, 2**63, 2**64, 10**30])
def test_a_stride_too_large_for_an_address_is_refused(engine, stride):
    x, w, b = np.ones((1, 4, 5, 1), np.float32), np.ones((2, 3, 1, 2), np.float32), np.ones(2, np.float32)
    rule = "stride must be at most 2147483647; got"
    for call in (
        lambda: ops.max_pool2d_forward(x, (2, 3), stride=(1, stride), engine=engine),
        lambda: ops.max_pool2d_forward(x, (2, 3), stride=stride, engine=engine),
        lambda: ops.avg_pool2d_forward(x, (2, 3), stride=(stride, 1), engine=engine),
        lambda: ops.conv2d_forward(x, w, b, stride=(stride, stride), engine=engine),
        lambda: ops.conv2d_backward(np.ones((1, 1, 1, 2), np.float32), x, w, stride=(stride, 1), engine=engine),
    ):
        with pytest.raises(ValueError, match=rule):
            call()


def test_the_largest_stride_gives_one_window(engine):
    x, w, b = np.ones((2, 4, 5, 1), np.float32), np.ones((2, 3, 1, 2), np.float32), np.ones(2, np.float32)
    stride = (2**31 - 1, 2**31 - 1)
    assert_allclose(ops.conv2d_forward(x, w, b, stride=stride, engine=engine), np.full((2, 1, 1, 2), 7))
    dx, dw, db = ops.conv2d_backward(np.ones((2, 1, 1, 2), np.float32), x, w, stride=stride, engine=engine)
    assert dx is not None
    assert dx.sum() == 24 and dw.sum() == 24 and db.sum() == 4
    assert (
        ops.max_pool2d_backward(
            np.ones((2, 1, 1, 1), np.float32),
            x,
            np.ones((2, 1, 1, 1), np.float32),
            (2, 3),
            stride=stride,
            engine=engine,
        )[:, 0, 0].sum()
        == 2
    )


@pytest.mark.parametrize("padding", [((0, 2**40), (0, 0)), ((0, 0), (2**63, 0)), "course"])
def test_padding_too_large_for_an_address_is_refused(engine, padding):
    x, w, b = np.ones((1, 4, 5, 1), np.float32), np.ones((2, 3, 1, 2), np.float32), np.ones(2, np.float32)
    with pytest.raises(ValueError, match="the padded input must have at most 2147483647 rows and columns; got"):
        ops.conv2d_forward(x, w, b, padding=padding, stride=(2**31 - 1, 1), engine=engine)


def test_a_layer_with_too_large_a_stride_is_refused_when_it_is_made():
    with pytest.raises(ValueError, match="strides must be at most 2147483647"):
        Conv2D(2, (3, 2), strides=2**61)
    with pytest.raises(ValueError, match="strides must be at most 2147483647"):
        MaxPooling2D((2, 2), strides=(1, 2**61))
    model = Sequential([MaxPooling2D((2, 2), strides=2**31 - 1), Flatten(), Dense(3)], (5, 4, 1))
    assert model.predict(np.ones((3, 5, 4, 1), np.float32)).shape == (3, 3)
