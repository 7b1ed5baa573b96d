"""Every public layer in a fused pass, wherever it stands: as the NumPy engine, with any number of threads."""

import numpy as np
import pytest

pytest.importorskip("numba")

from tests.support import kinds_of_layers

from convlens import nn
from convlens.engines.compiled.groups import joined
from convlens.engines.compiled.registers import BYTES
from convlens.engines.specs import Conv
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
    Identity,
    Layer,
    LeakyReLU,
    LocalResponseNormalization,
    MaxPooling2D,
    Normalization,
    RandomBrightness,
    RandomContrast,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
    ReLU,
    Rescaling,
    Reshape,
    SeparableConv2D,
    Sequential,
    Softmax,
    SpatialDropout2D,
    ZeroPadding2D,
)

# One layer or more of each kind, for images (9, 8, 20)
LAYERS: dict[type[Layer], list[Layer]] = {
    ELU: [ELU(0.7)],
    Activation: [Activation("softmax"), Activation("gelu"), Activation("linear")],
    Add: [Add((BatchNormalization(), Softmax())), Add((Flatten(), Reshape((9, 8, 20)))), Add((RandomFlip(),))],
    AveragePooling2D: [AveragePooling2D((3, 2), strides=(2, 1), padding="same")],
    BatchNormalization: [BatchNormalization(scale=False)],
    Conv2D: [
        Conv2D(6, (3, 2), groups=2, strides=(1, 2)),
        Conv2D(12, (2, 3), groups=4, padding="same", activation="relu", use_bias=False),
        Conv2D(5, 1, strides=(3, 2)),
        Conv2D(5, (9, 8)),
        Conv2D(5, (3, 4), padding=((2, 0), (1, 3))),
        Conv2D(5, (3, 2), dilation_rate=(2, 3), padding="same"),
    ],
    Dense: [],  # at the end of each network here
    DepthwiseConv2D: [
        DepthwiseConv2D((3, 2), depth_multiplier=3, padding="same", activation="relu"),
        DepthwiseConv2D((2, 3), strides=(2, 2), padding="course"),
    ],
    Dropout: [Dropout(0.3)],
    Flatten: [Flatten()],
    GlobalAveragePooling2D: [GlobalAveragePooling2D(), GlobalAveragePooling2D(keepdims=True)],
    GlobalMaxPooling2D: [GlobalMaxPooling2D(), GlobalMaxPooling2D(keepdims=True)],
    Identity: [Identity()],
    LeakyReLU: [LeakyReLU()],
    LocalResponseNormalization: [LocalResponseNormalization(size=4, alpha=0.3)],
    MaxPooling2D: [MaxPooling2D((2, 3), strides=(1, 2), padding=((1, 0), (0, 2)))],
    Normalization: [Normalization(mean=tuple(np.linspace(-1, 1, 20)), variance=tuple(np.linspace(1, 2, 20)))],
    RandomBrightness: [RandomBrightness(0.2, (-1, 1))],
    RandomContrast: [RandomContrast(0.3, (-1, 1))],
    RandomFlip: [RandomFlip(), RandomFlip("vertical")],
    RandomRotation: [RandomRotation(0.1)],
    RandomTranslation: [RandomTranslation(0.2, 0.1, fill_mode="constant")],
    RandomZoom: [RandomZoom(0.2)],
    ReLU: [ReLU(), ReLU(1.0, 0.1, 0.2)],
    Rescaling: [Rescaling(tuple(np.linspace(-1, 2, 20)), 0.3)],
    Reshape: [Reshape((5, -1, 8)), Reshape((36, 40)), Reshape((-1,)), Reshape((3, 3, 8, 20))],
    SeparableConv2D: [SeparableConv2D(7, (2, 3), depth_multiplier=2, strides=2, padding="same")],
    Softmax: [Softmax()],
    SpatialDropout2D: [SpatialDropout2D(0.3)],
    ZeroPadding2D: [ZeroPadding2D(((1, 2), (3, 0)))],
}
CASES = [layer for layers in LAYERS.values() for layer in layers]
DRAWN = (Dropout, SpatialDropout2D)  # not the numbers that the NumPy engine draws
EXAMPLES = 19


def places_of(layer):
    """Networks with a layer: as the first one, after a convolution, and after another one with large maps."""
    ends = [Flatten(), Dense(4)]
    images = [Conv2D(20, (2, 3), padding="same"), layer]
    return {
        "first": ([layer, *ends], (9, 8, 20)),
        "examples in lanes": ([*images, *ends], (9, 8, 2)),
        "channels in lanes": ([Conv2D(40, 1), AveragePooling2D((5, 6)), *images, *ends], (45, 48, 1)),
    }


def pair(layers, shape, dtype):
    """The network on both engines, with the same weights and running statistics, none of them as they begin."""
    models = [Sequential(layers, shape, seed=3, engine=engine, dtype=dtype) for engine in ("numba", "numpy")]
    for model in models:
        rng = np.random.default_rng(7)
        model.flat[...] += 0.02 * rng.standard_normal(model.flat.size)
        model.flat_state[...] += 0.1 * rng.random(model.flat_state.size)
    assert models[0].fused is not None, models[0].not_fused
    return models


def step(model, training, n=EXAMPLES, threads=2):
    """logits at prediction, losses, gradient and running statistics of a step"""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (n, *model.input_shape)).astype(model.dtype)
    labels = rng.integers(0, model.output_shape[0], n)
    gradient, state = np.zeros_like(model.flat), model.flat_state.copy()
    options = {"rng": np.random.default_rng(5), "state": state} if training else {}
    losses, logits = model.loss_gradient(x, labels, 1 / n, gradient, threads, **options)
    return model.logits(x), losses, logits, gradient, state


def near(found, wanted, tolerance):
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * max(1, np.abs(other).max(initial=0)))


def test_every_public_layer_is_here():
    public = {kind for name in nn.__all__ if isinstance(kind := getattr(nn, name), type) and issubclass(kind, Layer)}
    assert set(LAYERS) == public - {Layer}


@pytest.mark.parametrize("place", places_of(Identity()))
@pytest.mark.parametrize("layer", CASES, ids=str)
def test_every_layer_at_every_place_as_numpy(layer, place):
    layers, shape = places_of(layer)[place]
    exact, wanted = pair(layers, shape, "float64")
    for training in (False,) if isinstance(layer, DRAWN) else (False, True):
        near(step(exact, training), step(wanted, training), 1e-12)
    ours, _ = pair(layers, shape, "float32")
    near(step(ours, False)[:3], step(wanted, False)[:3], 1e-5)


@pytest.mark.parametrize("n", [1, 3, 17])
@pytest.mark.parametrize("layer", [layer for layer in CASES if not isinstance(layer, DRAWN)], ids=str)
def test_batches_of_any_size(layer, n):
    layers, shape = places_of(layer)["examples in lanes"]
    exact, wanted = pair(layers, shape, "float64")
    near(step(exact, True, n), step(wanted, True, n), 1e-11)


@pytest.mark.parametrize("place", places_of(Identity()))
@pytest.mark.parametrize("layer", CASES, ids=str)
def test_the_bits_do_not_depend_on_the_threads(layer, place):
    layers, shape = places_of(layer)[place]
    model = Sequential([*layers[:-1], Dropout(0.2), layers[-1]], shape, engine="numba")
    first = step(model, True, 40, 1)
    for threads in (2, 3):
        for found, wanted in zip(step(model, True, 40, threads), first, strict=True):
            np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", kinds_of_layers.NETWORKS)
def test_networks_of_all_kinds(name):
    given, shape = kinds_of_layers.NETWORKS[name]
    layers = [Identity() if isinstance(layer, DRAWN) else layer for layer in given]
    exact, wanted = pair(layers, shape, "float64")
    for training in (False, True):
        near(step(exact, training), step(wanted, training), 1e-12)


MIXED: dict[str, tuple[list[Layer], tuple[int, ...]]] = {
    "flat normalised": ([Conv2D(4, 3), Flatten(), BatchNormalization(), Dense(3)], (8, 7, 2)),
    "flat scaled": ([Flatten(), Rescaling(tuple(range(30))), Softmax(), Dense(3)], (5, 3, 2)),
    "four axes": ([Flatten(), Dense(3)], (2, 3, 4, 2)),
    "two axes": ([BatchNormalization(), Softmax(), Dropout(0.0), Flatten(), Dense(3)], (5, 3)),
    "groups first": ([Conv2D(32, (3, 2), groups=2), Flatten(), Dense(3)], (8, 7, 32)),
    "depthwise first": ([DepthwiseConv2D((3, 2), depth_multiplier=2), Flatten(), Dense(3)], (8, 7, 3)),
    "channels that only fill a block": (
        [Conv2D(20, 3), Activation("sigmoid"), LocalResponseNormalization(alpha=0.5), Flatten(), Dense(3)],
        (8, 7, 3),
    ),
    "from numbers to images and back": (
        [
            Dense(24, activation="relu"),
            Reshape((4, 3, 2)),
            Conv2D(5, (2, 3), padding="same"),
            Flatten(),
            Dense(30),
            Reshape((5, 6, 1)),
            MaxPooling2D((2, 3)),
            GlobalAveragePooling2D(),
            Dense(3),
        ],
        (7,),
    ),
    "dense residual": (
        [Flatten(), Add((Dense(42, activation="relu"), Dense(42)), activation="tanh"), Add((Softmax(),)), Dense(3)],
        (7, 3, 2),
    ),
    "one pixel": ([Conv2D(20, 1), BatchNormalization(), ReLU(), Conv2D(7, 1), Flatten(), Dense(3)], (1, 1, 3)),
    "ends with a convolution": ([Conv2D(5, (3, 2), activation="relu"), Conv2D(4, (6, 6)), Flatten()], (8, 7, 3)),
    "ends with a pool": ([Conv2D(5, (3, 2), activation="relu"), GlobalMaxPooling2D()], (8, 7, 3)),
    "ends with a normalisation": ([Flatten(), Dense(5), BatchNormalization()], (8, 7, 3)),
    "ends with an activation": ([Conv2D(5, (3, 2)), Flatten(), Activation("relu")], (5, 3, 1)),
    "two groups of three": ([Conv2D(48, (2, 3), groups=3), Conv2D(18, 2, groups=6), Flatten(), Dense(3)], (5, 6, 9)),
    "random in the middle": (
        [
            Rescaling(2.0),
            RandomFlip(),
            Conv2D(5, 3, padding="same"),
            BatchNormalization(),
            RandomTranslation(0.2, 0.1),
            Add((RandomZoom(0.2), Conv2D(5, 3, padding="same"))),
            RandomBrightness(0.1, (-2, 2)),
            Flatten(),
            Dense(4),
        ],
        (6, 7, 3),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MIXED)
def test_layers_in_unusual_orders(name):
    exact, wanted = pair(*MIXED[name], "float64")
    for training in (False, True):
        near(step(exact, training), step(wanted, training), 1e-12)
    first = step(exact, True, 40, 1)
    for threads in (2, 3):
        for one, other in zip(step(exact, True, 40, threads), first, strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_first_convolution_of_many_channels():
    """Of 3 × 3 too, which Winograd's algorithm computes from whole blocks of channels"""
    for ci, kernel in ((32, 3), (48, (2, 3)), (17, 3)):
        layers, shape = [Conv2D(32, kernel, padding="same"), Flatten(), Dense(3)], (30, 28, ci)
        ours, exact = (
            Sequential(layers, shape, engine=engine, dtype=dtype)
            for engine, dtype in (("numba", "float32"), ("numpy", "float64"))
        )
        exact.flat[...] = ours.flat
        near(step(ours, False), step(exact, False), 1e-5)


def test_images_as_output():
    exact, wanted = pair([Conv2D(5, 3, activation="tanh"), Conv2D(2, (1, 2))], (6, 7, 3), "float64")
    x = np.random.default_rng(0).random((EXAMPLES, 6, 7, 3))
    assert exact.logits(x).shape == (EXAMPLES, 4, 4, 2)
    near([exact.logits(x)], [wanted.logits(x)], 1e-12)


def frozen_layers():
    block = Add((Conv2D(5, 3, padding="same"), BatchNormalization(), Dropout(0.5), RandomFlip()))
    return [Conv2D(5, (2, 3)), BatchNormalization(), ReLU(), block, BatchNormalization(), Flatten(), Dense(4)]


@pytest.mark.parametrize("frozen", [(1,), (0, 1, 3), (3, 4), (1, 3, 4)], ids=str)
def test_frozen_normalisations_use_their_running_statistics(frozen):
    """A frozen block drops nothing either, as layer by layer."""
    layers = frozen_layers()
    if 3 not in frozen:  # what a block drops differs between the engines
        layers[3] = Add((Conv2D(5, 3, padding="same"), BatchNormalization()))
    models = pair(layers, (6, 7, 3), "float64")
    for model in models:
        for k in frozen:
            model.layers[k].trainable = False
    assert models[0]._for_training()[0] is not None
    near(step(models[0], True), step(models[1], True), 1e-12)
    before, after = (models[0].state_views(state) for state in (models[0].flat_state, step(models[0], True)[-1]))
    for k in frozen:
        for name, statistic in before[k].items():
            np.testing.assert_array_equal(after[k][name], statistic)
    if 3 not in frozen:
        for model in models:
            model.trainable = True
        near(step(models[0], True), step(models[1], True), 1e-12)


def test_spatial_dropout_drops_whole_channels():
    """All numbers before the dropout are 1, so the gradient of the dense kernel after it shows the mask."""
    for shape in ((8, 9, 40), (48, 40, 40)):
        model = Sequential([Conv2D(40, 1), SpatialDropout2D(0.3), Flatten(), Dense(2)], shape, engine="numba")
        for w, value in zip(model.layer_weights[0].values(), (0, 1), strict=True):
            w[...] = value
        gradient, kept = np.zeros_like(model.flat), []
        for seed in range(30):
            x, rng = np.ones((1, *shape), np.float32), np.random.default_rng(seed)
            model.loss_gradient(x, np.zeros(1, np.int64), 1.0, gradient, rng=rng)
            slopes = model.views(gradient)[3]["kernel"][:, 0].reshape(shape)
            assert (slopes == slopes[:1, :1]).all()
            kept.append(slopes[0, 0] != 0)
        assert abs(np.mean(kept) - 0.7) < 0.06


def test_groups_are_joined_until_they_fill_vectors():
    def groups(ci, co, g):
        return joined(Conv((5, 4), ci, (5, 4), co, (1, 1), (1, 1), ((0, 0), (0, 0)), groups=g), 16)

    assert [groups(32, 64, 2), groups(128, 128, 32), groups(24, 48, 6), groups(48, 48, 6)] == [1, 4, 6, 2]


def test_a_network_that_computes_nothing_has_no_fused_pass():
    assert Sequential([Identity()], (3,), engine="numba").not_fused == "a network that computes nothing"


def test_the_summary_says_how_each_layer_runs():
    layers = [
        *(RandomFlip(), Conv2D(64, 3), Conv2D(64, 3, padding="same"), Conv2D(64, 3, groups=64), Identity()),
        *(RandomZoom(0.1), Flatten(), Dense(3)),
    ]
    lines = Sequential(layers, (20, 18, 3), engine="numba").summary_text().splitlines()
    ways = [line[lines[0].index("runs with") :] for line in lines]
    lanes = "channels in lanes"
    assert ways[0] == "runs with" and ways[2:10] == [
        *("before the pass", lanes, f"{lanes}, Winograd 4×4", f"{lanes}, {BYTES // 4} groups joined", ""),
        *("the whole batch at once", lanes, "examples in lanes"),
    ]
