"""The browser's networks give what convlens gives: every node's numbers and gradients, in both dtypes."""

import base64

import numpy as np
import pytest
from tests.support import kinds_of_layers
from tests.support.browser_networks import ask, every_node, given, tensors
from tests.support.chromium import packed, unpacked

from convlens import ops
from convlens.inspection.trace import trace
from convlens.models.lenet5 import lenet5
from convlens.models.resnet8 import resnet8
from convlens.models.vgg_small import vgg_small
from convlens.nn import (
    SGD,
    Adam,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    Flatten,
    RandomFlip,
    Sequential,
)
from convlens.training.model_file import describe, load_model, save_model

BOUNDS = {"float32": 1e-5, "float64": 1e-12}
both_dtypes = pytest.mark.parametrize("dtype", BOUNDS)


def assert_near(found, wanted, dtype, what):
    """Within the dtype's bound of the largest number wanted."""
    wanted = np.asarray(wanted, np.float64)
    assert found.shape == wanted.shape, what
    scale = max(1.0, float(np.abs(wanted).max(initial=0)))
    worst = float(np.abs(found - wanted).max(initial=0))
    assert worst <= BOUNDS[dtype] * scale, f"{what}: differs by {worst}"


def assert_equal_pass(page, model, x, labels):
    """Compare a pass of prediction node by node, and the whole of it with `trace`."""
    dtype = model.dtype.name
    found, wanted = ask(page, "run", given(model, x, labels=labels.tolist())), trace(model, x, labels)
    assert found["end"] == model.end
    assert_near(unpacked(found["probabilities"]), wanted.probabilities, dtype, "probabilities")
    assert_near(unpacked(found["loss"]), wanted.loss, dtype, "loss")
    dlogits = ops.softmax_cross_entropy_backward(np.full_like(wanted.loss, 1 / len(x)), wanted.logits, labels)
    steps = every_node(model, x, dlogits)
    assert len(steps) == len(found["nodes"])
    for node, step in zip(found["nodes"], steps, strict=True):
        assert_near(unpacked(node["y"]), step.y, dtype, node["name"])
        assert_near(unpacked(node["dy"]), step.dy, dtype, f"gradient of {node['name']}")
    names = {f"{layer.name}/{name}": dw for layer in wanted.layers for name, dw in layer.d_weights.items()}
    assert found["dw"].keys() == names.keys()
    for name, dw in tensors(found["dw"]).items():
        assert_near(dw, names[name], dtype, f"gradient of {name}")


def moved(model, rng):
    """Move the running statistics and offsets away from 0 and 1, where mistakes would hide."""
    for name, w in model.named_weights().items():
        if not name.endswith("kernel"):
            w += rng.uniform(0.1, 0.5, w.shape).astype(w.dtype)
    return model


def pictures(rng, n, shape, dtype):
    return rng.uniform(0, 1, (n, *shape)).astype(dtype)


@both_dtypes
@pytest.mark.parametrize(("known", "shape"), [(lenet5, (28, 28, 1)), (vgg_small, (16, 16, 3)), (resnet8, (16, 12, 3))])
def test_known_networks(engine_page, rng, known, shape, dtype):
    model = moved(known(shape, dtype=dtype, engine="numpy"), rng)
    assert_equal_pass(engine_page, model, pictures(rng, 2, shape, dtype), np.array([3, 7]))


@both_dtypes
@pytest.mark.parametrize("name", kinds_of_layers.NETWORKS)
def test_every_kind_of_layer(engine_page, rng, name, dtype):
    layers, shape = kinds_of_layers.NETWORKS[name]
    model = moved(Sequential(layers, shape, dtype=dtype, engine="numpy"), rng)
    x = pictures(rng, 3, shape, dtype) * 4 - 2
    assert_equal_pass(engine_page, model, x, np.array([0, 2, 1]))


def test_every_layer_of_convlens_is_in_one_of_the_networks():
    assert kinds_of_layers.missing() == set()


@both_dtypes
def test_training_uses_the_statistics_of_the_batch(engine_page, rng, dtype):
    layers = (Conv2D(3, 3), BatchNormalization(momentum=0.9), Flatten(), Dense(4, activation="softmax"))
    model = moved(Sequential(layers, (6, 5, 2), dtype=dtype, engine="numpy"), rng)
    x, labels = pictures(rng, 5, (6, 5, 2), dtype), np.array([0, 1, 2, 3, 1])
    gradient, state = np.empty_like(model.flat), np.empty_like(model.flat_state)
    model.loss_gradient(x, labels, 1 / 5, gradient, rng=np.random.default_rng(0), state=state)
    found = ask(engine_page, "run", given(model, x, labels=labels.tolist(), training=True))
    wanted = {
        f"{row.name}/{n}": w for row, v in zip(model.table, model.views(gradient), strict=True) for n, w in v.items()
    }
    for name, dw in tensors(found["dw"]).items():
        assert_near(dw, wanted[name], dtype, name)
    states = {
        f"{row.name}/{n}": w for row, v in zip(model.table, model.state_views(state), strict=True) for n, w in v.items()
    }
    assert found["states"].keys() == states.keys()
    for name, w in tensors(found["states"]).items():
        assert_near(w, states[name], dtype, name)


@both_dtypes
def test_binary_cross_entropy(engine_page, rng, dtype):
    model = Sequential([Flatten(), Dense(3, activation="sigmoid")], (3, 2, 1), dtype=dtype, engine="numpy")
    x, targets = pictures(rng, 4, (3, 2, 1), dtype), rng.uniform(0, 1, (4, 3)).astype(dtype)
    logits = model.logits(x)
    found = ask(engine_page, "run", given(model, x, targets=packed(targets)))
    assert_near(unpacked(found["loss"]), ops.sigmoid_cross_entropy_forward(logits, targets), dtype, "loss")
    dlogits = ops.sigmoid_cross_entropy_backward(np.full(4, 0.25, dtype), logits, targets)
    assert_near(unpacked(found["nodes"][-1]["dy"]), dlogits, dtype, "gradient")
    assert_near(unpacked(found["probabilities"]), model.predict(x), dtype, "probabilities")


@both_dtypes
@pytest.mark.parametrize(
    ("optimizer", "numbers"),
    [
        (Adam(0.01), {"rate": 0.01}),
        (SGD(0.05), {"rate": 0.05}),
        (SGD(0.05, momentum=0.9), {"rate": 0.05, "momentum": 0.9}),
        (SGD(0.05, momentum=0.9, nesterov=True), {"rate": 0.05, "momentum": 0.9, "nesterov": True}),
    ],
)
def test_steps_of_training(engine_page, rng, optimizer, numbers, dtype):
    optimizer = type(optimizer).from_config(optimizer.get_config())
    layers = (
        Conv2D(3, 3, kernel_regularizer="l2(0.01)", use_bias=False),
        BatchNormalization(),
        Flatten(),
        Dense(4, activation="softmax", kernel_regularizer="l1_l2(l1=0.001, l2=0.02)"),
    )
    model = Sequential(layers, (6, 5, 2), dtype=dtype, engine="numpy")
    x, labels = pictures(rng, 5, (6, 5, 2), dtype), np.array([0, 1, 2, 3, 1])
    about = given(model, x, labels=labels.tolist(), steps=4, optimizer=type(optimizer).__name__, numbers=numbers)
    found = ask(engine_page, "train", about)
    gradient, state = np.empty_like(model.flat), np.empty_like(model.flat_state)
    losses = []
    for _ in range(4):
        each, _ = model.loss_gradient(x, labels, 1 / 5, gradient, rng=np.random.default_rng(0), state=state)
        losses.append(each.mean())
        model.add_penalty_gradient(gradient)
        optimizer.update(model.flat, gradient)
        model.flat_state[...] = state
    bound = 10 * BOUNDS[dtype]  # four steps, and Adam divides by small numbers
    np.testing.assert_allclose(found["losses"], losses, rtol=bound)
    for name, w in tensors(found["weights"]).items():
        np.testing.assert_allclose(w, model.named_weights()[name], rtol=bound, atol=bound, err_msg=name)


@both_dtypes
@pytest.mark.parametrize("make", [lambda: Adam(0.01), lambda: SGD(0.05, momentum=0.9)], ids=["adam", "sgd"])
def test_frozen_layers_stay_as_they_are(engine_page, rng, make, dtype):
    """Their weights and statistics; a frozen normalisation uses its running statistics, as in the library."""
    block = Add((Conv2D(2, 3, padding="same", kernel_regularizer="l2"), BatchNormalization()))
    layers = (block, BatchNormalization(), Conv2D(3, 3, activation="relu"), Flatten(), Dense(4, activation="softmax"))
    model = moved(Sequential(layers, (6, 5, 2), dtype=dtype, engine="numpy"), rng)
    model.frozen = frozenset({0, 1})
    x, labels = pictures(rng, 5, (6, 5, 2), dtype), np.array([0, 1, 2, 3, 1])
    optimizer, names = make(), {"Adam": {"rate": 0.01}, "SGD": {"rate": 0.05, "momentum": 0.9}}
    kind, frozen = type(optimizer).__name__, [model.table[k].name for k in model.frozen]
    about = given(model, x, labels=labels.tolist(), steps=3, optimizer=kind, numbers=names[kind], frozen=frozen)
    found = ask(engine_page, "train", about)
    gradient, state = np.empty_like(model.flat), np.empty_like(model.flat_state)
    before = {name: w.copy() for name, w in model.named_weights().items()}
    for _ in range(3):
        model.loss_gradient(x, labels, 1 / 5, gradient, rng=np.random.default_rng(0), state=state)
        with model.kept_frozen(gradient):
            optimizer.update(model.flat, gradient)
        model.flat_state[...] = state
    bound = 10 * BOUNDS[dtype]
    for name, w in tensors(found["weights"]).items():
        np.testing.assert_allclose(w, model.named_weights()[name], rtol=bound, atol=bound, err_msg=name)
        assert np.array_equal(w, before[name]) == name.startswith(tuple(frozen)), name


def test_a_file_of_a_model_is_read_and_written_whole(engine_page, tmp_path):
    model = Sequential([Flatten(), Dense(3)], (3, 2, 1), engine="numpy", name="Grün 猫")
    save_model(tmp_path / "model.safetensors", model)
    content = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "again.safetensors").write_bytes(
        base64.b64decode(ask(engine_page, "rewritten", base64.b64encode(content).decode()))
    )
    again = load_model(tmp_path / "again.safetensors", engine="numpy")
    assert again.name == "Grün 猫"
    assert all(np.array_equal(a, b) for a, b in zip(again.get_weights(), model.get_weights(), strict=True))


def refusal(page, given_layers, shape, **changes):
    specification = describe(Sequential(given_layers, shape, engine="numpy")) | changes
    return ask(page, "refusal", {"specification": specification})


def test_what_is_not_computed_is_refused_by_its_name(engine_page):
    assert "GRU" in refusal(engine_page, [Flatten(), Dense(3)], (3, 2, 1), layers=[{"layer": "GRU"}])
    said = refusal(engine_page, [Flatten()], (3, 2, 1), layers=[{"layer": "Conv2D", "filters": 3}])
    assert said == "conv2d (Conv2D) must have the field kernel_size"
    said = refusal(engine_page, [Flatten()], (3, 2, 1), layers=[{"layer": "Activation", "activation": "mish"}])
    assert "mish" in said
    said = refusal(engine_page, [Flatten()], (3, 2, 1), layers=[{"layer": "Dense", "units": 3}])
    assert said == "dense: Dense needs an input of shape (in,); got (3, 2, 1)"
    specification = describe(Sequential([RandomFlip(), Flatten()], (3, 2, 1), engine="numpy"))
    said = ask(engine_page, "refusal", {"specification": specification, "training": 6})
    assert "random_flip (RandomFlip)" in said and "convlens train" in said
