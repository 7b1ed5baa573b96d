"""Prediction with the engine numba: changed weights are seen, any number of images, probabilities."""

import threading

import numpy as np
import pytest

pytest.importorskip("numba")

from convlens.models import build_model
from convlens.nn import Conv2D, Dense, Flatten, MaxPooling2D, ReLU, Sequential


def vgg(engine="numba", end="softmax"):
    layers = [
        Conv2D(32, 3, padding="same", activation="relu"),
        Conv2D(48, 3, padding="same", activation="relu"),
        MaxPooling2D(2),
        Conv2D(48, 3, strides=2, groups=3),
        ReLU(),
        Flatten(),
        Dense(17, activation="relu"),
        Dense(5, activation=end),
    ]
    return Sequential(layers, (19, 22, 3), engine=engine, seed=2)


def twins(end="softmax"):
    ours, theirs = vgg("numba", end), vgg("numpy", end)
    assert ours.fused is not None
    theirs.flat[...] = ours.flat
    return ours, theirs


def images(n, shape=(19, 22, 3)):
    return np.random.default_rng(n).standard_normal((n, *shape)).astype(np.float32)


def near(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("n", [1, 2, 4, 5, 8, 13, 16, 17, 33, 100])
@pytest.mark.parametrize("end", ["softmax", None])
def test_any_number_of_images(n, end):
    ours, theirs = twins(end)
    for size in (None, 7):
        near(ours.predict(images(n), size), theirs.predict(images(n)))


@pytest.mark.parametrize("n", [1, 20])
def test_each_changed_weight_is_seen(n):
    ours, theirs = twins()
    x = images(n)
    for k in np.linspace(0, ours.flat.size - 1, 23).astype(int):
        for model in (ours, theirs):
            model.flat[k] += 1.5
        near(ours.predict(x), theirs.predict(x))
    ours.flat[...] = theirs.flat[...] = vgg().flat
    near(ours.predict(x), theirs.predict(x))


@pytest.mark.parametrize("n", [1, 2, 7])
def test_each_changed_weight_of_small_kernels_is_seen_and_no_result_changes_later(n):
    ours, theirs = (build_model("lenet5", engine=engine) for engine in ("numba", "numpy"))
    x, before = images(n, (28, 28, 1)), []
    for k in np.linspace(0, ours.flat.size - 1, 23).astype(int):
        for model in (ours, theirs):
            model.flat[k] += 1.5
        before.append((ours.predict(x), theirs.predict(x)))
    for found, wanted in before:
        near(found, wanted)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("units", [1, 16, 17, 84, 150])
def test_dense_layers_of_any_width(units, n, dtype):
    layers = [Conv2D(3, 2), Flatten(), Dense(units, activation="relu"), Dense(units + 2)]
    ours, theirs = (Sequential(layers, (4, 5, 2), engine=engine, dtype=dtype) for engine in ("numba", "numpy"))
    for model in (ours, theirs):
        model.flat[...] = np.random.default_rng(units).standard_normal(model.flat.size)
    x = images(n, (4, 5, 2)).astype(dtype)
    near(ours.predict(x), theirs.predict(x))


def test_weights_that_are_nan_are_seen_before_and_after():
    ours, theirs = twins()
    x = images(3)
    good = ours.flat.copy()
    ours.flat[40] = np.nan
    assert np.isnan(ours.predict(x)).all()
    ours.flat[...] = good
    near(ours.predict(x), theirs.predict(x))


def test_a_training_step_between_two_predictions():
    ours, theirs = twins()
    x, labels = images(20), np.arange(20) % 5
    for model in (ours, theirs):
        gradient = np.zeros_like(model.flat)
        model.loss_gradient(x, labels, 1 / 20, gradient, 2)
        model.flat[...] -= 0.1 * gradient
    near(ours.predict(x), theirs.predict(x))
    near(ours.predict(x[:1]), theirs.predict(x[:1]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_images_are_finite_even_if_their_squares_are_not(dtype):
    model = build_model("lenet5", engine="numba")
    x = images(2, (28, 28, 1)).astype(dtype)
    x[1, 3, 4] = 1e30 if dtype == np.float32 else 1e300
    with np.errstate(all="ignore"):
        assert model.predict(x).shape == (2, 10)
    for bad in (np.nan, np.inf, -np.inf):
        x[0, 5, 6] = bad
        with pytest.raises(ValueError, match=r"^x must be finite; got 1 NaN"):
            model.predict(x)


def test_the_same_bits_for_the_same_images():
    """In several threads at once, too."""
    model = build_model("lenet5", engine="numba")
    x = images(40, (28, 28, 1))
    wanted, found = model.predict(x), {}

    def run(k):
        found[k] = [model.predict(x) for _ in range(5)]

    threads = [threading.Thread(target=run, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in found.values():
        for y in each:
            np.testing.assert_array_equal(y, wanted)


def test_probabilities_add_up_to_one_and_logits_are_not_changed():
    model = build_model("lenet5", engine="numba")
    x = 30 * images(6, (28, 28, 1))
    probabilities, logits = model.predict(x), model.all_logits(x)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    z = logits.astype(float) - logits.max(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, np.exp(z) / np.exp(z).sum(axis=1, keepdims=True), rtol=1e-5, atol=1e-7)
