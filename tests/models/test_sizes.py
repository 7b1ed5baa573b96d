"""Each model takes images of any size that its layers can use, and any number of classes; it is known by its layers."""

import re
from dataclasses import replace

import numpy as np
import pytest

from convlens.models import MODELS, build_model, recognise
from convlens.nn import SGD, Dense, Flatten, Sequential
from convlens.training import fit

# The smallest images of each model, and what it says one pixel below
SMALLEST = {
    "alexnet": (67, 71),
    "convnet": (10, 11),
    "lenet5": (12, 13),
    "vgg_small": (8, 9),
}
SMALL = sorted(set(MODELS) - {"alexnet"})


@pytest.mark.parametrize("name", SMALLEST)
def test_the_smallest_images_fit_and_smaller_ones_are_named_with_the_layer(name):
    h, w = SMALLEST[name]
    if name != "alexnet":  # 17 million weights
        model = build_model(name, input_shape=(h, w, 2), classes=3)
        assert (model.input_shape, model.output_shape) == ((h, w, 2), (3,))
        x = np.random.default_rng(0).random((2, h, w, 2), dtype=np.float32)
        np.testing.assert_allclose(model.predict(x).sum(axis=1), 1, atol=1e-6)
    rule = rf"^{name} needs larger images; with {h - 1} × {w} pixels, layer \w+: the kernel must fit into"
    with pytest.raises(ValueError, match=rule):
        build_model(name, input_shape=(h - 1, w, 2), classes=3)


@pytest.mark.parametrize("name", SMALL)
def test_a_model_is_known_by_its_layers(name):
    model = build_model(name, input_shape=(30, 34, 3), classes=7)
    assert recognise(model) == model.name == name
    layers = [replace(layer, name=f"own_{k}") for k, layer in enumerate(model.layers)]
    assert recognise(Sequential(layers, (30, 34, 3))) == name
    assert recognise(Sequential([*layers[:-1], Dense(6), Dense(7)], (30, 34, 3))) is None


PARAMETERS = {"convnet": (34_826, 0), "resnet8": (78_714, 672), "vgg_small": (551_914, 896)}


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_number_of_parameters(name):
    model = build_model(name)
    assert (model.count_params(), model.flat_state.size) == PARAMETERS[name]


def test_resnet8_takes_images_of_any_size():
    model = build_model("resnet8", input_shape=(1, 5, 2), classes=3)
    assert model.predict(np.ones((2, 1, 5, 2), np.float32)).shape == (2, 3)


@pytest.mark.parametrize("name", SMALL)
def test_a_few_steps_lower_the_loss(name):
    model = build_model(name, input_shape=(14, 13, 1), classes=3, seed=1)
    rng = np.random.default_rng(0)
    x, y = rng.random((32, 14, 13, 1), dtype=np.float32), rng.integers(0, 3, 32)
    x[y == 1, :5] += 1
    x[y == 2, :, :5] += 1
    first, *_, last = fit(model, x, y, epochs=40, batch_size=16, optimizer=SGD(0.02, momentum=0.9)).epochs
    assert last.loss < first.loss / 2


def test_a_network_of_ones_own_is_not_known():
    assert recognise(Sequential([Flatten(), Dense(3)], (5, 4, 1))) is None
    assert recognise(Sequential([Flatten()], (5, 4, 1))) is None


@pytest.mark.parametrize("name", SMALL)
def test_the_seed_decides_the_first_weights(name):
    one, same, other = (build_model(name, input_shape=(28, 30, 1), classes=4, seed=seed) for seed in (1, 1, 2))
    assert one.flat.tobytes() == same.flat.tobytes() != other.flat.tobytes()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"input_shape": (28, 28)}, "input_shape must be (h, w, c); got (28, 28)"),
        ({"input_shape": 28}, "input_shape must be (h, w, c); got 28"),
        ({"input_shape": (28, 0, 1)}, "each number of input_shape must be an integer of at least 1; got 0"),
        ({"classes": 0}, "classes must be an integer of at least 1; got 0"),
    ],
)
def test_what_is_no_size_is_named(given, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        build_model("lenet5", **given)
