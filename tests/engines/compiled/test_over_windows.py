"""The first convolution and its pool in one kernel: against the NumPy engine, for each shape that the kernel takes."""

import numpy as np
import pytest

pytest.importorskip("numba")

from convlens.engines.compiled import over_windows
from convlens.engines.compiled.registers import BYTES
from convlens.nn import Conv2D, Dense, Flatten, MaxPooling2D, Rescaling, Sequential

CASES = {
    "as LeNet-5's": ((28, 28, 1), [Conv2D(6, 5, padding="same", activation="relu")]),
    "three channels, no ReLU": ((13, 12, 3), [Conv2D(4, 3)]),
    "a scale and no bias": ((12, 15, 2), [Rescaling(0.5, -0.25), Conv2D(5, (2, 3), use_bias=False, activation="relu")]),
    "rows of more than a vector": ((9, 75, 1), [Conv2D(3, 4, padding="same")]),
    "more channels than a tile has": ((11, 31, 1), [Conv2D(7, 2, activation="relu")]),
}


def twins(shape, layers, dtype):
    layers = [*layers, MaxPooling2D(2), Conv2D(9, 3, padding="same"), Flatten(), Dense(4)]
    ours, theirs = (Sequential(layers, shape, engine=engine, dtype=dtype, seed=3) for engine in ("numba", "numpy"))
    for model in (ours, theirs):
        model.flat[...] = np.random.default_rng(5).standard_normal(model.flat.size)
    return ours, theirs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CASES)
def test_as_the_operations_one_by_one(name, dtype):
    shape, layers = CASES[name]
    ours, theirs = twins(shape, layers, dtype)
    for n in (1, 3):
        x = np.random.default_rng(n).standard_normal((n, *shape)).astype(dtype)
        wanted = theirs.predict(x)
        near = 2e-6 if dtype == np.float32 else 1e-14
        np.testing.assert_allclose(ours.predict(x), wanted, rtol=0, atol=near * np.abs(wanted).max())


def test_nan_in_a_weight_passes_the_pool():
    ours, _ = twins((28, 28, 1), CASES["as LeNet-5's"][1], np.float32)
    ours.flat[3] = np.nan
    assert np.isnan(ours.predict(np.ones((1, 28, 28, 1), np.float32))).all()


@pytest.mark.parametrize(
    ("layers", "takes"),
    [
        ([Conv2D(6, 5, padding="same", activation="relu"), MaxPooling2D(2)], True),
        ([Conv2D(6, 5, padding="same", activation="tanh"), MaxPooling2D(2)], False),
        ([Conv2D(6, 5, padding="same"), MaxPooling2D(3, 2)], False),
        ([Conv2D(6, 5, padding="same", strides=2), MaxPooling2D(2)], False),
        ([Conv2D(32, 5, padding="same"), MaxPooling2D(2)], False),
        ([Conv2D(6, 5, padding="same"), Conv2D(6, 5)], False),
    ],
)
@pytest.mark.skipif(BYTES != 64, reason="the work is counted for vectors of 16 numbers")
def test_which_operations_it_takes(layers, takes):
    specs = Sequential(layers, (28, 28, 1)).specs()
    assert specs is not None
    assert (over_windows.beginning(specs, 16) is not None) == takes
