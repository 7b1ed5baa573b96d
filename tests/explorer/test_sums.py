"""The numbers shown add up to the number stated: every cell of every node, forward and backward, and every weight."""

import numpy as np
import pytest
from tests.support import kinds_of_layers
from tests.support.browser_networks import ask, given
from tests.support.chromium import ENGINE, module_page, packed
from tests.support.places import ROOT

from convlens.models.lenet5 import lenet5
from convlens.models.resnet8 import resnet8
from convlens.models.vgg_small import vgg_small
from convlens.nn import Dense, Flatten, Sequential

BOUNDS = {"float32": 3e-7, "float64": 1e-13}  # of the sum of the terms' sizes


def network(layers, shape, dtype, rng):
    """A network whose numbers are all different from 0 and 1, and a batch of two images."""
    model = layers if isinstance(layers, Sequential) else Sequential(layers, shape, dtype=dtype, engine="numpy")
    for name, w in model.named_weights().items():
        if not name.endswith("kernel"):
            w += rng.uniform(0.1, 0.5, w.shape).astype(w.dtype)
    return model, rng.uniform(-2, 2, (2, *shape)).astype(dtype)


def assert_sums(page, about, dtype):
    found = ask(page, "sums", about, "sums.js")
    assert found["wrong"] == []
    assert found["difference"] <= BOUNDS[dtype], found["where"]
    return found


@pytest.mark.parametrize(
    ("known", "shape", "cells"),
    [(lenet5, (28, 28, 1), 90_000), (vgg_small, (8, 8, 3), 200_000), (resnet8, (8, 6, 3), 100_000)],
)
def test_known_networks(engine_page, rng, known, shape, cells):
    model, x = network(known(shape, engine="numpy"), shape, "float32", rng)
    found = assert_sums(engine_page, given(model, x[:1], labels=[3]), "float32")
    assert found["cells"] > cells


@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", kinds_of_layers.NETWORKS)
def test_every_kind_of_layer(engine_page, rng, name, training, dtype):
    layers, shape = kinds_of_layers.NETWORKS[name]
    layers = tuple(layer for layer in layers if not (training and layer.kind.startswith("random_")))
    model, x = network(layers, shape, dtype, rng)
    ties = "all" if training else "first"
    assert_sums(engine_page, given(model, x, labels=[0, 2], training=training, ties=ties), dtype)


def test_the_sigmoid_and_soft_targets(engine_page, rng):
    for end in ("sigmoid", "softmax"):
        model, x = network([Flatten(), Dense(3, activation=end)], (3, 2, 1), "float64", rng)
        targets = np.array([[0.2, 0.0, 1.0], [0.5, 0.6, 0.7]])
        assert_sums(engine_page, given(model, x, targets=packed(targets)), "float64")


@pytest.mark.parametrize("name", ["lenet5", *kinds_of_layers.NETWORKS])
def test_windows_and_consumers_are_one_relation(engine_page, rng, name):
    if name == "lenet5":
        model, x = network(lenet5((16, 14, 1), engine="numpy"), (16, 14, 1), "float32", rng)
    else:
        model, x = network(*kinds_of_layers.NETWORKS[name], "float32", rng)
    for node in ask(engine_page, "unpaired", given(model, x), "sums.js"):
        assert (node["extra"], node["missing"]) == (0, 0), node["name"]
        assert node["pairs"] > 0


def test_the_largest_terms_are_kept_and_the_rest_is_one_number(engine_page, rng):
    model, x = network([Flatten(), Dense(3)], (5, 4, 1), "float64", rng)
    found = ask(engine_page, "foldedSum", given(model, x, labels=[0, 1], node=2, cell=[1], most=6), "sums.js")
    assert (found["count"], found["kept"], found["more"]) == (21, 6, 15)
    assert found["larger"] == 5
    assert abs(found["difference"]) < 1e-14


MUTANTS = [
    ("convolutions", "ops/conv2d.js", "i * g.stride[0] + a * g.dilation[0] - g.pads[0][0]", "i * g.stride[0] + a"),
    ("convolutions", "ops/conv2d.js", "Math.floor(o / g.mine) * g.per, found", "0, found"),
    ("convolutions", "ops/conv2d.js", "Math.floor(c / g.per) * g.mine, found", "0, found"),
    ("convolutions", "ops/conv2d.js", 'terms.push(product([at.w("bias", [cell[2]], "b")], "bias"))', "terms.slice()"),
    ("convolutions", "ops/conv2d.js", "[r, s, channel]", "[r, s, 0]"),
    ("convolutions", "ops/geometry.js", "start % stride === 0 && ", ""),
    ("depthwise", "ops/conv2d.js", "[a, b, c, o % g.mine]", "[a, b, c, 0]"),
    ("pools", "ops/pool2d.js", "rank === 0 ||", "rank >= 0 ||"),
    ("pools", "ops/pool2d.js", "const count = inside(node, out).length;", "const count = 4;"),
    ("pools of equal numbers", "ops/global_pool2d.js", "1 / count)", "1)"),
    (
        "normalisations",
        "ops/local_response_normalization.js",
        "around(node, cell[2], true).map((j) => {",
        "[cell[2]].map((j) => {",
    ),
    (
        "normalisations",
        "ops/batch_normalization.js",
        "value: x.value - at.saved.mean",
        "value: x.value + at.saved.mean",
    ),
    ("normalisations", "ops/softmax.js", "at.y(j), at.dy(j)", "at.y(j), at.dy(cell)"),
    ("blocks", "network/arithmetic.js", "parts.flatMap(({ name", "parts.slice(1).flatMap(({ name"),
    ("blocks", "network/arithmetic.js", 'number("−t", -pass', 'number("−t", pass'),
    (
        "activations",
        "ops/pointwise.js",
        "slope(at.x(cell).value, at.y(cell).value",
        "slope(at.x(cell).value, at.x(cell).value",
    ),
]


@pytest.mark.parametrize(("name", "file", "old", "new"), MUTANTS)
def test_a_wrong_term_is_noticed(chromium, rng, tmp_path, name, file, old, new):
    whole = (ENGINE / file).read_text()
    assert old in whole
    (tmp_path / file).parent.mkdir()
    (tmp_path / file).write_text(whole.replace(old, new))
    layers, shape = kinds_of_layers.NETWORKS[name]
    model, x = network(layers, shape, "float32", rng)
    page = module_page(chromium, tmp_path, ENGINE, ROOT / "tests" / "explorer")
    found = ask(page, "sums", given(model, x, labels=[0, 2]), "sums.js")
    page.close()
    assert found["wrong"] or found["difference"] > 1e-4
