"""The fused pass: every kind of layer against the NumPy engine, and the same bits on any number of threads."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

import convlens
from convlens.engines.compiled.activation import FUNCTIONS
from convlens.engines.compiled.fused import FusedPass, _Batch
from convlens.models import build_model
from convlens.nn import (
    ELU,
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    LeakyReLU,
    LocalResponseNormalization,
    MaxPooling2D,
    Normalization,
    ReLU,
    Rescaling,
    Reshape,
    SeparableConv2D,
    Sequential,
    ZeroPadding2D,
)
from convlens.nn.losses import CROSS_ENTROPY, BinaryCrossentropy, MeanSquaredError
from convlens.ops import ACTIVATIONS

EXAMPLES = 35  # two whole blocks of 16, and one of 3


def small_vgg(rate=0.0):
    convolutions = [
        (Conv2D(c, 3, padding="same", use_bias=False), BatchNormalization(momentum=0.9), ReLU()) for c in (24, 32)
    ]
    ends = [MaxPooling2D(2), Dropout(rate), Flatten(), Dense(19, use_bias=False), BatchNormalization(), ReLU()]
    return [
        *(layer for three in convolutions for layer in three),
        *ends,
        Dropout(rate),
        Dense(10, activation="softmax"),
    ]


def block(c, stride):
    shortcut = (Conv2D(c, 1, strides=stride, use_bias=False), BatchNormalization()) if stride > 1 else ()
    branch = (
        Conv2D(c, 3, strides=stride, padding="same", use_bias=False),
        BatchNormalization(),
        ReLU(),
        Conv2D(c, (3, 1), padding="same"),
        BatchNormalization(),
    )
    return Add(branch, shortcut, activation="relu")


def before_activation():
    """A residual block that begins with a normalisation, and ends in a ReLU"""
    return Add(
        (
            BatchNormalization(),
            ReLU(),
            Conv2D(20, 3, padding="same"),
            Dropout(0.0),
            Conv2D(20, (3, 5), padding="same", activation="relu"),
        )
    )


# Layers, and the shape of an image. The maps of the first four do not fit the cache with 16 examples.
NETWORKS = {
    "convolutions": (
        [
            Conv2D(40, (5, 3), strides=(3, 2), padding="same", activation="relu"),
            Conv2D(24, (3, 4), strides=(2, 1), activation="relu"),
            AveragePooling2D(2),
            Conv2D(20, 2, strides=3),
            Flatten(),
            Dense(10),
        ],
        (61, 64, 3),
    ),
    "normalised": (small_vgg(), (34, 24, 3)),
    "pools": (
        [
            Conv2D(33, 3, activation="relu", padding="same"),
            MaxPooling2D((3, 2), strides=(2, 1), padding="same"),
            BatchNormalization(scale=False),
            Conv2D(17, (1, 4), strides=(1, 3)),
            AveragePooling2D((2, 3), padding="same"),
            Flatten(),
            Dense(3),
        ],
        (35, 34, 1),
    ),
    "pooled": (  # each pool adds up the gradient of the bias before it; examples in lanes
        [
            Conv2D(5, (3, 2), activation="relu", padding="same"),
            MaxPooling2D((3, 2), strides=(2, 1), padding="same"),
            Conv2D(4, 5, activation="relu"),
            MaxPooling2D(2),
            Conv2D(3, (2, 3), activation="relu"),
            MaxPooling2D((1, 2)),
            Flatten(),
            Dense(4),
        ],
        (20, 14, 2),
    ),
    "residual": (
        [
            Conv2D(16, 3, padding="same", use_bias=False),
            BatchNormalization(),
            ReLU(),
            block(16, 1),
            block(32, 2),
            GlobalAveragePooling2D(),
            Dense(10),
        ],
        (21, 24, 3),
    ),
    "before the activation": (
        [Conv2D(20, 3, padding="same"), before_activation(), GlobalMaxPooling2D(), Dense(4)],
        (15, 14, 3),
    ),
    "groups": (
        [
            Conv2D(64, 3, padding="same", activation="relu"),
            Conv2D(32, (3, 5), groups=2, padding="same"),
            ReLU(),
            LocalResponseNormalization(),
            MaxPooling2D(3, strides=2),
            Conv2D(32, 3, strides=2, activation="tanh", groups=2),
            LocalResponseNormalization(size=4, k=1.5, alpha=0.3, beta=0.6),
            Flatten(),
            Dense(5),
        ],
        (19, 18, 3),
    ),
    "depthwise": (
        [
            Rescaling(1 / 2, offset=-0.3),
            Conv2D(20, 3, strides=2, padding="same", use_bias=False),
            BatchNormalization(),
            ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2),
            DepthwiseConv2D((3, 5), padding="same"),
            SeparableConv2D(40, 3, strides=(2, 2), padding="same", activation="relu"),
            DepthwiseConv2D(3, strides=2, padding="same", use_bias=False, activation="relu"),
            GlobalAveragePooling2D(),
            Dense(5),
        ],
        (31, 34, 3),
    ),
    "dilated": (
        [
            Normalization(mean=(0.1, 0.2, 0.3), variance=(1.0, 2.0, 0.5)),
            Conv2D(24, 3, dilation_rate=(2, 3), activation="relu"),
            ZeroPadding2D(((1, 2), (3, 0))),
            Conv2D(20, (2, 3), dilation_rate=(1, 2), activation="gelu"),
            Flatten(),
            Dense(7),
            BatchNormalization(),
            ELU(),
            Dense(5),
        ],
        (23, 24, 3),
    ),
    "few channels": (
        [
            Conv2D(6, 5, padding="same", activation="tanh"),
            Rescaling((0.5, 1, 2, 3, -1, 0.3)),
            AveragePooling2D(2),
            Conv2D(16, 5, strides=(1, 2)),
            BatchNormalization(center=False),
            LeakyReLU(0.2),
            MaxPooling2D((2, 1)),
            Flatten(),
            Dense(12, activation="sigmoid"),
            Dense(5),
        ],
        (28, 26, 1),
    ),
    "vectors": (
        [
            Flatten(),
            Rescaling(0.5),
            Dense(33, activation="relu"),
            BatchNormalization(),
            Dense(17, activation="silu"),
            Dense(5),
        ],
        (9, 8, 3),
    ),
    "reshaped": ([Reshape((11, 10, 2)), Conv2D(4, 3, activation="relu"), Flatten(), Dense(5)], (220,)),
}


def pair(layers, shape, dtype):
    """The network on both engines, with the same weights and running statistics, none of them as they begin."""
    models = [Sequential(layers, shape, seed=3, engine=engine, dtype=dtype) for engine in ("numba", "numpy")]
    for model in models:
        rng = np.random.default_rng(7)
        model.flat[...] += 0.02 * rng.standard_normal(model.flat.size)
        model.flat_state[...] += 0.1 * rng.random(model.flat_state.size)
    assert models[0].fused is not None and models[1].fused is None
    return models


def examples(model, n=EXAMPLES):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, *model.input_shape)).astype(model.dtype)
    return x, rng.integers(0, model.output_shape[0], n)


def step(model, training, threads=2, seed=3, n=EXAMPLES):
    """loss, gradient, running statistics"""
    x, labels = examples(model, n)
    gradient, state = np.zeros_like(model.flat), model.flat_state.copy()
    options = {"rng": np.random.default_rng(seed), "state": state} if training else {}
    losses, _ = model.loss_gradient(x, labels, 1 / n, gradient, threads, **options)
    return losses, gradient, state


def near(found, wanted, tolerance):
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * max(1, np.abs(wanted).max(initial=0)))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_as_numpy(name, training):
    ours, theirs = pair(*NETWORKS[name], "float64")
    x, _ = examples(ours)
    near(ours.logits(x), theirs.logits(x), 1e-12)
    for found, wanted in zip(step(ours, training), step(theirs, training), strict=True):
        near(found, wanted, 1e-12)


@pytest.mark.parametrize("n", [1, 3, 4, 5, 19])
@pytest.mark.parametrize("name", ["few channels", "normalised", "vectors"])
def test_any_number_of_examples(name, n):
    ours, theirs = pair(*NETWORKS[name], "float64")
    x, _ = examples(ours, n)
    near(ours.logits(x), theirs.logits(x), 1e-12)
    for found, wanted in zip(step(ours, True, n=n), step(theirs, True, n=n), strict=True):
        near(found, wanted, 1e-11)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_in_float32(name):
    """As a whole: where a ReLU or a pool decides between numbers that differ by less than their rounding, one slope
    changes."""
    (ours, _), (_, exact) = pair(*NETWORKS[name], "float32"), pair(*NETWORKS[name], "float64")
    exact.flat[...], exact.flat_state[...] = ours.flat, ours.flat_state
    near(ours.logits(examples(ours)[0]), exact.logits(examples(ours)[0].astype(float)), 1e-5)
    for found, wanted in zip(step(ours, True), step(exact, True), strict=True):
        assert np.linalg.norm(found - wanted) <= 2e-3 * np.linalg.norm(wanted)


@pytest.mark.parametrize("shape", [(12, 11, 3), (45, 44, 3)], ids=["examples in lanes", "channels in lanes"])
@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"softmax"}))
def test_every_activation_as_numpy(name, shape):
    layers = [
        Conv2D(24, 3, padding="same"),
        Activation(name),
        MaxPooling2D(3),
        Flatten(),
        Dense(11),
        Activation(name),
        Dense(4),
    ]
    ours, theirs = pair(layers, shape, "float64")
    for model in (ours, theirs):
        model.flat[...] *= 0.5
    near(ours.logits(examples(ours, 18)[0]), theirs.logits(examples(ours, 18)[0]), 1e-12)
    for found, wanted in zip(step(ours, False, n=18), step(theirs, False, n=18), strict=True):
        near(found, wanted, 1e-12)


def test_every_activation_has_its_formula():
    assert set(FUNCTIONS) - {"threshold_relu"} == set(ACTIVATIONS) - {"softmax"}


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"softmax"}))
def test_activations_of_odd_numbers(name, dtype):
    """Large and small numbers, infinities and NaN: a dense layer without sums shows the function itself."""
    odd = np.array([0, -0.0, 1e-30, -1e-30, 1e-3, -1e-3, 5, -5, 20, -20, 80, -80, 300, -300, np.inf, -np.inf, np.nan])
    model = Sequential([Dense(1), Activation(name), Dense(1)], (1,), engine="numba", dtype=dtype)
    for weights in (model.layer_weights[0], model.layer_weights[2]):
        weights["kernel"][...], weights["bias"][...] = 1, 0
    exact: dict[str, Any] = {"exponential": np.exp, "sigmoid": _sigmoid, "silu": lambda x: x * _sigmoid(x)}
    with np.errstate(all="ignore"):
        wanted = (
            exact[name](odd.astype(np.longdouble)) if name in exact else ACTIVATIONS[name].forward(odd.astype(dtype))
        ).astype(dtype)
        found = model.logits(odd.astype(dtype)[:, None])[:, 0]
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(found, wanted, rtol=40 * eps, atol=1e-35)


@pytest.mark.parametrize("name", ["residual", "few channels", "convolutions", "reshaped"])
@pytest.mark.parametrize("loss", [BinaryCrossentropy(from_logits=True), MeanSquaredError(), CROSS_ENTROPY], ids=str)
def test_other_losses_and_weights_of_examples(name, loss):
    ours, theirs = pair(*NETWORKS[name], "float64")
    x, targets = examples(ours)
    if loss is not CROSS_ENTROPY:
        targets = np.eye(ours.output_shape[0])[targets]
    weights, found = np.random.default_rng(1).random(EXAMPLES), []
    for model in (ours, theirs):
        gradient, state = np.zeros_like(model.flat), model.flat_state.copy()
        rng = np.random.default_rng(3)
        losses, _ = model.loss_gradient(x, targets, weights, gradient, 2, rng, loss=loss, state=state)
        found.append((losses, gradient, state))
    for one, other in zip(*found, strict=True):
        near(one, other, 1e-12)


@pytest.mark.parametrize("name", ["lenet5", "normalised", "residual"])
def test_the_bits_do_not_depend_on_the_threads(name):
    layers = small_vgg(0.3) if name == "normalised" else None
    if name == "lenet5":
        model = build_model("lenet5", engine="numba")
    else:
        model = Sequential(layers or NETWORKS[name][0], NETWORKS[name][1], engine="numba")
    first = step(model, True, threads=1)
    for threads in (2, 3, 5):
        for found, wanted in zip(step(model, True, threads=threads), first, strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_no_two_threads_play_the_same_tape():
    fused = convlens.lenet5(engine="numba").fused
    assert isinstance(fused, FusedPass)
    batch = _Batch(fused, 90, 3, training=False, apart=False)
    by_thread = [{id(programs[thread]) for programs in batch.programs} for thread in range(3)]
    assert sum(map(len, by_thread)) == len(set.union(*by_thread))


@pytest.mark.parametrize("shape", [(8, 9, 5), (48, 40, 20)], ids=["examples in lanes", "channels in lanes"])
def test_dropout_keeps_its_share_and_draws_each_number_by_itself(shape):
    """All numbers before the dropout are 1, so the gradient of the dense kernel after it shows the mask."""
    rate, seeds = 0.3, 40
    model = Sequential([Conv2D(shape[2], 1), Dropout(rate), Flatten(), Dense(2)], shape, engine="numba")
    for w, value in zip(model.layer_weights[0].values(), (0, 1), strict=True):
        w[...] = value
    masks = []
    for seed in range(seeds):
        _, gradient, _ = step(model, True, seed=seed, n=1)
        slopes = model.views(gradient)[3]["kernel"][:, 0]
        np.testing.assert_allclose(slopes[slopes != 0], slopes[np.abs(slopes).argmax()], rtol=1e-6)
        masks.append(slopes != 0)
    kept = np.array(masks)
    expected = np.sqrt(rate * (1 - rate) / kept.size)
    assert abs(kept.mean() - (1 - rate)) < 4 * expected
    share = kept.mean(axis=0)  # of each number, over the seeds
    assert share.std() == pytest.approx(np.sqrt(rate * (1 - rate) / seeds), rel=0.15)
    some = kept[:, :300].astype(float)
    together = np.corrcoef(some.T)[np.triu_indices(some.shape[1], 1)]
    assert abs(together[np.isfinite(together)].mean()) < 0.01  # numbers are not dropped together
    x, labels = np.ones((20, *shape), np.float32), np.zeros(20, np.int64)
    _, logits = model.loss_gradient(x, labels, 1.0, np.zeros_like(model.flat), rng=np.random.default_rng(0))
    assert len(np.unique(logits[:, 0])) == 20  # each example has its own mask


@pytest.mark.parametrize("shape", [(6, 5, 4), (40, 36, 24)], ids=["examples in lanes", "channels in lanes"])
def test_the_statistics_of_numbers_far_from_0(shape):
    """A variance from the sum of squares alone would be wrong: in float32, 1000² has no digit for a variance of 1."""
    layers = [Conv2D(shape[2], 1), BatchNormalization(momentum=0), Flatten(), Dense(3)]
    ours, exact = (
        Sequential(layers, shape, engine=e, dtype=d) for e, d in (("numba", "float32"), ("numpy", "float64"))
    )
    for model in (ours, exact):
        kernel, bias = model.layer_weights[0].values()
        kernel[...], bias[...] = np.eye(shape[2]), 1000
    (_, _, found), (_, _, wanted) = step(ours, True), step(exact, True)
    np.testing.assert_allclose(found, wanted, rtol=2e-3)
    assert wanted.min() > 0.8


def test_batches_of_many_sizes_leave_no_arrays_behind():
    model, _ = pair(*NETWORKS["vectors"], "float32")
    losses = [step(model, True, n=n)[0] for n in (*range(1, 20), 1)]
    np.testing.assert_array_equal(losses[0], losses[-1])
    assert len(model.fused._own.batches) == 8
