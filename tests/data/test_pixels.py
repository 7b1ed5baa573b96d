"""Pixels are kept once and converted when they are used, with the bits of a conversion of all at once."""

import dataclasses

import numpy as np
import pytest
from tests.support import small

import convlens
from convlens.data import Pixels, as_float, from_arrays
from convlens.nn import Dense, Flatten, Sequential
from convlens.training.checks import check_data, check_training

pytestmark = pytest.mark.smoke


def raw():
    return np.random.default_rng(0).integers(0, 256, (9, 5, 4, 1), dtype=np.uint8)


def test_pixels_are_kept_as_uint8_and_converted_as_the_course_does():
    x, y = raw(), np.arange(9) % 3
    digits = from_arrays(x, y, x[:4], y[:4])
    assert digits.pixels_train is x and digits.scale == 1 / 256
    assert digits.pixels_test.dtype == np.uint8
    assert np.array_equal(digits.x_train, np.divide(x, 256, dtype=np.float32))
    assert digits.x_train.dtype == np.float32


def test_an_index_converts_only_what_it_chooses():
    pixels = Pixels(raw(), 1 / 256)
    assert (len(pixels), pixels.shape, pixels.dtype.name) == (9, (9, 5, 4, 1), "float32")
    chosen = np.array([7, 0, 2])
    assert np.array_equal(pixels[chosen], as_float(raw(), 1 / 256)[chosen])
    assert pixels[2:4].dtype == np.float32 and pixels[2:4].shape == (2, 5, 4, 1)
    assert np.array_equal(np.asarray(pixels), as_float(raw(), 1 / 256))


def test_floats_with_scale_one_are_not_copied():
    x = np.ones((2, 3, 4, 1), np.float32)
    assert as_float(x, 1) is x
    assert as_float(x, 0.5, np.float64).dtype == np.float64


def test_training_from_pixels_gives_the_bits_of_training_from_floats():
    x, y = np.random.default_rng(1).integers(0, 256, (60, 5, 4, 1), dtype=np.uint8), np.arange(60) % 3
    found = []
    for images in (Pixels(x, 1 / 256), as_float(x, 1 / 256)):
        model = Sequential((Flatten(), Dense(3)), (5, 4, 1), seed=2)
        history = convlens.fit(model, images, y, validation=(images, y), epochs=2, batch_size=7, threads=1)
        found.append((model.flat.tobytes(), history.history["val_loss"]))
    assert found[0] == found[1]


def test_pixels_that_do_not_fit_are_refused():
    model = small.tiny()
    y = np.zeros(9, np.int64)
    check_data(model, "training", Pixels(raw(), 1 / 256), y)
    with pytest.raises(ValueError, match=r"^training images must be \(n, 5, 4, 1\) .* got \(9, 4, 5, 1\)$"):
        check_data(model, "training", Pixels(raw().reshape(9, 4, 5, 1), 1 / 256), y)
    bad = raw().astype(np.float32)
    bad[1, 2, 3] = np.inf
    with pytest.raises(ValueError, match="training images must be finite; got 1 NaN or infinite numbers"):
        check_training(model, Pixels(bad, 1.0), y, lambda images, rng: images)


def test_the_fingerprint_holds_class_names_only_if_they_are_not_the_labels():
    x, y = raw(), np.arange(9) % 3
    digits = from_arrays(x, y, x[:4], y[:4])
    assert digits.class_names == ("0", "1", "2")
    named = dataclasses.replace(digits, class_names=("a", "b", "c"))
    assert named.fingerprint != digits.fingerprint
    assert dataclasses.replace(digits, class_names=("0", "1", "2")).fingerprint == digits.fingerprint
    as_floats = from_arrays(as_float(x, 1 / 256), y, as_float(x[:4], 1 / 256), y[:4])
    assert as_floats.fingerprint == digits.fingerprint


def test_pixels_are_converted_to_the_number_type_of_the_network():
    x, y = raw(), np.arange(9) % 3
    images = from_arrays(x, y, x[:4], y[:4]).images("train", np.float64)
    assert images.dtype == images[2:5].dtype == np.asarray(images).dtype == np.float64
    assert np.array_equal(images[2:5], x[2:5] / 256)
    model = Sequential([Flatten(), Dense(3)], (5, 4, 1), dtype=np.float64)
    check_training(model, images, y, None)
