"""The buffers of a program: what shares memory is never in use at the same time, and a pass reads nothing old."""

import itertools
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from convlens.engines.compiled.buffers import Buffers, _places, _Use
from convlens.engines.compiled.image import Frame
from convlens.engines.compiled.kernel import Call
from convlens.engines.compiled.pointwise import copy
from convlens.engines.compiled.room import Memory
from convlens.machine.memory import aligned
from convlens.nn import (
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalMaxPooling2D,
    LocalResponseNormalization,
    MaxPooling2D,
    RandomFlip,
    ReLU,
    Sequential,
    ZeroPadding2D,
)

FLOAT = np.dtype(np.float32)


@pytest.fixture
def shares_old_memory(monkeypatch):
    """All images share memory, which begins with large numbers: a network that reads an old number shows it."""

    def dirty(shape, dtype):
        found = aligned(shape, dtype)
        found[...] = 0x7F
        return found

    monkeypatch.setattr("convlens.engines.compiled.room.aligned", dirty)
    monkeypatch.setattr("convlens.engines.compiled.buffers.SMALL", 0)


def layers_of(rng):
    """Return random layers: chains and residual blocks, whose values have several readers."""

    def conv(channels, strides=1, groups=1):
        size = int(rng.choice((1, 3, 5)))
        return Conv2D(channels, size, strides=strides, padding="same", groups=groups)

    def one(channels):
        kinds = (
            lambda: conv(channels),
            lambda: Conv2D(channels, 3, padding="same", activation="relu"),
            lambda: DepthwiseConv2D(3, padding="same"),
            lambda: Activation(str(rng.choice(("tanh", "elu", "relu")))),
            BatchNormalization,
            lambda: LocalResponseNormalization(3),
            lambda: Dropout(0.25),
            lambda: RandomFlip("horizontal"),
        )
        return kinds[rng.integers(len(kinds))]()

    channels = int(rng.choice((3, 16, 32)))
    found = [conv(channels)]
    for _ in range(3):
        branch = (*(one(channels) for _ in range(rng.integers(1, 4))), conv(channels))
        shortcut = () if rng.random() < 0.5 else (conv(channels),)
        found += [Add(branch, shortcut), ReLU()] if rng.random() < 0.6 else [one(channels)]
    pool = (MaxPooling2D(2), AveragePooling2D(3, strides=2, padding="same"), ZeroPadding2D(1))[rng.integers(3)]
    end = [Flatten()] if rng.random() < 0.5 else [GlobalMaxPooling2D()]
    return [*found, pool, conv(32, 2), *end, Dense(7)]


@pytest.mark.parametrize("seed", range(16))
def test_random_networks_compute_the_same_as_without_sharing(seed, shares_old_memory):
    rng = np.random.default_rng(seed)
    dtype, n = ("float64", "float32")[seed % 4 == 0], int(rng.integers(1, 18))
    layers, shape = layers_of(rng), (int(rng.integers(4, 12)), int(rng.integers(4, 12)), 3)
    ours, other = (Sequential(layers, shape, engine=name, seed=seed, dtype=dtype) for name in ("numba", "numpy"))
    assert ours.fused is not None
    other.flat[...] = ours.flat
    x, labels = rng.standard_normal((n, *shape)).astype(dtype), rng.integers(0, 7, n)
    close = 2e-3 if dtype == "float32" else 1e-8
    results: list[Any] = []
    for _ in range(2):
        gradients: Any = [np.zeros_like(model.flat) for model in (ours, other)]
        losses: Any = [
            model.loss_gradient(x, labels, 1 / n, gradient)[0]
            for model, gradient in zip((ours, other), gradients, strict=True)
        ]
        np.testing.assert_allclose(ours.logits(x), other.logits(x), rtol=close, atol=close)
        np.testing.assert_allclose(losses[0], losses[1], rtol=close, atol=close)
        np.testing.assert_allclose(
            gradients[0], gradients[1], rtol=close, atol=close * (1 + np.abs(gradients[1]).max())
        )
        trained = np.zeros_like(ours.flat)
        state = ours.flat_state.copy()
        ours.loss_gradient(x, labels, 1 / n, trained, 2, np.random.default_rng(seed), state=state)
        results.append((gradients[0], trained, state))
    for first, second in zip(*results, strict=True):
        assert np.isfinite(first).all()
        np.testing.assert_array_equal(first, second)  # a second pass finds the numbers of the first one


def test_buffers_in_use_together_do_not_overlap():
    rng = np.random.default_rng(0)
    for _ in range(20):
        spans = np.sort(rng.integers(0, 60, (30, 2)), axis=1)
        uses = [_Use(str(k), int(rng.integers(1, 500)), *map(int, span)) for k, span in enumerate(spans)]
        places, size = _places(uses, 4)
        assert size < sum(use.size for use in uses) and all(place % 16 == 0 for place in places.values())
        for one, other in itertools.combinations(uses, 2):
            if one.first <= other.last and other.first <= one.last:
                a, b = places[one.name], places[other.name]
                assert a + one.size <= b or b + other.size <= a
        assert max(places[use.name] + use.size for use in uses) <= size


def test_a_frame_is_zero_again_in_memory_that_was_used(shares_old_memory):
    made = Buffers(FLOAT)
    x, y = (made.image(2, 3, 2, 16, Frame(1, 2, 1, 3)) for _ in range(2))
    memory = Memory()
    (steps,) = made.placed([copy(x=x, y=y, more=0)], memory)
    for step in steps:
        assert isinstance(step, Call)
        names = step.kernel.names
        step.kernel.run(**dict(zip(names, step.values, strict=True)))
    old = np.frombuffer(b"\x7f" * 4, np.float32)[0]
    for name in (x.data.name, y.data.name):
        whole = made._found[name].reshape(2, 6, 6, 16)
        inside = np.zeros_like(whole, bool)
        inside[:, 1:4, 1:3] = True
        assert (whole[~inside] == 0).all() and (whole[inside] == old).all()


def test_the_images_of_a_small_vgg_share_memory(monkeypatch):
    """A block of 16 examples has 27 MB of images and scratch, of which 13 MB are in use together; in a prediction 6."""
    asked: dict[object, int] = {}
    of = Memory.of

    def counted(self, name, size, dtype):
        asked[name] = max(asked.get(name, 0), size * dtype.itemsize)
        return of(self, name, size, dtype)

    monkeypatch.setattr(Memory, "of", counted)
    pairs = [
        (*(Conv2D(c, 3, padding="same", activation="relu") for _ in range(2)), MaxPooling2D(2)) for c in (32, 64, 128)
    ]
    layers = [*itertools.chain(*pairs), Flatten(), Dense(128, activation="relu"), Dense(10)]
    model = Sequential(layers, (32, 32, 3), engine="numba", seed=1)
    x, labels = np.zeros((64, 32, 32, 3), np.float32), np.zeros(64, np.int64)
    model.loss_gradient(x, labels, 1.0, np.zeros_like(model.flat), 2)
    assert set(asked) == {0, 1} and max(asked.values()) < 14e6
    asked.clear()
    model.logits(x)
    assert max(asked.values()) < 6e6


def test_a_smaller_batch_takes_no_more_memory(monkeypatch):
    """A network with a normalisation has programs for each size of a batch. They share memory and packed kernels."""
    taken = []

    def counted(shape, dtype):
        found = aligned(shape, dtype)
        taken.append(found.nbytes)
        return found

    for module in ("room", "block_calls"):
        monkeypatch.setattr(f"convlens.engines.compiled.{module}.aligned", counted)
    layers = [Conv2D(32, 3, padding="same"), BatchNormalization(), ReLU(), Conv2D(32, 3, padding="same"), Flatten()]
    model = Sequential([*layers, Dense(5)], (24, 24, 3), engine="numba", seed=1)
    rng = np.random.default_rng(0)
    x, labels = rng.random((48, 24, 24, 3), dtype=np.float32), rng.integers(0, 5, 48)

    def train(n):
        taken.clear()
        gradient = np.zeros_like(model.flat)
        model.loss_gradient(x[:n], labels[:n], 1 / n, gradient, 2, np.random.default_rng(0))
        return sum(taken), gradient

    (first, before), (second, _), (_, after) = train(48), train(32), train(48)
    assert first > 5e6 and second < first / 100
    np.testing.assert_array_equal(before, after)


def test_packed_kernels_follow_the_weights():
    """Kernels that are transformed one after another pass through the same memory."""
    layers = [*(Conv2D(c, 3, padding="same", activation="relu") for c in (32, 64, 32)), Flatten(), Dense(5)]
    ours, other = (Sequential(layers, (12, 12, 16), engine=name, seed=1) for name in ("numba", "numpy"))
    rng = np.random.default_rng(0)
    x, labels = rng.random((16, 12, 12, 16), dtype=np.float32), rng.integers(0, 5, 16)
    for _ in range(3):
        gradients = [np.zeros_like(model.flat) for model in (ours, other)]
        for model, gradient in zip((ours, other), gradients, strict=True):
            model.loss_gradient(x, labels, 1 / 16, gradient)
        np.testing.assert_allclose(gradients[0], gradients[1], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(ours.logits(x), other.logits(x), rtol=1e-3, atol=1e-4)
        for model in (ours, other):
            model.flat -= 0.5 * gradients[1]
