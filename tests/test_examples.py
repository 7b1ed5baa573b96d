"""The scripts in examples/ do what they say, in a short form."""

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from tests.support import small
from tests.support.checker import samples
from tests.support.places import ROOT

import convlens

EXAMPLES = ROOT / "examples"


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A PATH on which `convlens` and `python3` are this interpreter's."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, module in (("convlens", " -m convlens"), ("python3", "")):
        tool = tools / name
        tool.write_text(f'#!/bin/sh\nexec "{sys.executable}"{module} "$@"\n')
        tool.chmod(0o755)
    return f"{tools}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.skipif(shutil.which("sh") is None, reason="the example is a shell script")
def test_own_pictures(tmp_path, path):
    done = subprocess.run(
        ["sh", str(EXAMPLES / "own_pictures.sh"), str(tmp_path / "place"), "12", "1"],
        capture_output=True,
        text=True,
        env=small.environment(PATH=path),
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    history = json.loads((tmp_path / "place" / "run" / "history.json").read_text())
    assert sorted(history["class_names"]) == sorted(p.name for p in (tmp_path / "place" / "pictures").iterdir())
    assert len(history["epochs"]) == 1 and history["network"] == "convnet"
    assert "confusion matrix" in done.stdout and "new-seven.png: " in done.stdout
    assert (tmp_path / "place" / "run" / "report.html").is_file()


# A Keras user's script


@pytest.fixture
def mnist(tmp_path):
    """Some of the embedded digits in the layout of Keras's mnist.npz."""
    digits = convlens.load("embedded")
    np.savez(
        tmp_path / "mnist.npz",
        x_train=digits.pixels_train[..., 0],
        y_train=digits.y_train.astype(np.uint8),
        x_test=digits.pixels_valid[:200, ..., 0],
        y_test=digits.y_valid[:200].astype(np.uint8),
    )
    return tmp_path / "mnist.npz"


def accuracy(script, *arguments):
    """Run a script and return the test accuracy that it prints."""
    done = subprocess.run(
        [sys.executable, str(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        env=small.framework_environment(KERAS_BACKEND="jax"),
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"epochs: {arguments[1]}\n" in done.stdout and "predicted: [" in done.stdout
    return float(done.stdout.partition("test accuracy: ")[2].split()[0])


def test_the_script_of_a_keras_user(mnist):
    assert accuracy(EXAMPLES / "keras_script.py", mnist, 2, 1500) > 0.7


@pytest.mark.frameworks
def test_one_line_of_it_is_changed(mnist, tmp_path):
    """With the line as it was before, the script runs with Keras."""
    pytest.importorskip("keras")
    text = (EXAMPLES / "keras_script.py").read_text()
    line = "import convlens as keras  # before: import keras"
    assert text.count(line) == 1 and text.count("convlens") == 1
    (tmp_path / "script.py").write_text(text.replace(line, "import keras"))
    assert accuracy(tmp_path / "script.py", mnist, 1, 640) > 0.1


# A Keras model, taken over, trained on and exported


@pytest.mark.frameworks
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_a_keras_model_is_taken_over_trained_on_and_exported(tmp_path):
    """Keras, onnxruntime and convlens read the three files, and all of them predict the same."""
    keras, runtime = pytest.importorskip("keras"), pytest.importorskip("onnxruntime")
    layers = keras.layers
    made = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(6, 3, activation="relu"),
            layers.BatchNormalization(momentum=0.9),  # its statistics settle in a short training
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.2),
            layers.Dense(10, activation="softmax"),
        ]
    )
    made.save(tmp_path / "model.keras")
    done = subprocess.run(
        [sys.executable, *(str(p) for p in (EXAMPLES / "keras_model.py", tmp_path / "model.keras", tmp_path / "out"))],
        capture_output=True,
        text=True,
        env=small.framework_environment(),
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    before, after = map(float, re.findall(r"(?:before|after): ([0-9.]+)", done.stdout))
    assert before < 0.4 < 0.7 < after
    x = convlens.load("embedded").x_valid[:20]
    expected = convlens.load_model(tmp_path / "out" / "trained.safetensors").probabilities(x)
    session = runtime.InferenceSession(tmp_path / "out" / "trained.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: x})
    np.testing.assert_allclose(found, expected, atol=1e-5)
    found = keras.models.load_model(tmp_path / "out" / "trained.keras").predict(x, verbose=0)
    np.testing.assert_allclose(found, expected, atol=1e-5)


# Checks of one's own


def test_own_checks(tmp_path):
    folder = samples.place(tmp_path, "einsum")
    words = [folder, "--tasks", "0,1", "--checks", EXAMPLES / "own_checks.py", "--json"]
    files = json.loads(small.run("check", *words).out)["files"]
    mine = {one["name"]: one for file in files.values() for one in file["checks"][-2:]}
    assert list(mine) == ["four_loops_at_most", "one_pixel", "whole_image"]
    assert [one["status"] for one in mine.values()] == ["pass", "pass", "pass"]
    path = folder / "1-pool_forward.py"
    path.write_text(path.read_text() + "\n\ndef pool_forward(A_prev, *more, **named):\n    return A_prev\n")
    found = json.loads(small.run("check", *words).out)["files"]["1-pool_forward.py"]["checks"][-1]
    assert found["status"] == "fail" and "a window of 2 × 3, the result is [[[[0.0], " in found["message"]
