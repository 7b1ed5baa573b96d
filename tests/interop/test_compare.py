"""Compare the same training in several engines: they agree, switched units are named, faults are found."""

import json

import numpy as np
import pytest
from tests.support import small

from convlens import engines, ops
from convlens.data import load
from convlens.interop import steppers, switches
from convlens.interop.compare import ENGINES, REFERENCE, compare, percentiles
from convlens.interop.steppers import AdamBy, Arithmetic, Ours
from convlens.models.lenet5 import lenet5

SEED = 1  # any seed will do: benchmarks/engines.py measures twenty

digits = pytest.fixture(scope="module")(lambda: load("embedded"))


@pytest.fixture(scope="module")
def found(digits):
    """The comparison of all engines over 24 steps."""
    pytest.importorskip("tensorflow")
    pytest.importorskip("numba")
    return compare(digits, ENGINES, steps=24, seed=SEED, free_seeds=1)


@pytest.mark.frameworks
@pytest.mark.parametrize("name", ENGINES)
def test_from_equal_states_a_step_of_adam_agrees_with_the_reference(found, name):
    for differences in (found.steps[name].loss, found.steps[name].gradient):
        assert len(differences) == 24
        assert percentiles(differences).p99 < 1e-5
    assert percentiles(found.steps[name].update).median < 1e-5
    assert all(step.units for step in found.steps[name].switched), "a difference beyond rounding is not explained"


@pytest.mark.frameworks
def test_free_runs_in_float64_agree(found):
    assert set(found.float64) == {"numpy", "numba", "keras"}
    assert all(max(figures.values()) < 1e-9 for figures in found.float64.values())


def test_the_browser_agrees_with_the_reference(browser_engine, digits):
    found = compare(digits, ("browser",), steps=10, batch_size=8, seed=SEED)
    steps = found.steps["browser"]
    assert 0 < percentiles(steps.loss).p99 < 1e-5
    assert 0 < percentiles(steps.gradient).p99 < 1e-5
    assert percentiles(steps.update).median < 1e-5
    assert all(step.units for step in steps.switched), "a difference beyond rounding is not explained"
    assert max(found.float64["browser"].values()) < 1e-12


@pytest.mark.frameworks
def test_every_engine_but_the_reference_differs_from_it(found):
    for name in ENGINES:
        assert (max(found.steps[name].gradient) > 0) == (name != REFERENCE)
        assert (found.free[name][0] > 0) == (name != REFERENCE)


@pytest.mark.frameworks
def test_the_comparison_as_json(found):
    about = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert about["steps"] == 24
    assert list(about["engines"]) == list(ENGINES)
    for figures in about["engines"].values():
        for kind in ("loss", "gradient", "update"):
            assert set(figures[f"step_{kind}_difference"]) == {"median", "p99", "max"}
        assert isinstance(figures["switched"], list)
        assert len(figures["free_loss_differences"]) == 1
    assert about["engines"]["tf1"]["float64_difference"] is None


# A wrong engine ------------------------------------------------------------------------------------------------------


class Wrong(Ours):
    """The stepper of convlens with one fault, named by `wrong`."""

    def __init__(self, wrong):
        super().__init__("numpy", arithmetic=Arithmetic(epsilon=1e-4) if wrong == "epsilon" else None)
        self.wrong, self.arithmetic = wrong, Arithmetic()

    def begin(self, state):
        """Begin from the state, or from one with another step number or weight."""
        super().begin(state._replace(steps=state.steps + 1) if self.wrong == "steps" else state)
        if self.wrong == "weights":
            self.model.flat[7] += 0.01

    def step(self, x, labels):
        """Return the step; with a fault, its labels are reversed or its gradient is 0.05 % too large."""
        found = super().step(x, labels[::-1] if self.wrong == "labels" else labels)
        return found._replace(gradient=found.gradient * np.float32(1.0005)) if self.wrong == "gradient" else found


WRONG = {"epsilon": "update", "steps": "update", "weights": "gradient", "labels": "loss", "gradient": "gradient"}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_fault_is_found_in_the_figure_that_it_changes(monkeypatch, digits, wrong):
    monkeypatch.setitem(steppers.STEPPERS, "tf1", lambda: Wrong(wrong))
    found = compare(digits, ("numpy", "tf1"), steps=3, seed=SEED).steps["tf1"]
    assert percentiles(getattr(found, WRONG[wrong])).median > 1e-4, found
    assert all(step.units is None for step in found.switched), "switched units must not explain a fault"
    assert bool(found.switched) == (WRONG[wrong] != "update")


def test_the_reference_does_not_differ_from_itself(digits):
    found = compare(digits, ("numpy",), steps=3, free_seeds=2)
    assert percentiles(found.steps["numpy"].gradient) == percentiles(found.steps["numpy"].update) == (0, 0, 0)
    assert found.free == {"numpy": [0.0, 0.0]}


# Switched units ------------------------------------------------------------------------------------------------------


def gradient_after_switching(model, x, labels, wanted):
    """The gradient of the whole batch if the unit `wanted` had switched: another ReLU sign or another maximum."""
    logits, passes = model.forward(x)
    (k,) = (k for k, one in enumerate(passes) if one.row.name == wanted.layer)
    layer_x, y = passes[k].saved
    if wanted.kind == "unit":
        y = y.copy()
        y[wanted.place] = 0 if y[wanted.place] > 0 else 1
        pool = passes[k + 1]
        if pool.row.name.startswith("max_pooling2d"):
            pool_x = pool.x.copy()
            pool_x[wanted.place] = 0 if pool_x[wanted.place] > 0 else 1e-30
            passes[k + 1] = pool._replace(saved=pool.row.layer.forward(pool_x, {}, model.engine)[1])
    else:
        n, i, j, c = wanted.place
        window = layer_x[n, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, c]
        order = np.argsort(window, axis=None, kind="stable")
        layer_x = layer_x.copy()
        winner, second = (np.unravel_index(order[-k], (2, 2)) for k in (1, 2))
        cell = layer_x[n, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, c]
        cell[winner], cell[second] = cell[second], cell[winner]
    passes[k] = passes[k]._replace(saved=(layer_x, y))
    gradient = np.empty_like(model.flat)
    weight = np.full(len(x), 1 / len(x), x.dtype)
    model.backward(ops.softmax_cross_entropy_backward(weight, logits, labels), passes, gradient)
    return gradient


@pytest.mark.parametrize("layer", ["conv2d", "max_pooling2d_1", "conv2d_1", "dense", "dense_1"])
def test_a_unit_that_switched_is_named(digits, monkeypatch, layer):
    monkeypatch.setattr(switches, "_MARGIN", 1e-3)  # so that a batch has units close to switching
    monkeypatch.setattr(switches, "_TRIED", 40)
    model, x, labels = lenet5(seed=2, engine="numpy"), digits.x_train[:32], digits.y_train[:32]
    _, passes = model.forward(x)
    (mine,) = (one for one in passes if one.row.name == layer)
    gradient = np.empty_like(model.flat)
    model.loss_gradient(x, labels, 1 / 32, gradient)
    for unit in switches._close_to_switching(mine):
        other = gradient_after_switching(model, x, labels, unit)
        if np.linalg.norm(other - gradient) > 10 * switches.NOISE * np.linalg.norm(gradient):
            break
    else:
        pytest.fail("no unit close to switching changes the gradient")
    found = switches.explain(model, x, labels, other)
    assert found is not None
    assert found.units == [unit]
    assert np.linalg.norm(found.left) <= switches.NOISE * np.linalg.norm(other)
    assert str(unit).startswith(f"{layer} {unit.kind} [")


def test_a_unit_that_turns_on_in_a_pooling_window_of_zeros_is_named(digits, monkeypatch):
    """The gradient then leaves the window's first cell for this unit: two layers change at once."""
    monkeypatch.setattr(switches, "_MARGIN", 1e-2)
    model, x, labels = lenet5(seed=2, engine="numpy"), digits.x_train[:32], digits.y_train[:32]
    _, passes = model.forward(x)
    (k,) = (k for k, one in enumerate(passes) if one.row.name == "conv2d_1")
    for unit in switches._close_to_switching(passes[k]):
        n, i, j, c = unit.place
        if passes[k + 1].y[n, i // 2, j // 2, c] == 0 and (i % 2, j % 2) != (0, 0):
            other = gradient_after_switching(model, x, labels, unit)
            break
    gradient = np.empty_like(model.flat)
    model.loss_gradient(x, labels, 1 / 32, gradient)
    assert np.linalg.norm(other - gradient) > 10 * switches.NOISE * np.linalg.norm(gradient)
    found = switches.explain(model, x, labels, other)
    assert found is not None and found.units == [unit]


def test_two_switched_units_are_named_and_a_scaled_gradient_is_not_explained(digits, monkeypatch):
    monkeypatch.setattr(switches, "_MARGIN", 1e-3)
    monkeypatch.setattr(switches, "_TRIED", 40)
    model, x, labels = lenet5(seed=2, engine="numpy"), digits.x_train[:32], digits.y_train[:32]
    gradient = np.empty_like(model.flat)
    model.loss_gradient(x, labels, 1 / 32, gradient)
    found = switches.explain(model, x, labels, gradient * np.float32(1 + 1e-6))
    assert found is not None and found.units == []
    assert switches.explain(model, x, labels, gradient * np.float32(1.01)) is None
    _, passes = model.forward(x)
    large = [
        (unit, effect)
        for unit, effect in switches._effects(
            model, passes, ops.softmax_cross_entropy_backward(np.full(32, 1 / 32, np.float32), passes[-1].y, labels)
        )
        if np.linalg.norm(effect) > 10 * switches.NOISE * np.linalg.norm(gradient)
    ]
    (one, first), (other, second) = large[0], large[-1]
    found = switches.explain(model, x, labels, gradient + first + second)
    assert found is not None and set(found.units) == {one, other}


@pytest.mark.parametrize("powers", ["single", "product", "rounded"])
def test_adam_in_the_frameworks_arithmetic_differs_only_by_rounding(powers):
    engine = engines.get_engine("numpy")
    exact, rounded = (AdamBy(Arithmetic(powers=kind), engine) for kind in ("double", powers))
    for step in range(1, 300):
        exact.step = rounded.step = step
        assert rounded.rate() == pytest.approx(exact.rate(), rel=1e-4)
    exact.step = rounded.step = 2
    assert rounded.rate() != exact.rate()


# The command ---------------------------------------------------------------------------------------------------------


def test_the_command_prints_tables_and_draws_a_plot(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    done = small.run("compare", "--engines", "numpy", "--steps", 3, "--free", 2)
    assert done.code == 0
    title, about, head, row, *rest = done.out.splitlines()
    assert title == "3 steps of Adam, batch 32, seed 0, float32, each step from NumPy's state:"
    assert about == "relative difference from NumPy, median / 99 % / largest"
    assert head.split() == ["engine", "loss", "gradient", "update", "switched"]
    assert row.split() == ["numpy", *["0.0e+00", "/", "0.0e+00", "/", "0.0e+00"] * 3, "0"]
    assert "free runs in float64: largest difference" in rest
    assert "free runs in float32: largest difference of the loss, seeds 0 to 1" in rest
    assert done.err == "plot: compare.svg\n"
    assert (tmp_path / "compare.svg").read_bytes().startswith(b"<?xml")


def test_the_command_says_that_no_unit_explains_a_fault(tmp_path, monkeypatch, digits):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(steppers.STEPPERS, "numba", lambda: Wrong("gradient"))
    done = small.run("compare", "--engines", "numba", "--steps", 1, "--free", 0)
    assert "numba, step 1: gradient 5.0e-04 apart; unexplained\n" in done.out


def test_the_command_prints_json(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = small.run("compare", "--engines", "numpy", "--steps", 2, "--free", 0, "--json")
    about = json.loads(done.out)
    assert about["steps"] == 2
    assert list(about["engines"]) == ["numpy"]
    assert about["engines"]["numpy"]["free_loss_differences"] is None
    assert list(tmp_path.iterdir()) == []


def test_json_and_a_plot_that_is_asked_for(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    done = small.run("compare", "--engines", "numpy", "--steps", 1, "--free", 0, "--json", "--plot", "asked.svg")
    assert json.loads(done.out)["steps"] == 1
    assert (tmp_path / "asked.svg").read_bytes().startswith(b"<?xml")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--engines", "numpy,torch"), "each engine must be one of numpy, numba, browser, tf1, keras; got 'torch'"),
        (("--engines", "numpy,numpy"), "at least one engine must be named, each only once; got numpy, numpy"),
        (("--engines", "numpy", "--steps", 0), "steps must be an integer of at least 1; got 0"),
        (("--engines", "numpy", "--batch-size", 0), "batch_size must be an integer of at least 1; got 0"),
        (("--engines", "numpy", "--seed", -1), "seed must be an integer of at least 0; got -1"),
        (("--engines", "numpy", "--free", -1), "free_seeds must be an integer of at least 0; got -1"),
        (("--engines", "numpy", "--plot", "x.txt"), "the plot must be one of .svg, .png, .pdf; got x.txt"),
    ],
)
def test_bad_options_are_refused(tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    assert small.fails("compare", *options) == message
    assert list(tmp_path.iterdir()) == []


def test_a_framework_that_is_not_installed_is_named(lacking):
    lacking("tensorflow", "keras")
    message = "the engine tf1 needs TensorFlow: pip install 'convlens[keras]'"
    assert small.fails("compare", "--engines", "numpy,tf1", "--steps", 1) == message
