"""Keras models as users bring them, made by a script beside the repository: taken over and equal, or refused."""

import subprocess
import sys

import pytest
from tests.support.places import SHARED
from tests.support.small import framework_environment

from convlens.interop.keras_file import import_keras

pytestmark = pytest.mark.frameworks

SCRIPT = SHARED / "cases" / "inputs" / "keras_models.py"
LENET5 = "compiled fixedbatch frozen functional logits nested plain relu_layers reshape reshape2828"
OTHERS = "aug avg bn cnn cnn_nodrop dropout nobias norm rescale tanh"
REFUSED = {
    "custom": "convlens has no layer for my_dense (MyDense, own code); it has ",
    "lambda": "convlens has no layer for lambda (Lambda); it has ",
    "mixed": "all layers must be float32, or all float64; got mixed_float16",
    "nanw": "weights must be finite; conv2d_49/kernel has 1 of 150 that are NaN or infinite",
    "anysize": "the input must have a known shape, such as (h, w, channels); got (None, None, 1), where convlens",
}
NOTES = {
    "fixedbatch": "the fixed batch of 32 is left out: the network takes any number of images",
    "frozen": "was frozen (trainable=False); convlens trains every layer",
    "reshape": "layer reshape (Reshape) is left out: the network takes images of 28 × 28 × 1",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory, keras):
    if not SCRIPT.is_file():
        pytest.skip(f"there is no {SCRIPT.name} beside the repository")
    folder = tmp_path_factory.mktemp("keras")
    command = [sys.executable, SCRIPT, folder]
    done = subprocess.run(command, capture_output=True, env=framework_environment(), check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def test_every_file_has_a_wanted_result(made):
    names = {path.stem for path in made.glob("*.keras")}
    assert names == {*LENET5.split(), *OTHERS.split(), *REFUSED}


@pytest.mark.parametrize("name", [*LENET5.split(), *OTHERS.split()])
def test_networks_are_taken_over_with_equal_predictions(made, name):
    found = import_keras(made / f"{name}.keras")
    assert found.difference is not None and found.difference < 1e-5, found.notes
    assert found.model.input_shape == (28, 28, 1)
    assert (found.model.name == "lenet5") == (name in LENET5.split())
    assert NOTES.get(name, "") in "; ".join(found.notes)
    assert bool(found.notes) == (name in NOTES or name == "reshape2828")


def test_keras_2_layout(made):
    found = import_keras(made / "plain.h5")
    assert found.model.name == "lenet5" and found.difference is not None and found.difference < 1e-5


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_covered_is_named(made, name):
    with pytest.raises(ValueError) as caught:
        import_keras(made / f"{name}.keras")
    assert str(caught.value).startswith(f"{made}/{name}.keras: ") and REFUSED[name] in str(caught.value)


def test_any_size_is_taken_with_a_size(made):
    found = import_keras(made / "anysize.keras", size=(20, 30))
    assert found.model.input_shape == (20, 30, 1)
    assert found.difference is not None and found.difference < 1e-5


def test_weights_without_a_model_are_refused(made):
    with pytest.raises(ValueError, match="it holds weights without a model"):
        import_keras(made / "w.weights.h5")
