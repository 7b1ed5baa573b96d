"""training.matching: data get the classes, scale and channels of the network that is evaluated on them."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tests.support.coloured import coloured

from convlens.data import from_arrays
from convlens.training.matching import as_trained
from convlens.training.stored_images import Images, of_digits

NAMES = ("ant", "bee", "cat")


def images(**changes):
    return replace(Images(NAMES, 1 / 256, None, (6, 9), True), **changes)


def digits(names=NAMES, channels=3, **changes):
    return replace(coloured(30, names, (6, 9), channels), **changes)


def test_the_same_classes_and_sizes_are_left_as_they_are():
    data = digits()
    x, y, notes = as_trained(data, ["valid"], images(), (6, 9, 3))
    np.testing.assert_array_equal(x[:], data.x_valid)
    assert y is data.y_valid and notes == []


def test_labels_are_matched_by_name():
    data = digits(("cat", "ant", "bee"))
    _, y, _ = as_trained(data, ["train"], images(), (6, 9, 3))
    assert [NAMES[k] for k in y] == [data.class_names[k] for k in data.y_train]


def test_data_may_lack_classes_of_the_network():
    data = digits(("cat", "ant"))
    _, y, _ = as_trained(data, ["valid"], images(), (6, 9, 3))
    assert set(y.tolist()) == {0, 2}


def test_other_classes_are_refused_with_both_lists():
    with pytest.raises(ValueError, match="must be the network's, ant, bee, cat; arrays has ant, dog, cat"):
        as_trained(digits(("ant", "dog", "cat")), ["valid"], images(), (6, 9, 3))
    many = tuple(f"n{k}" for k in range(40))
    with pytest.raises(ValueError, match=r"the network's, n0, .*, n11 and 28 more; arrays has ant, bee, cat"):
        as_trained(digits(), ["valid"], images(class_names=many), (6, 9, 3))


def test_another_size_is_refused_with_both():
    with pytest.raises(ValueError, match=r"network's, 6x9 \(width x height\); those of arrays are 9x6"):
        as_trained(digits(), ["valid"], images(), (9, 6, 3))
    with pytest.raises(ValueError, match="must have 4 channels, as the network's; those of arrays have 3"):
        as_trained(digits(), ["valid"], images(), (6, 9, 4))
    with pytest.raises(ValueError, match=r"must take images \(height, width, channels\); it takes \(162,\)"):
        as_trained(digits(), ["valid"], images(), (162,))


def test_grey_images_for_a_network_of_colour_images():
    data = digits(channels=1)
    x, _, (note,) = as_trained(data, ["valid"], images(), (6, 9, 3))
    for channel in range(3):
        np.testing.assert_array_equal(x[:][..., channel], data.x_valid[..., 0])
    assert note == "the images of arrays are grey; the network takes colour images, so they were converted"


def test_colour_images_become_grey_as_in_pillow():
    data = digits()
    x, _, (note,) = as_trained(data, ["valid"], images(), (6, 9, 1))
    for found, raw in zip(x.raw, data.pixels_valid, strict=True):
        assert np.abs(np.asarray(Image.fromarray(raw).convert("L")).astype(int) - found[..., 0]).max() <= 1
    assert note == "the images of arrays are in colour; the network takes grey images, so they were converted"


def test_uint8_pixels_get_the_scale_of_the_training_images():
    data = digits()
    x, _, notes = as_trained(data, ["valid"], images(scale=1 / 255), (6, 9, 3))
    np.testing.assert_allclose(x[:], data.pixels_valid / 255, rtol=1e-6)
    assert notes == []
    x, _, notes = as_trained(data, ["valid"], images(scale=1.0), (6, 9, 3))  # a network that rescales its input
    np.testing.assert_array_equal(x[:], data.pixels_valid)
    assert notes == []
    floats = from_arrays(data.x_train, data.y_train, data.x_valid, data.y_valid)
    floats = replace(floats, class_names=NAMES)
    np.testing.assert_array_equal(as_trained(floats, ["valid"], images(), (6, 9, 3))[0][:], data.x_valid)


@pytest.mark.parametrize("levels", [2, 17])
def test_truth_values_and_levels_up_to_16_are_scaled_to_1_and_pictures_of_8_bits_too(levels):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, levels, (30, 6, 9, 3)), np.arange(30) % 3
    data = replace(from_arrays(x, y), class_names=NAMES)
    about = of_digits(data)
    assert about.scale == 1 / 255  # for pictures to predict
    found, _, notes = as_trained(data, ["valid"], about, (6, 9, 3))
    np.testing.assert_array_equal(found[:], data.x_valid)
    assert found[:].max() == 1 and notes == []


def test_another_polarity_is_told():
    _, _, (note,) = as_trained(digits(light_ink=False), ["valid"], images(light_ink=True), (6, 9, 3))
    assert note == "the images of arrays are dark on light; the network was trained on light on dark"


def test_parts_follow_each_other():
    data = digits()
    x, y, _ = as_trained(data, ["valid", "train"], images(), (6, 9, 3))
    np.testing.assert_array_equal(x.raw, np.concatenate([data.pixels_valid, data.pixels_train]))
    np.testing.assert_array_equal(y, np.concatenate([data.y_valid, data.y_train]))
