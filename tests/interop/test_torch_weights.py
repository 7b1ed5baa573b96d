"""Weights of PyTorch's `state_dict` for a network of the same layers. ONNX Runtime computes what PyTorch would."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from safetensors.numpy import save_file

from convlens.interop.torch_weights import import_weights, read_state_dict
from convlens.nn import Conv2D, Dense, Dropout, Flatten, MaxPooling2D, Sequential
from convlens.training import save_model

SHAPE = (9, 8, 2)
NAMES = ["features.0", "features.10", "classifier.1", "classifier.3", "classifier.4"]


def network():
    return Sequential(
        [
            Conv2D(3, (3, 2), activation="relu"),
            MaxPooling2D((2, 1)),
            Conv2D(4, (2, 3), groups=1, activation="relu"),
            Flatten(),
            Dropout(0.5),
            Dense(5, activation="relu"),
            Dense(5, activation="relu"),
            Dense(4),
        ],
        SHAPE,
        engine="numpy",
    )


def state_dict(seed=0):
    rng = np.random.default_rng(seed)
    shapes = [(3, 2, 3, 2), (4, 3, 2, 3), (5, 4 * 2 * 5), (5, 5), (4, 5)]
    found = {}
    for name, shape in zip(NAMES, shapes, strict=True):
        found[f"{name}.weight"] = 0.3 * rng.standard_normal(shape, np.float32)
        found[f"{name}.bias"] = rng.standard_normal(shape[0], np.float32)
    return found


def savez(arrays: dict[str, Any], path: Path) -> None:
    np.savez(path, **arrays)


def by_onnx(state, x):
    """The same network in the layout of PyTorch: images (n, c, h, w), kernels (co, ci, kh, kw), weights (units, in)."""
    helper = pytest.importorskip("onnx.helper")
    runtime = pytest.importorskip("onnxruntime")
    from onnx.numpy_helper import from_array

    nodes: list[Any] = []
    value = "x"

    def add(kind, *weights, **attributes):
        nonlocal value
        nodes.append(helper.make_node(kind, [value, *weights], [f"v{len(nodes)}"], **attributes))
        value = nodes[-1].output[0]

    add("Conv", "features.0.weight", "features.0.bias")
    add("Relu")
    add("MaxPool", kernel_shape=[2, 1], strides=[2, 1])
    add("Conv", "features.10.weight", "features.10.bias")
    add("Relu")
    add("Flatten")
    for name in NAMES[2:]:
        add("Gemm", f"{name}.weight", f"{name}.bias", transB=1)
        if name != NAMES[-1]:
            add("Relu")
    ends = [helper.make_tensor_value_info(name, 1, shape) for name, shape in (("x", x.shape), (value, [len(x), 4]))]
    weights = [from_array(array, name) for name, array in state.items()]
    graph = helper.make_graph(nodes, "torch", ends[:1], ends[1:], weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = runtime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


@pytest.mark.frameworks
@pytest.mark.parametrize("suffix", ["safetensors", "npz"])
def test_the_network_predicts_what_it_predicts_in_pytorch(tmp_path, suffix):
    path, state = tmp_path / f"a.{suffix}", state_dict()
    (save_file if suffix == "safetensors" else savez)(state, path)
    found = import_weights(path, network())
    x = np.random.default_rng(1).standard_normal((3, *SHAPE)).astype(np.float32)
    wanted = by_onnx(state, np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
    assert_allclose(found.model.predict(x), wanted, rtol=0, atol=1e-5)
    assert found.notes[:2] == ("conv2d has the weights of features.0", "conv2d_1 has the weights of features.10")
    assert found.notes[-1].startswith("the predictions were not compared with PyTorch's")


def test_equal_shapes_are_taken_in_the_order_of_their_names(tmp_path):
    layers = [Dense(3), Dense(3), Dense(3)]
    state: dict[str, Any] = {f"fc{k}.weight": np.full((3, 3), k, np.float32) for k in (10, 2, 1)}
    state |= {f"fc{k}.bias": np.zeros(3, np.float32) for k in (10, 2, 1)}
    save_file(state, tmp_path / "a.safetensors")
    found = import_weights(tmp_path / "a.safetensors", Sequential(layers, (3,))).model
    assert [float(w[0, 0]) for name, w in found.named_weights().items() if name.endswith("kernel")] == [1, 2, 10]
    savez(state, tmp_path / "a.npz")  # an .npz file keeps its order
    found = import_weights(tmp_path / "a.npz", Sequential(layers, (3,))).model
    assert [float(w[0, 0]) for name, w in found.named_weights().items() if name.endswith("kernel")] == [10, 2, 1]


def test_everything_without_a_match_is_listed(tmp_path):
    state = state_dict()
    state["features.0.weight"] = state["features.0.weight"][:, :1].copy()
    del state["classifier.3.bias"]
    save_file(state, tmp_path / "a.safetensors")
    with pytest.raises(ValueError) as caught:
        import_weights(tmp_path / "a.safetensors", network())
    assert str(caught.value) == (
        f"{tmp_path}/a.safetensors must have the weights of sequential, layer by layer; without a match: "
        "layer conv2d needs bias (3,), weight (3, 2, 3, 2); layer dense_1 needs bias (5,), weight (5, 5); "
        "classifier.3 has weight (5, 5); features.0 has bias (3,), weight (3, 1, 3, 2)"
    )


def test_counters_of_batches_are_left_out(tmp_path):
    state = {**state_dict(), "features.1.num_batches_tracked": np.array(7)}
    save_file(state, tmp_path / "a.safetensors")
    assert len(read_state_dict(tmp_path / "a.safetensors")) == 10


def refused(path):
    with pytest.raises((ValueError, OSError)) as caught:
        read_state_dict(path)
    return str(caught.value)


@pytest.mark.smoke
def test_other_files_are_refused(tmp_path):
    path = tmp_path / "a.pth"
    assert refused(path) == f"there must be a file {path}; there is none"
    path.write_bytes(b"PK\x03\x04")
    assert refused(path).startswith(f"{path} is a pickle, which can run code when it is read. In PyTorch, write ")
    for suffix, kind in (("safetensors", "safetensors file"), ("npz", ".npz file of arrays")):
        other = tmp_path / f"a.{suffix}"
        other.write_bytes(b"no")
        assert refused(other).startswith(f"{other} must be a whole {kind}; it is not: ")
    np.savez(tmp_path / "b.npz", a=np.array([{}], object))
    assert refused(tmp_path / "b.npz").startswith(f"{tmp_path}/b.npz must be a whole .npz file of arrays; it is not: ")
    (tmp_path / "a.txt").write_bytes(b"no")
    assert refused(tmp_path / "a.txt") == f"weights must be a .safetensors or .npz file; got {tmp_path}/a.txt"
    save_model(tmp_path / "own.safetensors", network())
    assert refused(tmp_path / "own.safetensors").startswith(
        f"{tmp_path}/own.safetensors is a model of convlens already"
    )


@pytest.mark.smoke
def test_weights_that_are_no_finite_floats_are_refused(tmp_path):
    savez({"a.weight": np.arange(3), "a.bias": np.zeros(2)}, tmp_path / "a.npz")
    assert refused(tmp_path / "a.npz") == f"{tmp_path}/a.npz: weights must be floats; got a.weight int64"
    savez({"a.weight": np.array([np.nan, np.inf, 1])}, tmp_path / "a.npz")
    message = f"{tmp_path}/a.npz: weights must be finite; a.weight has 2 that are NaN or infinite"
    assert refused(tmp_path / "a.npz") == message
