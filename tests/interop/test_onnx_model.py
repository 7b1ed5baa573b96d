"""Networks as ONNX models: ONNX Runtime and ONNX's reference give our predictions; the file's content; refusals."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from convlens import lenet5
from convlens.interop.onnx_model import IR_VERSION, OPSET, save_onnx, to_onnx
from convlens.nn import AveragePooling2D, Conv2D, Dense, Flatten, MaxPooling2D, Sequential
from convlens.nn.layer import Layer
from convlens.training.stored_images import Images

pytestmark = pytest.mark.frameworks

POOLS = {
    "valid": ((8, 5), (3, 2), None, "valid"),
    "valid, strides, left over": ((9, 8), (2, 3), (3, 2), "valid"),
    "same": ((7, 6), (3, 2), (2, 1), "same"),
    "same, even kernel": ((6, 5), (4, 2), (1, 2), "same"),
    "course": ((6, 7), (4, 3), (1, 1), "course"),
    "explicit": ((5, 7), (3, 2), (2, 1), ((2, 0), (1, 1))),
    "explicit, left over": ((6, 4), (3, 4), (2, 3), ((1, 2), (0, 3))),
}
CONVS = {
    "valid": ((8, 5), (3, 2), (2, 1), "valid"),
    "same": ((9, 6), (4, 3), (2, 3), "same"),
    "same, one cell": ((5, 4), (1, 1), (2, 3), "same"),
    "course": ((6, 5), (4, 2), (2, 1), "course"),
    "explicit": ((4, 6), (3, 2), (2, 1), ((2, 0), (0, 3))),
    "explicit, wider than the kernel": ((2, 3), (1, 2), (1, 2), ((3, 4), (2, 5))),
}


def network(layers, shape, seed=3):
    """A network whose biases are not 0."""
    model = Sequential(layers, shape, seed=seed, engine="numpy")
    model.flat += np.random.default_rng(seed).standard_normal(model.flat.size).astype(np.float32) * 0.1
    return model


def images(model, n=3):
    return np.random.default_rng(5).standard_normal((n, *model.input_shape)).astype(np.float32)


def session(model):
    runtime = pytest.importorskip("onnxruntime")
    return runtime.InferenceSession(to_onnx(model).SerializeToString(), providers=["CPUExecutionProvider"])


def test_the_metadata_say_what_the_network_was_trained_on():
    runtime = pytest.importorskip("onnxruntime")
    model = network([Flatten(), Dense(2)], (3, 5, 3))
    found = Images(("cat", 'größer "1"'), 1 / 255, None, (3, 5), True)
    made = runtime.InferenceSession(to_onnx(model, found).SerializeToString(), providers=["CPUExecutionProvider"])
    told = made.get_modelmeta().custom_metadata_map
    assert json.loads(told["class_names"]) == ["cat", 'größer "1"']
    assert float(told["scale"]) == 1 / 255
    assert (told["ink"], told["size"], told["channels"]) == ("unknown", "5x3", "RGB")
    assert not session(model).get_modelmeta().custom_metadata_map


def test_a_network_that_ends_in_a_sigmoid_keeps_it():
    model = network([Flatten(), Dense(2, activation="sigmoid")], (3, 5, 1))
    (found,) = session(model).run(None, {"images": images(model)})
    assert_allclose(found, model.predict(images(model)), rtol=0, atol=1e-6)
    assert (abs(found.sum(axis=1) - 1) > 0.01).any(), "a softmax instead"


def check(model):
    runtime = session(model)
    for n in (1, 3):
        x = images(model, n)
        (found,) = runtime.run(["probabilities"], {"images": x})
        assert found.dtype == np.float32 and found.shape == (n, *model.output_shape)
        assert_allclose(found, model.probabilities(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize("case", CONVS.values(), ids=CONVS)
def test_convolutions_predict_the_same(case, activation):
    size, kernel, strides, padding = case
    layers = [Conv2D(3, kernel, strides, padding, activation), Flatten(), Dense(5, activation), Dense(4)]
    check(network(layers, (*size, 2)))


@pytest.mark.parametrize("kind", [MaxPooling2D, AveragePooling2D])
@pytest.mark.parametrize("case", POOLS.values(), ids=POOLS)
def test_poolings_predict_the_same(case, kind):
    """Padding changes neither maximum nor average, even if all images lie far below or far above 0."""
    size, kernel, strides, padding = case
    model = network([kind(kernel, strides, padding), Flatten(), Dense(4)], (*size, 2))
    check(model)
    runtime = session(model)
    for shift in (-2, 2):
        x = images(model) + np.float32(shift)
        (found,) = runtime.run(None, {"images": x})
        assert_allclose(found, model.probabilities(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "layers"),
    [
        ((7,), [Dense(5, "relu"), Dense(3)]),
        ((3, 5, 2), [Flatten(), Dense(4)]),
        ((9, 7, 2), [Conv2D(3, (3, 2)), Conv2D(2, (2, 3), 2), MaxPooling2D((2, 1)), Conv2D(4, 1), Flatten()]),
        ((5, 6, 3), [MaxPooling2D((2, 3)), AveragePooling2D((2, 1)), Flatten(), Flatten(), Dense(2, "relu")]),
        ((4, 3, 1), [Conv2D(3, (4, 3)), Flatten(), Dense(2)]),
    ],
)
def test_networks_predict_the_same(shape, layers):
    check(network(layers, shape))


def test_lenet5_predicts_the_same_in_onnx_runtime_and_in_the_reference(rng):
    reference = pytest.importorskip("onnx.reference")
    model = lenet5(seed=6, engine="numpy")
    model.flat += rng.standard_normal(model.flat.size).astype(np.float32) * 0.02
    check(model)
    x = rng.random((2, 28, 28, 1), dtype=np.float32)
    (found,) = reference.ReferenceEvaluator(to_onnx(model)).run(None, {"images": x})
    assert_allclose(found, model.probabilities(x), rtol=0, atol=1e-5)


# Content --------------------------------------------------------------------------------------------------------------


def test_names_shapes_and_versions():
    runtime = session(lenet5())
    (given,), (made,) = runtime.get_inputs(), runtime.get_outputs()
    assert (given.name, given.type, given.shape) == ("images", "tensor(float)", ["n", 28, 28, 1])
    assert (made.name, made.type, made.shape) == ("probabilities", "tensor(float)", ["n", 10])
    found = to_onnx(lenet5())
    assert [(entry.domain, entry.version) for entry in found.opset_import] == [("", OPSET)]
    assert (found.ir_version, found.producer_name, found.graph.name) == (IR_VERSION, "convlens", "lenet5")
    axes = [list(node.attribute[0].ints) for node in found.graph.node if node.op_type == "Transpose"]
    assert axes == [[0, 3, 1, 2], [0, 2, 3, 1]]


def test_the_weights_have_the_same_bits():
    helper = pytest.importorskip("onnx.numpy_helper")
    model = network([Conv2D(3, (3, 2)), Conv2D(4, (2, 1)), Flatten(), Dense(3), Dense(2)], (6, 5, 2))
    found = {tensor.name: helper.to_array(tensor) for tensor in to_onnx(model).graph.initializer}
    own = model.named_weights()
    assert list(found) == list(own)
    for name, value in found.items():
        ours = value.transpose(2, 3, 1, 0) if value.ndim == 4 else value
        assert ours.tobytes() == own[name].tobytes()


# Files and refusals ---------------------------------------------------------------------------------------------------


def test_a_saved_file_holds_the_model_and_has_the_same_bytes_each_time(tmp_path):
    onnx = pytest.importorskip("onnx")
    path, model = tmp_path / "lenet5.onnx", lenet5(seed=2)
    save_onnx(path, model)
    content = path.read_bytes()
    assert onnx.load(path) == to_onnx(model)
    save_onnx(path, model)
    assert path.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["lenet5.onnx"]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.onnx"
    path.write_bytes(b"old")

    def fail(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        save_onnx(path, network([Dense(3)], (4,)))
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.onnx"]


def test_float64_is_refused(tmp_path):
    with pytest.raises(ValueError) as caught:
        save_onnx(tmp_path / "a.onnx", lenet5(dtype=np.float64))
    assert str(caught.value) == "an ONNX model must be in float32; lenet5 is in float64"
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_is_not_flat_is_refused():
    with pytest.raises(ValueError) as caught:
        to_onnx(Sequential([Conv2D(3, (2, 1))], (4, 5, 1)))
    assert str(caught.value) == "layer conv2d: the last layer's output must be of shape (classes,); got (3, 5, 3)"


def test_a_layer_without_a_specification_is_refused():
    class Other(Layer):
        kind = "other"

        def output_shape(self, shape):
            return shape

    with pytest.raises(ValueError) as caught:
        to_onnx(Sequential([Other()], (4,)))
    assert str(caught.value) == "layer other: Other cannot be exported to ONNX: it has no specification"
