"""`convlens export` and `convlens import`: the same network in Keras and ONNX, and the errors."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from PIL import Image
from safetensors.numpy import save_file
from tests.support import small

from convlens.interop.keras_compiled import save_keras
from convlens.models.lenet5 import lenet5
from convlens.nn import Conv2D, Dense, Flatten, GlobalAveragePooling2D, Sequential
from convlens.training import load_model, save_model
from convlens.training.model_file import Images, describe, stored_images

heavy = pytest.mark.frameworks
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

NOT_THERE = {
    "keras": "export --to keras needs Keras: pip install 'convlens[keras]'",
    "onnx": "export --to onnx needs ONNX: pip install 'convlens[onnx]'",
}


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory):
    """A working folder with the weights of a run, digits and a picture."""
    folder = tmp_path_factory.mktemp("place")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("os.fsync", lambda handle: None)
        small.npz(folder / "few.npz")
        (folder / "runs" / "lenet5-1").mkdir(parents=True)
        save_model("runs/lenet5-1/model.safetensors", lenet5(seed=5))
        Image.fromarray((small.digits().x_valid[0, :, :, 0] * 255).astype(np.uint8)).save("digit.png")
        yield folder


@pytest.fixture
def run(place, tmp_path):
    """A copy of the run."""
    (tmp_path / "run").mkdir()
    shutil.copy(place / "runs" / "lenet5-1" / "model.safetensors", tmp_path / "run")
    return tmp_path / "run"


def entries(folder):
    return sorted(path.name for path in folder.iterdir())


# Out and in -----------------------------------------------------------------------------------------------------------


@heavy
def test_keras_out_and_in(run, tmp_path):
    done = small.run("export", "--run", run, "--to", "keras")
    assert (done.code, done.out, done.err) == (0, f"{run}/model.keras\n", "")
    assert entries(run) == ["model.keras", "model.safetensors"]
    back = tmp_path / "new" / "back"
    done = small.run("import", run / "model.keras", "--out", back, "--scale", 1 / 256)
    first, difference, scale = done.out.splitlines()
    assert (done.code, first, done.err) == (0, f"{back}/model.safetensors: lenet5, 61,706 parameters", "")
    told = re.fullmatch(r"the predictions for random images differ from Keras's by at most (\d\.\de-\d\d)", difference)
    assert told and 0 <= float(told[1]) < 1e-6
    assert scale == "pixels of 0..255 are multiplied by 1/256 before the network"
    assert stored_images(back) == stored_images(run)
    assert entries(back) == ["model.safetensors"]
    assert load_model(back).flat.tobytes() == load_model(run).flat.tobytes()
    for command in (["evaluate", "--data", "few.npz"], ["predict", "digit.png"], ["summary"]):
        ours, theirs = (small.run(*command, "--run", folder) for folder in (run, back))
        assert ours.code == theirs.code == 0
        assert theirs.out.replace(str(back), str(run)) == ours.out
    assert small.fails("train", "--out", back) == (
        f"the output folder must not hold another run; {back} holds model.safetensors"
    )


@heavy
def test_an_h5_file_out_and_in(run, tmp_path):
    assert small.run("export", "--run", run, "--to", "keras", "--out", tmp_path / "a.h5").code == 0
    assert small.run("import", tmp_path / "a.h5", "--out", tmp_path / "back").code == 0
    assert load_model(tmp_path / "back").flat.tobytes() == load_model(run).flat.tobytes()
    assert small.fails("export", "--run", run, "--to", "keras", "--out", "a.onnx") == (
        "--out must end in .keras or .h5 with --to keras; got a.onnx"
    )


@heavy
def test_weights_alone_are_read_for_a_named_network(place, run, tmp_path):
    load_model(run).save_weights(tmp_path / "w.weights.h5")
    done = small.run("import", tmp_path / "w.weights.h5", "--model", "lenet5", "--out", tmp_path / "back")
    assert done.code == 0 and "the predictions were not compared with Keras's: the file holds no network" in done.out
    assert load_model(tmp_path / "back").flat.tobytes() == load_model(run).flat.tobytes()
    assert small.fails("import", tmp_path / "w.weights.h5") == (
        f"{tmp_path}/w.weights.h5 holds weights without a network: name the network with --model"
    )


@heavy
def test_onnx_out(run):
    runtime = pytest.importorskip("onnxruntime")
    done = small.run("export", "--run", run, "--to", "onnx")
    assert (done.code, done.out, done.err) == (0, f"{run}/model.onnx\n", "")
    x = small.digits().x_valid
    session = runtime.InferenceSession(run / "model.onnx")
    assert session.get_modelmeta().custom_metadata_map["ink"] == "light"
    (found,) = session.run(None, {"images": x})
    assert_allclose(found, load_model(run).predict(x), rtol=0, atol=1e-5)


@heavy
def test_the_newest_run_a_file_of_weights_and_a_place(place, run, tmp_path):
    assert small.run("export", "--to", "onnx").out == "runs/lenet5-1/model.onnx\n"
    shutil.copy(run / "model.safetensors", tmp_path / "best.safetensors")
    assert small.run("export", tmp_path / "best.safetensors", "--to", "onnx").out == f"{tmp_path}/best.onnx\n"
    out = tmp_path / "some" / "where" / "net.onnx"
    assert small.run("export", "--run", run, "--to", "onnx", "--out", out).out == f"{out}\n"
    contents = [path.read_bytes() for path in (place / "runs/lenet5-1/model.onnx", tmp_path / "best.onnx", out)]
    assert len(set(contents)) == 1


@heavy
def test_json(run, tmp_path):
    done = small.run("export", "--run", run, "--to", "keras", "--json")
    path = f"{run}/model.keras"
    assert json.loads(done.out) == {"run": str(run), "model": "lenet5", "to": "keras", "file": path}
    done = small.run("import", path, "--out", tmp_path / "back", "--json")
    wanted = {"file": path, "run": f"{tmp_path}/back", "model": "lenet5", "parameters": 61706}
    found = json.loads(done.out)
    assert found.pop("difference") < 1e-6
    assert found == {**wanted, "notes": ["pixels of 0..255 are multiplied by 1/255 before the network"]}


@heavy
def test_a_process_says_nothing_else(run, tmp_path):
    """Keras and TensorFlow print nothing, and a user's mistake gives one line."""

    environment = small.environment()
    for name in ("TF_ENABLE_ONEDNN_OPTS", "TF_CPP_MIN_LOG_LEVEL"):
        environment.pop(name, None)

    def convlens(*arguments):
        command = [sys.executable, "-m", "convlens", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        return done.returncode, done.stdout, done.stderr

    assert convlens("export", "--run", run, "--to", "keras") == (0, f"{run}/model.keras\n", "")
    none = tmp_path / "none.keras"
    message = f"convlens: there must be a file {none}; there is none\n"
    assert convlens("import", none, "--out", tmp_path / "back") == (2, "", message)
    assert not (tmp_path / "back").exists()


@pytest.mark.smoke
def test_weights_of_pytorch(tmp_path):
    model, state = lenet5(seed=3), {}
    for k, (name, w) in enumerate(model.named_weights().items()):
        kind = name.split("/")[1]
        turned = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}[w.ndim]
        state[f"net.{k // 2}.{'weight' if kind == 'kernel' else 'bias'}"] = np.ascontiguousarray(w.transpose(turned))
    first = state["net.2.weight"]  # PyTorch flattens (16, 5, 5), not (5, 5, 16)
    state["net.2.weight"] = first.reshape(120, 5, 5, 16).transpose(0, 3, 1, 2).reshape(120, 400).copy()
    path, out = tmp_path / "a.safetensors", tmp_path / "run"
    save_file(state, path)
    done = small.run("import", path, "--model", "lenet5", "--out", out)
    assert done.out.startswith(f"{out}/model.safetensors: lenet5, 61,706 parameters\nconv2d has the weights of net.0\n")
    assert load_model(out).flat.tobytes() == model.flat.tobytes()
    message = f"{path} holds weights without a network: name the network with --model"
    assert small.fails("import", path, "--out", tmp_path / "new") == message
    message = small.fails("import", path, "--model", "lenet5", "--classes", "7", "--out", tmp_path / "new")
    assert message.endswith("layer dense_2 needs bias (7,), weight (7, 84); net.4 has bias (10,), weight (10, 84)")
    (tmp_path / "a.pt").write_bytes(b"PK")
    message = small.fails("import", tmp_path / "a.pt", "--model", "lenet5", "--out", tmp_path / "new")
    assert message.startswith(f"{tmp_path}/a.pt is a pickle, which can run code when it is read. In PyTorch, write ")
    message = f"--model is for weights without a network; {tmp_path}/a.keras holds its own; got lenet5"
    assert small.fails("import", tmp_path / "a.keras", "--model", "lenet5", "--out", tmp_path / "new") == message


@pytest.mark.smoke
def test_weights_of_pytorch_for_a_network_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(2)
    state = {"a.weight": rng.standard_normal((4, 3, 3, 2), np.float32), "b.bias": rng.standard_normal(3, np.float32)}
    save_file({**state, "a.bias": np.zeros(4, np.float32), "b.weight": np.zeros((3, 4), np.float32)}, "a.safetensors")
    model = Sequential([Conv2D(4, (3, 2)), GlobalAveragePooling2D(), Dense(3)], (9, 8, 3))
    Path("net.json").write_text(json.dumps(describe(model)))
    Path("own.py").write_text(
        "from convlens.nn import Conv2D, Dense, GlobalAveragePooling2D, Sequential\n"
        "def net(input_shape, classes):\n"
        "    layers = [Conv2D(4, (3, 2)), GlobalAveragePooling2D(), Dense(classes)]\n"
        "    return Sequential(layers, input_shape)\n"
    )
    for source, options in (("net.json", []), ("own.py:net", ["--size", "8x9", "--classes", "ant,bee,crow"])):
        done = small.run("import", "a.safetensors", "--model", source, "--out", f"{source[:3]}-run", *options)
        assert (done.code, done.err) == (0, "")
        found = load_model(f"{source[:3]}-run").named_weights()
        np.testing.assert_array_equal(found["conv2d/kernel"], state["a.weight"].transpose(2, 3, 1, 0))
        np.testing.assert_array_equal(found["dense/bias"], state["b.bias"])


# Export refused -------------------------------------------------------------------------------------------------------


@heavy
@pytest.mark.parametrize("to", ["keras", "onnx"])
def test_a_file_is_replaced_only_with_overwrite(run, to):
    path = run / f"model.{to}"
    path.write_bytes(b"mine")
    assert small.fails("export", "--run", run, "--to", to) == f"{path} exists; it is replaced only with --overwrite"
    assert path.read_bytes() == b"mine"
    assert small.run("export", "--run", run, "--to", to, "--overwrite").code == 0
    assert path.stat().st_size > 200_000
    path.unlink()
    path.symlink_to(run / "nowhere")
    assert small.fails("export", "--run", run, "--to", to) == f"{path} exists; it is replaced only with --overwrite"


def test_places_that_cannot_be(run):
    (run / "a.onnx").mkdir()
    message = f"{run}/a.onnx must be a regular file to be replaced; it is a folder or a device"
    assert small.fails("export", "--run", run, "--to", "onnx", "--out", run / "a.onnx", "--overwrite") == message
    place = run / "model.safetensors" / "a.onnx"
    assert small.fails("export", "--run", run, "--to", "onnx", "--out", place).startswith(f"{run}/model.safetensors")


@pytest.mark.smoke
def test_bad_options(run):
    assert small.fails("export", "--run", run, "--to", "torch") == "--to must be keras or onnx; got 'torch'"
    message = "--out must end in .onnx with --to onnx; got a.keras"
    assert small.fails("export", "--run", run, "--to", "onnx", "--out", "a.keras") == message
    assert small.fails("export", "--run", run, "--to", "keras", "--out", "a.onnx").startswith(
        "--out must end in .keras or .h5 with "
    )
    done = small.run("export", "--run", run)
    assert done.code == 2 and "--to" in done.err
    assert entries(run) == ["model.safetensors"]


@pytest.mark.smoke
def test_no_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert small.fails("export", "--to", "onnx").startswith("there must be a trained run to use; runs/ holds none: ")
    message = "there must be a file nowhere; there is none"
    assert small.fails("export", "nowhere", "--to", "onnx") == message
    save_model("model.safetensors", lenet5(), untrained=True)
    assert small.fails("export", ".", "--to", "keras").startswith("model.safetensors must hold a trained model; ")


@pytest.mark.smoke
@pytest.mark.parametrize("to", ["keras", "onnx"])
def test_a_framework_that_is_not_installed(run, tmp_path, lacking, to):
    lacking("keras", "onnx")
    out = tmp_path / "new" / f"a.{to}"
    assert small.fails("export", "--run", run, "--to", to, "--out", out) == NOT_THERE[to]
    assert not out.parent.exists()


@pytest.mark.smoke
def test_import_without_keras(tmp_path, lacking):
    (tmp_path / "a.keras").write_bytes(b"")
    lacking("keras")
    message = "a .keras file needs Keras: pip install 'convlens[keras]'"
    assert small.fails("import", tmp_path / "a.keras", "--out", tmp_path / "new") == message
    assert entries(tmp_path) == ["a.keras"]


# Import refused -------------------------------------------------------------------------------------------------------


@pytest.mark.smoke
def test_files_that_are_none(tmp_path):
    out = tmp_path / "new"
    for name in ("a.onnx", "a"):
        (tmp_path / name).write_bytes(b"\x89HDF\r\n")
        message = f"a trained network must be a .keras, .h5, .safetensors or .npz file; got {tmp_path / name}"
        assert small.fails("import", tmp_path / name, "--out", out) == message
    message = f"there must be a file {tmp_path}/none.keras; there is none"
    assert small.fails("import", tmp_path / "none.keras", "--out", out) == message
    assert not out.exists()


@pytest.mark.smoke
def test_folders_that_cannot_be(run, tmp_path):
    message = f"the output folder must not hold another run; {run} holds model.safetensors"
    assert small.fails("import", "a.keras", "--out", run) == message
    (tmp_path / "file").write_bytes(b"")
    message = f"the output folder must be a folder; {tmp_path}/file is a file"
    assert small.fails("import", "a.keras", "--out", tmp_path / "file") == message


@heavy
def test_any_network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = Sequential([Conv2D(3, (3, 2), name="C1"), Flatten(), Dense(4)], (9, 6, 3), name="small")
    save_keras("a.keras", model)
    done = small.run("import", "a.keras", "--classes", "ant,bee,crow,dog", "--scale", "1")
    assert done.out.startswith("runs/small-1/model.safetensors: small, 481 parameters\n")
    back = load_model("runs/small-1")
    assert [row.name for row in back.table] == ["C1", "flatten", "dense"] and back.input_shape == (9, 6, 3)
    assert back.flat.tobytes() == model.flat.tobytes()
    assert stored_images("runs/small-1") == Images(("ant", "bee", "crow", "dog"), 1.0, None, (9, 6), True)
    assert small.run("import", "a.keras").out.startswith("runs/small-2/model.safetensors: ")
    rule = "--classes must be 4 different names, one for each output; got "
    for names in ("a,b,c", "a,b,c,c"):
        assert small.fails("import", "a.keras", "--classes", names) == rule + names.replace(",", ", ")
    assert small.fails("import", "a.keras", "--scale", "0") == "--scale must be above 0; got 0.0"
    assert small.fails("import", "a.keras", "--size", "5") == (
        "--size must be width x height, each of 1 to 99999 pixels, such as 64x48; got '5'"
    )
    message = "a.keras: the size must be the network's, 6x9 (width x height); got 8x9 (width x height)"
    assert small.fails("import", "a.keras", "--size", "8x9") == message
    save_keras("b.keras", Sequential([Dense(4)], (12,), name="flat"))
    message = "b.keras: the size must fit the input of 12 numbers; got 5x3 (width x height)"
    assert small.fails("import", "b.keras", "--size", "5x3") == message
    assert small.run("import", "b.keras", "--size", "4x3").code == 0
    assert load_model("runs/flat-1").input_shape == (3, 4, 1)


@heavy
def test_layers_that_convlens_does_not_have(keras, tmp_path):
    path = tmp_path / "a.keras"
    layers = [keras.Input((28, 28, 1)), keras.layers.Permute((2, 1, 3), name="turn"), keras.layers.Flatten()]
    keras.Sequential([*layers, keras.layers.UnitNormalization(name="unit"), keras.layers.Dense(10)]).save(path)
    message = small.fails("import", path, "--out", tmp_path / "new")
    assert message.startswith(f"{path}: convlens has no layer for turn (Permute), unit (UnitNormalization); it has ")
    assert entries(tmp_path) == ["a.keras"]


@heavy
def test_the_old_place_of_the_run_goes_on_working_with_a_word(run, tmp_path):
    out = tmp_path / "a.onnx"
    done = small.run("export", run, "--to", "onnx", "--out", out)
    assert (done.code, done.err) == (0, "export RUN is now export --run RUN\n")
    assert done.out == f"{out}\n"
    message = f"a run must be named once; got {run} and --run {run}"
    assert small.fails("export", run, "--run", run, "--to", "onnx") == message
