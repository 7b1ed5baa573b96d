"""What Keras's files hold beside weights: a counter of `Normalization`, and what acts only in training."""

import numpy as np
import pytest

from convlens.interop.keras_file import import_keras

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]


def test_an_adapted_normalization_is_read_from_a_file(keras, tmp_path, rng):
    layer = keras.layers.Normalization()
    layer.adapt(rng.uniform(0, 255, (20, 5, 4, 3)).astype("float32"))
    model = keras.Sequential([keras.Input((5, 4, 3)), layer, keras.layers.Flatten(), keras.layers.Dense(2)])
    model.save(tmp_path / "model.keras")
    x = rng.uniform(0, 255, (3, 5, 4, 3)).astype("float32")
    found = import_keras(tmp_path / "model.keras", engine="numpy")
    np.testing.assert_allclose(found.model.logits(x), np.asarray(model(x)), rtol=1e-5, atol=1e-5)


def test_one_constraint_is_named_alone(keras, tmp_path):
    dense = keras.layers.Dense(2, kernel_constraint=keras.constraints.MaxNorm(1.0), name="d")
    keras.Sequential([keras.Input((5, 4, 3)), keras.layers.Flatten(), dense]).save(tmp_path / "model.keras")
    found = import_keras(tmp_path / "model.keras", engine="numpy", compare=False)
    assert found.notes == ("layer d: kernel_constraint acted only in training and is left out",)
