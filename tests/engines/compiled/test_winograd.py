"""Winograd's convolution: its matrices, every size of tile against the NumPy engine, and its rounding errors."""

import numpy as np
import pytest

pytest.importorskip("numba")

from tests.engines.compiled.test_fused import examples, near, pair, step

from convlens.engines.compiled import example_tile_calls, winograd
from convlens.engines.compiled.fused import FusedPass
from convlens.engines.compiled.registers import BYTES
from convlens.engines.compiled.winograd import Form
from convlens.engines.specs import Conv
from convlens.nn import (
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePooling2D,
    MaxPooling2D,
    ReLU,
    Sequential,
)
from convlens.ops import conv2d_backward, conv2d_forward

NETWORKS = {
    "paddings": (
        [
            Conv2D(16, 3, padding="same"),
            Conv2D(32, 3, padding="same", activation="relu"),
            Conv2D(48, 3, use_bias=False),
            MaxPooling2D(2),
            Conv2D(16, 3, activation="tanh"),
            Flatten(),
            Dense(10),
        ],
        (45, 34, 3),
    ),
    "residual": (
        [
            Conv2D(16, 3, padding="same"),
            Add((BatchNormalization(), ReLU(), Conv2D(32, 3, padding="same"), ReLU(), Conv2D(16, 3, padding="same"))),
            Add((Conv2D(32, 3, padding="same"), ReLU(), Conv2D(16, 3, padding="same")), activation="relu"),
            GlobalAveragePooling2D(),
            Dense(10),
        ],
        (23, 18, 3),
    ),
    "5 × 5 kernels": (
        [
            Conv2D(16, 5, padding="same"),
            Conv2D(32, 5, padding="same", activation="relu"),
            Conv2D(16, 5, use_bias=False),
            Conv2D(16, 3, padding="same"),
            MaxPooling2D(2),
            Conv2D(16, 5, padding="same", activation="tanh"),
            Flatten(),
            Dense(10),
        ],
        (29, 34, 3),
    ),
    "small maps": (
        [
            Conv2D(16, 3, strides=4, padding="same"),
            Conv2D(32, 3, padding="same"),
            MaxPooling2D((2, 4)),
            Conv2D(16, 3, padding="same"),
            MaxPooling2D(2),
            Conv2D(16, 3, padding="same", activation="relu"),
            GlobalAveragePooling2D(),
            Dense(10),
        ],
        (37, 53, 3),
    ),
}


@pytest.fixture(params=[2, 4])
def always(request, monkeypatch):
    """Winograd's algorithm wherever it fits, in float64 too: with tiles of one size for 3 × 3 kernels."""

    def chosen(spec, wide, examples=16):
        fits = spec.kernel in ((3, 3), (5, 5)) and spec.stride == (1, 1) and spec.ci % wide == spec.co % wide == 0
        return Form(request.param if spec.kernel == (3, 3) else 2, spec.kernel[0]) if fits else None

    monkeypatch.setattr(winograd, "chosen", chosen)
    return request.param


def switched_on(layers, shape, dtype):
    models = pair(layers, shape, dtype)
    models[0].fused.by_tiles = True
    return models


FORMS = [Form(2, 3), Form(4, 3), Form(2, 5)]


@pytest.mark.parametrize("form", FORMS)
def test_the_matrices_give_the_convolution_and_its_gradients(form):
    outputs, kernel, inputs = winograd.matrices(form)
    rng = np.random.default_rng(0)
    (size, taps), side = form, form.side
    x, w = rng.standard_normal((1, side, side, 1)), rng.standard_normal((taps, taps, 1, 1))
    dy = rng.standard_normal((1, size, size, 1))
    seen, points = inputs @ x[0, ..., 0] @ inputs.T, kernel @ w[..., 0, 0] @ kernel.T
    wanted = conv2d_forward(x, w, np.zeros(1))
    near(outputs @ (seen * points) @ outputs.T, wanted[0, ..., 0], 1e-13)
    dx, dw, _ = conv2d_backward(dy, x, w)
    assert dx is not None
    given = outputs.T @ dy[0, ..., 0] @ outputs
    near(kernel.T @ (seen * given) @ kernel, dw[..., 0, 0], 1e-13)
    near(inputs.T @ (points * given) @ inputs, dx[0, ..., 0], 1e-13)


@pytest.mark.parametrize("n", [1, 3, 35])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_size_of_tile_as_numpy(always, name, n):
    ours, theirs = switched_on(*NETWORKS[name], "float64")
    x, _ = examples(ours, n)
    near(ours.logits(x), theirs.logits(x), 1e-12)
    for found, wanted in zip(step(ours, True, n=n), step(theirs, True, n=n), strict=True):
        near(found, wanted, 1e-12)


LANES = (
    [
        Conv2D(6, 5, activation="relu"),
        Conv2D(10, 5, use_bias=False, activation="tanh"),
        Conv2D(7, 5, activation="relu"),
        Conv2D(4, 3),
        Flatten(),
        Dense(10),
    ],
    (20, 16, 3),
)


@pytest.fixture
def in_lanes(monkeypatch):
    """Tiles of 5 × 5 kernels with examples in lanes, wherever they fit, however little work they save."""
    monkeypatch.setattr(winograd, "_COST_INPUT", 0)
    monkeypatch.setattr(winograd, "_COST_OUTPUT", 0)


@pytest.mark.parametrize("room", [None, 1, 10**5], ids=["one chunk", "chunks of one place", "several chunks"])
@pytest.mark.parametrize("n", [1, 3, 16, 35])
def test_tiles_with_examples_in_lanes_as_numpy(in_lanes, monkeypatch, n, room):
    if room:
        monkeypatch.setattr(example_tile_calls, "ROOM", room)
    ours, theirs = switched_on(*LANES, "float64")
    x, _ = examples(ours, n)
    near(ours.logits(x), theirs.logits(x), 1e-12)
    for found, wanted in zip(step(ours, True, n=n), step(theirs, True, n=n), strict=True):
        near(found, wanted, 1e-12)


def test_tiles_with_examples_in_lanes_run(in_lanes):
    """The test above compares what it says: the tiles' rounding is not that of the direct sums."""
    model = Sequential(*LANES, engine="numba", seed=1)
    text = model.summary_text()
    assert text.count("examples in lanes, Winograd 2×2") == 3 and "3 convolutions by Winograd's algorithm" in text
    x, _ = examples(model, 64)
    found = model.logits(x)
    assert isinstance(model.fused, FusedPass)
    direct = Sequential(*LANES, engine="numba", seed=1)
    direct.fused.by_tiles = False
    assert (direct.logits(x) != found).any()
    near(direct.logits(x), found, 1e-5)


def test_the_bits_of_tiles_in_lanes_do_not_depend_on_the_threads(in_lanes):
    model = Sequential(*LANES, engine="numba", seed=1)
    first = step(model, True, n=70, threads=1)
    for threads in (2, 3):
        for found, wanted in zip(step(model, True, n=70, threads=threads), first, strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_the_bits_do_not_depend_on_the_threads(always):
    model = Sequential(*NETWORKS["residual"], engine="numba", seed=1)
    first = step(model, True, threads=1)
    for threads in (2, 3):
        for found, wanted in zip(step(model, True, threads=threads), first, strict=True):
            np.testing.assert_array_equal(found, wanted)


def scales(name, shape, channels, rng):
    """Factors for the images, and for the kernels of the second convolution."""
    if name == "channels":
        each = 10.0 ** rng.uniform(-4, 4, channels)
        return 1, 0, each, 1
    if name == "channels against kernels":
        each = 10.0 ** rng.uniform(-4, 4, channels)
        return 1, 0, each, 1 / each[:, None]
    if name == "offset":
        return 1, 100, 1, 1
    if name == "tiny":
        return 1e-25, 0, 1, 1
    if name == "huge":
        return 1e15, 0, 1, 1e5
    spikes = np.ones(shape)
    spikes[3::7, 2::5] = 1e4
    return spikes, 0, 1, 1


BAD_SCALES = pytest.mark.parametrize(
    "name", ["channels", "channels against kernels", "offset", "tiny", "huge", "spikes"]
)


@BAD_SCALES
@pytest.mark.parametrize("kernel", [3, 5])
def test_the_error_stays_below_a_ten_thousandth_with_bad_scales(always, kernel, name):
    layers = [Conv2D(64, kernel, use_bias=False) for _ in range(2)]
    has_small_errors([*layers, Flatten(), Dense(9, use_bias=False)], (21, 26, 3), 64, name, 19)


@BAD_SCALES
def test_the_error_of_tiles_in_lanes_stays_below_a_ten_thousandth_with_bad_scales(in_lanes, name):
    layers = [Conv2D(8, 5, use_bias=False), Conv2D(16, 5, use_bias=False), Flatten(), Dense(9, use_bias=False)]
    has_small_errors(layers, (18, 22, 3), 8, name, 32)


def has_small_errors(layers, shape, c, name, n):
    """Of the largest output, and of the largest number of each gradient; float32 against float64."""
    ours = Sequential(layers, shape, engine="numba", seed=1)
    exact = Sequential(layers, shape, engine="numpy", seed=1, dtype="float64")
    assert isinstance(ours.fused, FusedPass) and ours.fused.by_tiles and "Winograd" in ours.summary_text()
    rng = np.random.default_rng(2)
    images, offset, first, second = scales(name, shape, c, rng)
    weights = ours.layer_weights
    weights[0]["kernel"][...] *= first
    weights[1]["kernel"][...] *= np.broadcast_to(second, (c, 1)) if np.ndim(second) else second
    exact.flat[...] = ours.flat
    x = (rng.standard_normal((n, *shape)) * images + offset).astype(np.float32)
    labels, gradients, found = rng.integers(0, 9, n), [], []
    for model in (ours, exact):
        gradients.append(np.zeros_like(model.flat))
        x = x.astype(model.dtype)
        found.append(model.logits(x))
        model.loss_gradient(x, labels, 1 / n, gradients[-1], 2)
    assert np.abs(found[0] - found[1]).max() <= 1e-4 * np.abs(found[1]).max()
    at = 0
    for layer in exact.layer_weights:
        end = at + sum(array.size for array in layer.values())
        one, other = (gradient[at:end] for gradient in gradients)
        assert np.abs(one - other).max(initial=0) <= 1e-4 * np.abs(other).max(initial=0)
        at = end


def test_off_by_one_option(monkeypatch):
    layers, shape = NETWORKS["paddings"]
    on = Sequential(layers, shape, engine="numba", seed=1)
    monkeypatch.setenv("CONVLENS_WINOGRAD", "off")
    off = Sequential(layers, shape, engine="numba", seed=1)
    assert "Winograd" in on.summary_text() and "Winograd" not in off.summary_text()
    assert isinstance(off.fused, FusedPass) and not off.fused.by_tiles
    x, _ = examples(on)
    assert (on.logits(x) != off.logits(x)).any()
    near(on.logits(x), off.logits(x), 1e-5)


WIDE = BYTES // 4


@pytest.mark.parametrize(
    ("ci", "co", "size", "kernel", "stride", "examples", "wanted"),
    [
        (2 * WIDE, 2 * WIDE, (32, 32), 3, 1, 16, Form(4, 3)),
        (8 * WIDE, 8 * WIDE, (2, 2), 3, 1, 16, Form(2, 3)),
        (2 * WIDE, 2 * WIDE, (32, 32), 3, 2, 16, None),
        (2 * WIDE, 2 * WIDE, (32, 32), 5, 1, 16, Form(2, 5)),
        (2 * WIDE, 2 * WIDE, (32, 32), 5, 2, 16, None),
        (2 * WIDE, 2 * WIDE, (32, 32), 7, 1, 16, None),
        (3, 2 * WIDE, (32, 32), 3, 1, 16, None),
        (2 * WIDE, 2 * WIDE, (1, 1), 3, 1, 16, None),
        (16 * WIDE, 16 * WIDE, (2, 2), 3, 1, 1, None),  # the transforms of the kernels would take longer
    ],
)
def test_it_runs_where_it_takes_less_work(ci, co, size, kernel, stride, examples, wanted):
    pads = ((kernel // 2, kernel // 2),) * 2
    out = tuple(-(-side // stride) for side in size)
    spec = Conv(size, ci, out, co, (kernel, kernel), (stride, stride), pads)
    assert winograd.chosen(spec, WIDE, examples) == wanted


@pytest.mark.parametrize(
    ("ci", "co", "size", "kernel", "pads", "examples", "wanted"),
    [
        (6, 16, (14, 14), 5, 0, 16, True),
        (6, 16, (14, 12), 5, 0, 16, True),
        (1, 6, (28, 28), 5, 0, 16, False),  # the transforms would take longer
        (6, 16, (14, 13), 5, 0, 16, False),
        (6, 16, (14, 14), 5, 2, 16, False),
        (6, 16, (14, 14), 3, 0, 16, False),
        (6, 16, (14, 14), 5, 0, 3, False),
    ],
)
def test_tiles_in_lanes_run_where_they_take_less_work(ci, co, size, kernel, pads, examples, wanted):
    out = tuple(side - kernel + 1 + 2 * pads for side in size)
    spec = Conv(size, ci, out, co, (kernel, kernel), (1, 1), ((pads, pads),) * 2)
    assert winograd.chosen_for_examples(spec, WIDE, examples) is wanted
