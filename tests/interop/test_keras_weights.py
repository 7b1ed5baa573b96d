"""Weights alone in .weights.h5 and .safetensors files, and whole networks by the end of the file's name."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import convlens
from convlens import layers

SHAPE = (8, 7, 2)


def network(seed=0, last=2):
    return convlens.Sequential(
        [
            convlens.Input(SHAPE),
            layers.Conv2D(3, (2, 3), name="C1"),
            layers.BatchNormalization(),
            layers.Conv2D(3, 1, use_bias=False),
            layers.Dropout(0.5),
            layers.SeparableConv2D(4, (2, 1)),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, activation="tanh", name="hidden"),
            layers.Dense(last, activation="softmax"),
        ],
        seed=seed,
    )


X = np.random.default_rng(0).random((5, *SHAPE)).astype(np.float32)


@pytest.mark.smoke
@pytest.mark.parametrize("name", ["a.weights.h5", "a.safetensors"])
def test_weights_go_there_and_back(tmp_path, name):
    pytest.importorskip("h5py")
    model, other = network(), network(5)
    model.save_weights(tmp_path / name)
    assert not np.array_equal(other.predict(X), model.predict(X))
    other.load_weights(str(tmp_path / name))
    assert_array_equal(other.predict(X), model.predict(X))
    assert all(map(np.array_equal, other.get_weights(), model.get_weights()))
    with pytest.raises(FileExistsError, match=r"exists; overwrite=True replaces it$"):
        model.save_weights(tmp_path / name, overwrite=False)


def test_a_weight_that_is_not_finite_is_named(tmp_path):
    h5py = pytest.importorskip("h5py")
    model, other = network(), network(5)
    model.save_weights(tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "a.weights.h5", "r+") as file:
        file["layers/conv2d/vars/0"][0, 1, 0, 2] = np.nan
        file["layers/batch_normalization/vars/3"][1] = -np.inf
    before = other.flat.copy()
    with pytest.raises(ValueError) as caught:
        other.load_weights(tmp_path / "a.weights.h5")
    assert str(caught.value).endswith(
        "must hold the weights of sequential: C1/kernel has 1 of 36 numbers that are NaN or infinite; "
        "batch_normalization/moving_variance has 1 of 3 numbers that are NaN or infinite"
    )
    assert np.array_equal(other.flat, before)


@pytest.mark.smoke
def test_weights_of_another_network_are_refused_and_nothing_changes(tmp_path):
    pytest.importorskip("h5py")
    path, model = tmp_path / "a.weights.h5", network(last=3)
    network().save_weights(path)
    before = model.get_weights()
    with pytest.raises(ValueError) as caught:
        model.load_weights(path)
    assert str(caught.value) == (
        f"{path} must hold the weights of sequential: layer dense has weights of shapes (4, 3), (3,), the file (4, 2), "
        "(2,)"
    )
    model.pop()
    with pytest.raises(ValueError, match=r": the file has weights of dense_1, the network does not$"):
        model.load_weights(path)
    assert all(map(np.array_equal, model.get_weights(), before))
    path.write_bytes(b"no HDF5")
    with pytest.raises(ValueError, match=r"must be a \.weights\.h5 file of Keras; it is not: "):
        model.load_weights(path)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("method", "name", "ends"),
    [
        ("save", "model.pkl", ".keras, .h5, .safetensors, .onnx"),
        ("save", "model", ".keras, .h5, .safetensors, .onnx"),
        ("save_weights", "w.h5", ".weights.h5, .safetensors"),
        ("load_weights", "w.ckpt", ".weights.h5, .safetensors"),
    ],
)
def test_another_end_of_the_name_is_refused(method, name, ends):
    with pytest.raises(ValueError) as caught:
        getattr(network(), method)(name)
    assert str(caught.value) == f"the name of the file must end in {ends}; got {name}"


@pytest.mark.smoke
def test_a_network_is_loaded_from_its_own_format(tmp_path):
    model = network()
    model.save(tmp_path / "m.safetensors")
    for load in (convlens.load_model, convlens.models.load_model):
        assert_array_equal(load(tmp_path / "m.safetensors").predict(X), model.predict(X))
    with pytest.raises(ValueError, match=r"^custom_objects are not known: networks are made of layers of convlens"):
        convlens.models.load_model(tmp_path / "m.safetensors", custom_objects={"Mine": object})


@pytest.mark.frameworks
def test_keras_and_convlens_read_each_others_files(tmp_path):
    keras = pytest.importorskip("keras")
    model = network()
    model.save(tmp_path / "m.keras")
    theirs = keras.models.load_model(tmp_path / "m.keras")
    assert_allclose(theirs.predict(X, verbose=0), model.predict(X), rtol=1e-4, atol=1e-6)
    assert_allclose(convlens.load_model(tmp_path / "m.keras").predict(X), model.predict(X), rtol=1e-5, atol=1e-6)
    theirs.set_weights([w + 0.5 for w in theirs.get_weights()])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras's own
        theirs.save_weights(tmp_path / "t.weights.h5")
    model.load_weights(tmp_path / "t.weights.h5")
    assert all(map(np.array_equal, model.get_weights(), theirs.get_weights()))
    other = network(7)
    other.save_weights(tmp_path / "o.weights.h5")
    theirs.load_weights(tmp_path / "o.weights.h5")
    assert all(map(np.array_equal, other.get_weights(), theirs.get_weights()))
