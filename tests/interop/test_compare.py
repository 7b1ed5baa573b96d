"""The same training in four engines: they stay together, and a wrong one is told."""

import json

import numpy as np
import pytest
from tests.support import small

from convlens import engines
from convlens.data import load
from convlens.interop import compare as module
from convlens.interop.compare import ENGINES, REFERENCE, Arithmetic, as_json, compare

SEED = 139  # of the command: in its 200 steps no unit comes so close to zero that rounding could switch it

digits = pytest.fixture(scope="module")(lambda: load("embedded"))


@pytest.fixture(scope="module")
def found(digits):
    """All engines, 200 steps"""
    pytest.importorskip("tensorflow")
    pytest.importorskip("numba")
    return compare(digits, ENGINES, steps=200, seed=SEED)


@pytest.mark.frameworks
def test_200_steps_of_adam_are_the_same_in_all_engines(found):
    for name in ENGINES:
        figures = found[name].figures()
        assert figures["max_loss_difference"] < 1e-3, (name, figures)
        assert figures["max_weight_difference"] < 1e-3, (name, figures)
        assert figures["first_gradient_difference"] < 1e-5, (name, figures)


@pytest.mark.frameworks
def test_they_are_engines_of_their_own(found):
    for name in ENGINES:
        assert (max(found[name].gradient) > 0) == (name != REFERENCE)
        assert len(found[name].loss) == len(found[name].weights) == len(found[name].gradient) == 200


@pytest.mark.frameworks
def test_as_json(found):
    about = json.loads(json.dumps(as_json(found)))
    assert about["steps"] == 200
    assert list(about["engines"]) == list(ENGINES)
    assert set(about["engines"]["tf1"]) == {
        "max_loss_difference",
        "max_weight_difference",
        "first_gradient_difference",
    }


class Wrong(module._Ours):
    """Ours, with one thing wrong"""

    def __init__(self, start, wrong):
        super().__init__(start, "numpy", Arithmetic(epsilon=1e-4) if wrong == "epsilon" else None)
        self.wrong, self.arithmetic = wrong, Arithmetic()
        if wrong == "weights":
            self.model.flat[7] += 0.01

    def step(self, x, labels):
        """A batch in another order of labels, or a gradient that is off"""
        if self.wrong == "labels":
            labels = labels[::-1]
        loss, gradient = super().step(x, labels)
        return loss, gradient * np.float32(1.0005) if self.wrong == "gradient" else gradient


@pytest.mark.parametrize("wrong", ["epsilon", "weights", "labels", "gradient"])
def test_what_is_wrong_is_told(monkeypatch, digits, wrong):
    monkeypatch.setitem(module._MAKERS, "tf1", lambda start: Wrong(start, wrong))
    figures = compare(digits, ("numpy", "tf1"), steps=20, seed=SEED)["tf1"].figures()
    too_far = {
        "epsilon": figures["max_weight_difference"] > 1e-3,
        "weights": figures["max_weight_difference"] > 1e-3,
        "labels": figures["max_loss_difference"] > 1e-3,
        "gradient": figures["first_gradient_difference"] > 1e-5,
    }
    assert too_far[wrong], figures


def test_the_reference_alone_differs_in_nothing(digits):
    figures = compare(digits, ("numpy",), steps=3)["numpy"].figures()
    assert set(figures.values()) == {0.0}


@pytest.mark.parametrize("powers", ["single", "product"])
def test_frameworks_arithmetic_is_adams_but_for_rounding(powers):
    engine = engines.get_engine("numpy")
    exact, rounded = (module._Adam(Arithmetic(powers=kind), engine) for kind in ("double", powers))
    for step in range(1, 300):
        exact.step = rounded.step = step
        assert rounded.rate() == pytest.approx(exact.rate(), rel=1e-4)
    exact.step = rounded.step = 2
    assert rounded.rate() != exact.rate()


# The command ---------------------------------------------------------------------------------------------------------


def test_the_command_prints_a_table_and_draws(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    done = small.run("compare", "--engines", "numpy", "--steps", 3)
    assert done.code == 0
    title, head, row, *_ = done.out.splitlines()
    assert title == "the first 3 steps of Adam, batch 32, float32: largest difference from NumPy's"
    assert head.split()[:4] == ["engine", "loss", "weights", "gradients"]
    assert row.split() == ["numpy", "0.0e+00", "0.0e+00", "0.0e+00", "0.0e+00"]
    assert done.err == "plot: compare.svg\n"
    assert b"difference in loss" in (tmp_path / "compare.svg").read_bytes() or (tmp_path / "compare.svg").stat().st_size


def test_the_command_in_json(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = small.run("compare", "--engines", "numpy", "--steps", 2, "--json")
    about = json.loads(done.out)
    assert about["steps"] == 2
    assert list(about["engines"]) == ["numpy"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--engines", "numpy,torch"), "engines must be some of numpy, numba, tf1, keras; got 'torch'"),
        (("--engines", "numpy,numpy"), "engines must be named once each; got numpy, numpy"),
        (("--engines", "numpy", "--steps", 0), "steps must be an integer of at least 1; got 0"),
        (("--engines", "numpy", "--batch-size", 0), "batch_size must be an integer of at least 1; got 0"),
        (("--engines", "numpy", "--seed", -1), "seed must be an integer of at least 0; got -1"),
        (("--engines", "numpy", "--plot", "x.txt"), "the plot must be one of .svg, .png, .pdf; got x.txt"),
    ],
)
def test_bad_input(tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    assert small.fails("compare", *options) == message
    assert list(tmp_path.iterdir()) == []


def test_a_framework_that_is_not_installed(lacking):
    lacking("tensorflow", "keras")
    message = "the engine tf1 needs TensorFlow: pip install 'convlens[keras]'"
    assert small.fails("compare", "--engines", "numpy,tf1", "--steps", 1) == message
