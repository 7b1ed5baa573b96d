"""What a page gets: the network and its weights, and pictures as the network gets them."""

import base64
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from convlens import nn
from convlens.data import from_arrays
from convlens.explorer import data
from convlens.explorer.packed import pack, unpack
from convlens.storage.tensors import tensors_from_bytes
from convlens.training.model_file import build
from convlens.training.stored_images import of_digits

MOST = 10**6


def test_a_network_can_be_built_again(network, digits):
    found = data.page_data(network, of_digits(digits))["networks"][0]
    weights, _ = tensors_from_bytes(base64.b64decode(found["weights"]), "weights")
    again = build(found["specification"], "numpy")
    again.set_weights([weights[name] for name in again.named_weights()])
    assert (again.flat == network.flat).all()
    shapes = [tuple(layer["shape"]) for layer in found["layers"]]
    assert shapes == [row.output_shape for row in network.table] and shapes[-1] == (10,)


def test_the_page_knows_which_layers_are_frozen(digits):
    model = nn.Sequential([nn.Flatten(), nn.Dense(4), nn.Dense(3)], (28, 28, 1), engine="numpy")
    first: Any = model.layers[1]
    first.trainable = False
    layers = data.page_data(model, of_digits(digits))["networks"][0]["layers"]
    assert [layer["trained"] for layer in layers] == [True, False, True]


def test_pictures_are_what_the_network_gets(network, digits):
    images = of_digits(digits)
    chosen = data.chosen_pictures(digits, images, network.input_shape, 40)
    packed = data.pictures_to_json(chosen, images)
    assert packed["dtype"] == "uint8" and packed["training"] == 30
    levels = unpack("data", packed, MOST)
    assert (levels.astype(np.float32) * np.float32(images.scale) == chosen.x).all()
    assert packed["labels"] == chosen.y.tolist()
    for k in range(30):
        assert (digits.x_train == chosen.x[k]).all(axis=(1, 2, 3)).any()
    for k in range(30, 40):
        assert (digits.x_valid == chosen.x[k]).all(axis=(1, 2, 3)).any()


def test_all_classes_have_pictures():
    assert data.in_turn(np.array([3, 3, 3, 3, 0, 1, 0]), 4).tolist() == [4, 5, 0, 6]
    labels = np.repeat(np.arange(10), 50)
    assert np.bincount(labels[data.in_turn(labels, 150)]).tolist() == [15] * 10


def test_pictures_that_are_no_levels_are_floats(digits):
    odd = replace(digits, pixels_train=np.cos(digits.x_train), pixels_valid=digits.x_valid, scale=1.0)
    images = of_digits(odd)
    chosen = data.chosen_pictures(odd, images, (28, 28, 1), 8)
    packed = data.pictures_to_json(chosen, images)
    assert packed["dtype"] == "float32"
    assert (unpack("data", packed, MOST) == chosen.x).all()


def test_large_pictures_are_fewer(monkeypatch, digits):
    monkeypatch.setattr(data, "_MOST_BYTES", 28 * 28 * 20)
    assert len(data.chosen_pictures(digits, of_digits(digits), (28, 28, 1)).y) == 20
    monkeypatch.setattr(data, "_MOST_TRAINING", 28 * 28 * 7)
    assert data.training_pictures(digits, of_digits(digits), (28, 28, 1)).training == 7


def test_a_network_that_is_too_large(monkeypatch, network, digits):
    monkeypatch.setattr(data, "_MOST_WEIGHTS", 100)
    with pytest.raises(ValueError, match=r"explore needs a network of at most 100 weights; .* has [\d,]+"):
        data.page_data(network, of_digits(digits))


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_arrays_come_back(rng, dtype):
    array = (rng.standard_normal((2, 3, 1)) * 50 + 128).astype(dtype)
    found = unpack("x", pack(array[:, ::-1]), 6)
    assert found.dtype == array.dtype and (found == array[:, ::-1]).all()
    assert pack(np.arange(3))["dtype"] == "float64"


WRONG: dict[str, list[Any]] = {
    "x must be an array": [None, [], {}, {"dtype": "int64", "shape": [1], "data": ""}],
    "x must have a shape of at most 4 sizes, each from 1 to 6": [
        {"dtype": "uint8", "shape": shape, "data": ""}
        for shape in (None, [0], [7], [-1], [True], [1.0], [1] * 5, ["1"])
    ],
    "x must have at most 6 numbers; got 9": [{"dtype": "uint8", "shape": [3, 3], "data": ""}],
    "x must be bytes in base64": [{"dtype": "uint8", "shape": [1], "data": text} for text in (None, "A", "é", "A A=")],
    r"x of shape \(2,\) must have 8 bytes": [{"dtype": "float32", "shape": [2], "data": "AAAA"}],
    "x must have finite numbers": [pack(np.array([value])) for value in (np.nan, np.inf, -np.inf)],
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_no_array(message):
    for found in WRONG[message]:
        with pytest.raises(ValueError, match=message):
            unpack("x", found, 6)


def test_a_colour_network_gets_colour_pictures():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (24, 6, 5, 3), np.uint8), np.arange(24) % 2
    colours = from_arrays(x[:16], y[:16], x[16:], y[16:], class_names=("cat", "dog"))
    model = nn.Sequential([nn.Flatten(), nn.Dense(2)], (6, 5, 3), engine="numpy")
    images = of_digits(colours)
    found = data.page_data(model, images, data.chosen_pictures(colours, images, model.input_shape, 8))
    assert found["pictures"]["shape"] == [8, 6, 5, 3]
    assert found["pictures"]["class_names"] == ["cat", "dog"] and found["networks"][0]["images"]["colour"]
