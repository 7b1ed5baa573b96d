"""Networks exported to Keras and imported from it: equal weights and predictions, and the networks that are refused."""

import importlib.util
import json
import zipfile

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.support.keras_networks import conv, kind, lacks, layers_of, stack
from tests.support.places import COURSEWORK

from convlens import lenet5
from convlens.interop.keras_compiled import save_keras
from convlens.interop.keras_file import from_keras, read_keras
from convlens.interop.keras_model import to_keras
from convlens.nn import AveragePooling2D, Conv2D, Dense, Flatten, MaxPooling2D, Sequential
from convlens.nn.layer import Layer

pytestmark = [
    pytest.mark.frameworks,
    # Keras gives this warning.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]


# input shape, layers
NETWORKS: dict[str, tuple[tuple[int, ...], list[Layer]]] = {
    "valid": (
        (8, 5, 2),
        [Conv2D(3, (3, 2), (2, 1), activation="relu"), MaxPooling2D((2, 1)), Flatten(), Dense(5, "relu"), Dense(3)],
    ),
    "same": (
        (9, 6, 1),
        [Conv2D(4, (4, 3), (2, 3), "same"), AveragePooling2D((3, 2), (2, 1), "same"), Flatten(), Dense(3)],
    ),
    "same, overlapping": ((5, 8, 3), [MaxPooling2D((2, 3), (1, 2), "same"), Conv2D(2, 1, (2, 3)), Flatten(), Dense(4)]),
    "average, valid": ((7, 9, 2), [AveragePooling2D((2, 3), (3, 2)), Flatten(), Dense(4, "relu")]),
    "course": ((6, 5, 2), [Conv2D(3, (4, 2), (2, 1), "course", "relu"), Flatten(), Dense(3)]),
    "explicit": ((4, 6, 2), [Conv2D(3, (3, 2), (2, 1), ((2, 0), (0, 3))), Conv2D(2, 2), Flatten(), Dense(3)]),
    "explicit, wider than the kernel": ((2, 3, 1), [Conv2D(2, (1, 2), (1, 2), ((3, 4), (2, 5))), Flatten(), Dense(3)]),
    "explicit, equal to a rule": ((5, 4, 1), [MaxPooling2D((2, 3), (2, 1), ((0, 1), (1, 1))), Flatten(), Dense(2)]),
    "dense": ((7,), [Dense(5, "relu"), Dense(3)]),
    "flatten first": ((3, 5, 2), [Flatten(), Dense(4)]),
}


def network(name, dtype=np.float32, seed=3):
    """A network whose biases are not 0."""
    shape, layers = NETWORKS[name]
    model = Sequential(layers, shape, seed=seed, dtype=dtype, engine="numpy")
    model.flat += np.random.default_rng(seed).standard_normal(model.flat.size).astype(dtype) * 0.1
    return model


def images(model, n=3):
    return np.random.default_rng(5).standard_normal((n, *model.input_shape)).astype(model.dtype)


def same_bits(found, model):
    assert found.dtype == model.dtype
    assert found.flat.tobytes() == model.flat.tobytes()


def test_keras_runs_on_tensorflow(keras):
    assert keras.backend.backend() == "tensorflow"


# Export and import ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETWORKS)
def test_export_and_import_give_the_same_predictions_and_weights(name, dtype):
    model = network(name, dtype)
    theirs = to_keras(model)
    x = images(model)
    assert theirs.output_shape == (None, *model.output_shape)
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    assert_allclose(theirs(x, training=False).numpy(), model.predict(x), rtol=0, atol=tolerance)
    back = from_keras(theirs, engine="numpy")
    same_bits(back, model)
    assert [type(a) for a in back.layers] == [type(a) for a in model.layers]
    assert [a.output_shape for a in back.table] == [a.output_shape for a in model.table]
    assert_array_equal(back.probabilities(x), model.probabilities(x))


def test_layers_and_weights_keep_their_names():
    model = network("explicit")
    theirs = to_keras(model)
    names = ["conv2d_zeros", "conv2d", "conv2d_1", "flatten", "dense"]
    assert [layer.name for layer in theirs.layers] == names
    assert [w.path.split("/", 1)[-1] if w.path.startswith("sequential/") else w.path for w in theirs.weights] == list(
        model.named_weights()
    )


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("name", ["valid", "explicit", "same"])
def test_saving_and_reading_a_file_gives_the_same_network(tmp_path, name, suffix):
    model = network(name)
    save_keras(tmp_path / f"a.{suffix}", model)
    assert [path.name for path in tmp_path.iterdir()] == [f"a.{suffix}"]
    back = read_keras(tmp_path / f"a.{suffix}", engine="numpy")
    same_bits(back, model)
    assert_array_equal(back.probabilities(images(model)), model.probabilities(images(model)))


def test_saving_and_reading_lenet5_gives_lenet5(tmp_path):
    model = lenet5(seed=4)
    save_keras(tmp_path / "lenet5.keras", model)
    back = read_keras(tmp_path / "lenet5.keras")
    same_bits(back, model)
    assert back.name == "lenet5" and back.layers == model.layers


def test_unusual_numbers_keep_their_bits():
    model = network("valid")
    unusual = [np.float32(-0.0), np.float32(1e-42), np.float32(np.finfo(np.float32).max)]
    model.flat[:3] = unusual
    same_bits(from_keras(to_keras(model), engine="numpy"), model)


def test_weights_that_are_not_finite_are_refused():
    model = network("same")
    model.flat[:2], model.flat[-1] = np.inf, np.nan
    message = "weights must be finite; conv2d/kernel has 2 of 48 that are NaN or infinite, dense/bias has 1 of 3 that "
    with pytest.raises(ValueError, match=message):
        from_keras(to_keras(model))


@pytest.mark.parametrize("end", [None, "softmax", "sigmoid"])
def test_a_network_is_exported_as_written_or_with_logits_or_with_probabilities(end):
    shape, layers = NETWORKS["same"]
    model = Sequential([*layers[:-1], Dense(3, end)], shape, engine="numpy")
    x = images(model)
    for softmax, wanted in ((None, model.predict), (False, model.logits), (True, model.probabilities)):
        theirs = to_keras(model, softmax=softmax)
        assert_allclose(theirs(x).numpy(), wanted(x), rtol=0, atol=1e-5)
        back = from_keras(theirs, engine="numpy")
        same_bits(back, model)
        assert_array_equal(back.predict(x), wanted(x))


def test_the_exported_layers_have_the_initializer_asked_for():
    for name, initializer in (("he_normal", "HeNormal"), ("zeros", "Zeros")):
        model = network("explicit")
        theirs = to_keras(model, initializer=name)
        kernels = [layer for layer in theirs.layers if hasattr(layer, "kernel_initializer")]
        assert [type(layer.kernel_initializer).__name__ for layer in kernels] == [initializer] * 3
        same_bits(from_keras(theirs, engine="numpy"), model)


def test_the_default_data_format_of_keras_does_not_matter(keras):
    model = network("explicit")
    keras.config.set_image_data_format("channels_first")
    try:
        theirs = to_keras(model)
    finally:
        keras.config.set_image_data_format("channels_last")
    assert_allclose(theirs(images(model)).numpy(), model.predict(images(model)), rtol=0, atol=1e-5)


# Networks made in Keras -----------------------------------------------------------------------------------------------


def test_the_lenet5_of_the_coursework_is_imported(keras, tmp_path):
    spec = importlib.util.spec_from_file_location("task5", COURSEWORK / "5-lenet5.py")
    assert spec is not None and spec.loader is not None
    task = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(task)
    theirs = task.lenet5(keras.Input((28, 28, 1)))
    x = np.random.default_rng(2).random((5, 28, 28, 1), dtype=np.float32)
    theirs.fit(x, np.eye(10)[:5], verbose=0)
    theirs.save(tmp_path / "task5.keras")
    ours = read_keras(tmp_path / "task5.keras")
    assert ours.name == "lenet5"
    for own, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert own.tobytes() == other.tobytes()
    assert_allclose(ours.probabilities(x), theirs(x, training=False).numpy(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("end", ["Dense", "Softmax", "Softmax axis 1", "Activation", "logits"])
def test_a_softmax_at_the_end_may_be_written_in_several_ways(keras, end):
    kinds = keras.layers
    last = {
        "Dense": [kinds.Dense(3, activation="softmax")],
        "Softmax": [kinds.Dense(3), kinds.Softmax()],
        "Softmax axis 1": [kinds.Dense(3), kinds.Softmax(axis=1)],
        "Activation": [kinds.Dense(3), kinds.Activation("softmax")],
        "logits": [kinds.Dense(3)],
    }[end]
    theirs = layers_of(keras, kinds.Conv2D(4, (3, 2), activation="relu"), kinds.Flatten(), *last)
    ours, x = from_keras(theirs, engine="numpy"), np.random.default_rng(1).standard_normal((2, 8, 7, 2), np.float32)
    assert_allclose(ours.predict(x), theirs(x).numpy(), rtol=0, atol=1e-5)
    assert ours.end == (None if end == "logits" else "softmax")


def test_networks_built_by_add_or_from_shared_layers_are_imported(keras):
    kinds = keras.layers
    theirs = keras.Sequential([keras.Input((8, 7, 2))])
    for layer in (kinds.Conv2D(4, (3, 2)), kinds.MaxPooling2D((1, 2)), kinds.Flatten(), kinds.Dense(3)):
        theirs.add(layer)
    other = keras.Sequential([keras.Input((8, 7, 2)), *theirs.layers, kinds.Softmax()])
    part = keras.Model(theirs.inputs, theirs.layers[-1].output)
    for found in (theirs, other, part):
        assert [w.tolist() for w in from_keras(found).get_weights()] == [w.tolist() for w in theirs.get_weights()]


def test_an_imported_network_is_named_lenet5_only_if_it_computes_the_same(keras):
    kinds = keras.layers
    lenet = lenet5()
    layers = [
        kinds.ZeroPadding2D(2),
        kinds.Conv2D(6, 5, activation="relu"),
        kinds.MaxPooling2D(2, padding="same"),
        kinds.Conv2D(16, 5, activation="relu"),
        kinds.MaxPooling2D(2),
        kinds.Flatten(),
        kinds.Dense(120, activation="relu"),
        kinds.Dense(84, activation="relu"),
    ]
    theirs = layers_of(keras, *layers, kinds.Dense(10), shape=(28, 28, 1))
    theirs.set_weights(lenet.get_weights())
    assert from_keras(theirs).name == "lenet5"
    same_bits(from_keras(theirs), lenet)
    other = [*layers[:-1], kinds.Dense(85, activation="relu"), kinds.Dense(10)]
    assert from_keras(keras.Sequential([keras.Input((28, 28, 1)), *other], name="a")).name == "a"


# Files ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["model", "model.onnx", "model.safetensors", "model.pb"])
def test_other_suffixes_are_refused(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"\x89HDF\r\n")
    for act in (lambda: read_keras(path), lambda: save_keras(path, network("valid"))):
        with pytest.raises(ValueError) as caught:
            act()
        assert str(caught.value) == f"a Keras model must be a .keras or .h5 file; got {path}"
    assert path.read_bytes() == b"\x89HDF\r\n"


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for path in (tmp_path / "none.keras", tmp_path):
        path = path.with_suffix(".keras")
        with pytest.raises(FileNotFoundError, match=r"there must be a file .*\.keras; there is none"):
            read_keras(path)
        path.mkdir(exist_ok=True)
        with pytest.raises(FileNotFoundError, match=r"there must be a file .*\.keras; there is none"):
            read_keras(path)


def change_entries(path, **changed):
    """Change entries of the archive, or remove an entry whose new value is None."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    entries |= {name.replace("__", "."): value for name, value in changed.items()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in entries.items():
            if value is not None:
                archive.writestr(name, value)


def flip_byte(content, k):
    return content[:k] + bytes([content[k] ^ 255]) + content[k + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        "empty",
        "cut off",
        "bits",
        "garbage",
        "no config",
        "bad config",
        "list",
        "no weights",
        "other weights",
    ],
)
def test_damaged_files_are_refused(tmp_path, damage):
    path = tmp_path / "a.keras"
    save_keras(path, network("valid"))
    content = path.read_bytes()
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "cut off":
        path.write_bytes(content[:-40])
    elif damage == "bits":
        with zipfile.ZipFile(path) as archive:
            at = archive.getinfo("model.weights.h5").header_offset
        path.write_bytes(flip_byte(content, at + 5000))
    elif damage == "garbage":
        path.write_bytes(b"PK\x03\x04" * 99)
    elif damage == "no config":
        change_entries(path, config__json=None)
    elif damage == "bad config":
        change_entries(path, config__json=b"{")
    elif damage == "list":
        change_entries(path, config__json=b"[1]")
    elif damage == "no weights":
        change_entries(path, **{"model.weights.h5": None})
    else:
        save_keras(tmp_path / "b.keras", network("same"))
        with zipfile.ZipFile(tmp_path / "b.keras") as archive:
            change_entries(path, **{"model.weights.h5": archive.read("model.weights.h5")})
    with pytest.raises(ValueError) as caught:
        read_keras(path)
    assert str(caught.value).startswith(f"{path} must be a whole model as Keras saves it; it is not: ")
    assert "\n" not in str(caught.value)


def test_a_model_of_another_class_is_refused(tmp_path):
    path = tmp_path / "a.keras"
    save_keras(path, network("valid"))
    change_entries(path, config__json=json.dumps({"class_name": "Mine", "config": {}}).encode())
    with pytest.raises(ValueError) as caught:
        read_keras(path)
    assert str(caught.value) == f"{path}: a Keras model must be a Sequential or functional model; got Mine"


def test_code_in_a_file_is_not_run(keras, tmp_path, monkeypatch):
    path = tmp_path / "a.keras"
    stack(kind("Lambda", lambda x: x))(keras).save(path)
    monkeypatch.setattr(keras.models, "load_model", None)
    with pytest.raises(ValueError) as caught:
        read_keras(path)
    assert str(caught.value).startswith(f"{path}: {lacks('a (Lambda)')}")


def test_layers_of_another_module_are_refused(tmp_path):
    path = tmp_path / "a.keras"
    save_keras(path, network("valid"))
    with zipfile.ZipFile(path) as archive:
        config = archive.read("config.json").decode()
    change_entries(path, config__json=config.replace('"module": "keras.layers"', '"module": "mine"'))
    with pytest.raises(ValueError, match=f"{path}: convlens has no layer for conv2d .Conv2D, of mine., .*; it has "):
        read_keras(path)


def test_a_refusal_names_the_file(keras, tmp_path):
    path = tmp_path / "a.keras"
    stack(conv(activation="mish"))(keras).save(path)
    with pytest.raises(ValueError) as caught:
        read_keras(path)
    assert str(caught.value).startswith(f"{path}: layer a: activation must be one of linear, relu, ")


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.keras"
    path.write_bytes(b"old")

    def fail(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        save_keras(path, network("dense"))
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.keras"]
