"""Neighbours: the hidden activations equal those of a trace; the nearest rows equal those found by a float64 loop."""

import math

import numpy as np
import pytest

from convlens.data import Pixels, as_float
from convlens.inspection import neighbours
from convlens.inspection.neighbours import hidden, hidden_units, nearest, nearest_images
from convlens.inspection.trace import trace
from convlens.models.lenet5 import lenet5
from convlens.nn import AveragePooling2D, Conv2D, Dense, Flatten, MaxPooling2D, Sequential

LAYERS = (
    Conv2D(3, (3, 2), strides=(1, 2), padding="same", activation="relu"),
    MaxPooling2D((2, 3), strides=(2, 1)),
    Flatten(),
    Dense(7, activation="relu"),
    Dense(4),
)


def model(dtype="float64", layers=LAYERS):
    return Sequential(layers, (9, 14, 2), seed=1, dtype=dtype, engine="numpy")


def images(rng, n, dtype="float64"):
    return rng.standard_normal((n, 9, 14, 2)).astype(dtype)


def by_loop(rows, among, k):
    """The nearest rows by the definition, one number at a time."""
    places, distances = [], []
    for a in rows.astype(np.float64).tolist():
        d = [math.sqrt(sum((p - q) ** 2 for p, q in zip(a, b, strict=True))) for b in among.astype(np.float64).tolist()]
        order = sorted(range(len(d)), key=lambda i: (d[i], i))[:k]
        places.append(order)
        distances.append([d[i] for i in order])
    return np.array(places), np.array(distances)


@pytest.mark.smoke
@pytest.mark.parametrize(("q", "n", "units", "k"), [(3, 11, 5, 4), (1, 1, 1, 1), (4, 6, 2, 6), (2, 9, 7, 1)])
def test_the_nearest_rows_equal_those_of_a_loop(rng, q, n, units, k):
    rows, among = rng.standard_normal((q, units)), rng.standard_normal((n, units))
    found = nearest(rows, among, k)
    places, distances = by_loop(rows, among, k)
    np.testing.assert_array_equal(found.places, places)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-13)
    assert found.places.shape == found.distances.shape == (q, k)
    assert found.places.dtype == np.int64


@pytest.mark.parametrize("numbers", [1, 10, 37, 1 << 20])
def test_the_size_of_the_blocks_does_not_change_the_result(rng, monkeypatch, numbers):
    x, among = images(rng, 3), images(rng, 23)
    expected = nearest_images(model(), x, among, 4)
    rows, there = hidden(model(), x), hidden(model(), among)
    monkeypatch.setattr(neighbours, "_NUMBERS", numbers)
    np.testing.assert_allclose(hidden(model(), among), there, rtol=0, atol=1e-12)
    for one, other in zip(nearest(rows, there, 4), expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_nearest_images_equal_those_of_a_loop_over_hidden_activations(rng, dtype):
    x, among, tolerance = images(rng, 3, dtype), images(rng, 40, dtype), 1e-5 if dtype == "float32" else 1e-12
    rows, others = (trace(model(dtype), some, np.zeros(len(some), int)).layers[-1].input for some in (x, among))
    found = nearest_images(model(dtype), x, among, 5)
    places, distances = by_loop(rows, others, 5)
    np.testing.assert_array_equal(found.places, places)
    np.testing.assert_allclose(found.distances, distances, rtol=tolerance)
    assert found.distances.dtype == dtype


@pytest.mark.smoke
def test_rows_at_equal_distance_keep_their_order(rng):
    row = rng.standard_normal((1, 6))
    far, near = row + 3, row + 0.5
    among = np.concatenate([far, near, far, near, row, near, near, far])
    assert nearest(row, among, 3).places.tolist() == [[4, 1, 3]]
    found = nearest(row, among, 7)
    assert found.places.tolist() == [[4, 1, 3, 5, 6, 0, 2]]
    assert found.distances[0, 0] == 0
    assert len(set(found.distances[0].tolist())) == 3
    assert nearest(np.zeros((1, 2)), np.array([[0, 2.0], [2, 0], [-2, 0], [0, 1]]), 3).places.tolist() == [[3, 0, 1]]


def test_distances_of_numbers_far_from_0_are_accurate(rng):
    """The formula |a|² + |b|² - 2 ab would lose every digit here."""
    rows = (1000 + rng.random((4, 30))).astype(np.float32)
    among = (1000 + rng.random((50, 30))).astype(np.float32)
    places, distances = by_loop(rows, among, 6)
    found = nearest(rows, among, 6)
    np.testing.assert_array_equal(found.places, places)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-5)


def test_hidden_returns_the_input_of_the_last_dense_layer(rng, engine):
    lenet = lenet5(seed=3, engine=engine.name)
    x = rng.random((5, 28, 28, 1), np.float32)
    found = hidden(lenet, x)
    assert found.shape == (5, 84) and found.dtype == np.float32
    np.testing.assert_allclose(found, trace(lenet, x, np.zeros(5, int)).layers[-1].input, rtol=1e-4, atol=1e-5)
    assert found.min() == 0 < found.max()


def test_layers_after_the_last_dense_one_do_not_count(rng):
    x = images(rng, 4)
    with_pool = (*LAYERS[:2], AveragePooling2D((2, 1)), Flatten(), Dense(6))
    found = hidden(model(layers=with_pool), x)
    passed = trace(model(layers=with_pool), x, np.zeros(4, int)).layers
    np.testing.assert_allclose(found, passed[4].input, atol=1e-12)


def test_without_a_dense_layer_the_last_convolution_counts(rng):
    """Its input is averaged over all positions: one number for each channel."""
    layers = (*LAYERS[:2], AveragePooling2D((1, 2)), Conv2D(4, (2, 1)), MaxPooling2D((3, 2)), Flatten())
    network, x = model(layers=layers), images(rng, 5)
    passed = trace(network, x, np.zeros(5, int)).layers
    assert passed[3].input.ndim == 4
    np.testing.assert_allclose(hidden(network, x), passed[3].input.mean(axis=(1, 2)), atol=1e-12)
    assert (hidden_units(network), hidden_units(model())) == (3, 7)


def test_pixels_are_converted_a_few_images_at_a_time(rng, monkeypatch):
    raw = rng.integers(0, 256, (23, 9, 14, 2)).astype(np.uint8)
    network = model("float32")
    expected = hidden(network, Pixels(raw, 0.01)[:])
    seen = []

    def chosen(some, index):
        seen.append(index)
        return as_float(some.raw[index], some.scale)

    monkeypatch.setattr(Pixels, "__getitem__", chosen)
    monkeypatch.setattr(neighbours, "_NUMBERS", 2000)
    np.testing.assert_allclose(hidden(network, Pixels(raw, 0.01)), expected, rtol=1e-5, atol=1e-5)
    assert sorted(part.start for part in seen) == [0, 7, 14, 21]
    floats = raw.astype(np.float32)
    floats[3, 2, 1, 0] = np.nan
    with pytest.raises(ValueError, match="x must be finite; got 1 NaN or infinite numbers"):
        hidden(network, Pixels(floats, 1.0))


def test_the_arguments_are_not_changed(rng):
    network, x, among = model(), images(rng, 2), images(rng, 7)
    before = x.copy(), among.copy(), network.flat.copy()
    nearest_images(network, x, among, 3)
    for now, then in zip((x, among, network.flat), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_no_row_has_no_neighbours():
    found = nearest(np.zeros((0, 3)), np.ones((4, 3)), 2)
    assert found.places.shape == found.distances.shape == (0, 2)


# Errors


@pytest.mark.parametrize(
    ("rows", "among", "k", "text"),
    [
        (np.ones((1, 3)), np.ones((4, 3)), 5, "k must be at most the number of candidates, 4; got 5"),
        (np.ones((1, 3)), np.ones((0, 3)), 1, "k must be at most the number of candidates, 0; got 1"),
        (np.ones((1, 3)), np.ones((4, 3)), 0, "k must be an integer of at least 1; got 0"),
        (np.ones((1, 3)), np.ones((4, 3)), 2.0, "k must be an integer of at least 1; got 2.0"),
        (np.ones((1, 3)), np.ones((4, 2)), 1, r"the same units and dtype; got float64 \(1, 3\), float64 \(4, 2\)"),
        (np.ones((1, 3), "f"), np.ones((4, 3)), 1, r"the same units and dtype; got float32 \(1, 3\), float64 \(4, 3\)"),
        (np.ones(3), np.ones((4, 3)), 1, r"rows must be float32 or float64 \(n, units\); got float64 \(3,\)"),
        (np.ones((1, 3)), [[1, 2, 3]], 1, r"among must be float32 or float64 \(n, units\); got list \(1, 3\)"),
        (np.ones((1, 3), int), np.ones((4, 3)), 1, r"rows must be .*; got int64 \(1, 3\)"),
        (np.ones((1, 3)), np.full((4, 3), np.nan), 1, "among must be finite; got 12 NaN or infinite numbers"),
    ],
)
def test_bad_rows_are_refused(rows, among, k, text):
    with pytest.raises(ValueError, match=text):
        nearest(rows, among, k)


def test_bad_images_and_networks_are_refused(rng):
    with pytest.raises(ValueError, match=r"x must be \(n, 9, 14, 2\) with n of at least 1; got \(2, 14, 9, 2\)"):
        hidden(model(), np.zeros((2, 14, 9, 2)))
    with pytest.raises(ValueError, match="x must be float64, the model's dtype; got float32"):
        hidden(model(), images(rng, 1, "float32"))
    with pytest.raises(
        ValueError,
        match="hidden activations need a Dense layer, or a convolution after the first one; sequential has none",
    ):
        hidden(model(layers=LAYERS[:3]), images(rng, 1))
    with pytest.raises(ValueError, match="k must be at most the number of candidates, 4; got 5"):
        nearest_images(model(), images(rng, 1), images(rng, 4))
