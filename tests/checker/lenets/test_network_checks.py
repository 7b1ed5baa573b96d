"""The checks of tasks 4 and 5: correct files of any style pass; what a guest says makes no pass and breaks no check.

The guest's job runs in this process, but for one test in a sandbox.
"""

import functools
import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
from tests.support.checker.lenet_guests import TABLES, Inside, Through, check, first_failure, told
from tests.support.checker.lenet_mutants import CASES
from tests.support.checker.local import Clocked
from tests.support.lenet5_checks import FILES, source
from tests.support.places import CHECKER

from convlens.checker.guest import Ending, GuestError
from convlens.checker.sandbox import tiers
from convlens.checker.sandbox.sandbox import Sandbox
from convlens.checker.verdict import FAIL, PASS, UNKNOWN

pytestmark = [pytest.mark.frameworks, pytest.mark.usefixtures("remembered")]

FOLDER = CHECKER / "lenet_submissions"


# Right files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("framework", TABLES)
def test_the_course_files_pass_for_every_seed(tf, framework):
    for seed in (0, 2**31):
        found = check(framework, Inside(framework, source(framework)), seed=seed)
        assert told(found) == []
        assert len(found) == len(TABLES[framework].table) >= 9


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_other_correct_files_pass(tf, path):
    framework = {"4": "tensorflow", "5": "keras"}[path.name[0]]
    assert told(check(framework, Inside(framework, path.read_text()))) == []


def test_each_task_has_four_other_correct_files():
    assert min(Counter(path.name[0] for path in FOLDER.glob("*.py")).values()) >= 4


# Unknown outcomes -----------------------------------------------------------------------------------------------------

LAYERS = source("tensorflow").replace(
    'maps = tf.nn.conv2d(x, kernel, strides=1, padding="SAME")',
    'maps = tf.layers.Conv2D(6, 5, padding="same")(x)',
)


def test_without_tf_layers_the_outcome_is_unknown(tf, lacking):
    lacking("tf_keras")
    found = {finding.name: finding for finding in check("tensorflow", Inside("tensorflow", LAYERS))}
    assert found["loads"].status == PASS
    assert {finding.status for name, finding in found.items() if name != "loads"} == {UNKNOWN}
    assert "uses tf.layers" in found["builds"].message
    assert f"TensorFlow {tf.__version__} has not" in found["builds"].message


class SameAnswer(Clocked):
    """A guest that gives the same answer to every request."""

    def __init__(self, answer, arrays=()):
        self.answer, self.arrays = answer, list(arrays)

    def ask(self, request, arrays=(), *, seconds=None):
        return self.answer, self.arrays


def test_without_tensorflow_the_outcome_is_unknown():
    found = check("keras", SameAnswer({"absent": "No module named 'tensorflow'"}))
    assert {finding.status for finding in found} == {UNKNOWN}
    assert found[0].message == "there is no TensorFlow here: No module named 'tensorflow'"


# Hostile guests -------------------------------------------------------------------------------------------------------


class Replay(Clocked):
    """A guest that repeats recorded answers to each request, in their order, for any arrays."""

    def __init__(self, said):
        self.said = list(said)

    def ask(self, request, arrays=(), *, seconds=None):
        for k, (asked, answer, found) in enumerate(self.said):
            if asked == request:
                del self.said[k]
                return json.loads(json.dumps(answer)), [np.array(array) for array in found]
        raise GuestError("was never asked that", Ending.STOPPED)


@pytest.fixture(scope="module")
def right(tf):
    """For each framework, a function that returns a guest with the right file."""
    said: dict[str, list[tuple[Any, ...]]] = {}
    for framework in TABLES:
        said[framework] = []

        def note(request, answer, arrays, own=said[framework]):
            own.append((request, answer, arrays))
            return answer, arrays

        check(framework, Through(Inside(framework, source(framework)), note))
    return {framework: functools.partial(Replay, own) for framework, own in said.items()}


def test_replayed_answers_pass(right):
    for framework, guest in right.items():
        assert told(check(framework, guest())) == []


FORGED = ["tensorflow: missing relu", "tensorflow: average pool", "keras: no softmax", "keras: missing relu"]


@pytest.mark.parametrize("case", FORGED)
def test_a_wrong_network_with_a_forged_table_of_layers_fails(right, case):
    framework, text, mistake = CASES[case]

    def forge(request, answer, arrays):
        if request["do"] == "build":
            answer, _ = right[framework]().ask(request)
        return answer, arrays

    found = first_failure(framework, Through(Inside(framework, text), forge))
    assert (found.name, found.mistake) == ("output", mistake)


def test_a_description_without_arrays_passes_no_check(right):
    def numbers_only(request, answer, arrays):
        return answer, [np.zeros_like(array) for array in arrays]

    for framework, guest in right.items():
        status = {found.name: found.status for found in check(framework, Through(guest(), numbers_only))}
        assert status["start"] == status["output"] == FAIL
        assert PASS not in {status[name] for name in ("loss", "accuracy", "training")}


@pytest.mark.parametrize("do", ["load", "build", "values", "weights", "train", "plant"])
def test_a_guest_that_ends_fails_once(right, do):
    def end(request, answer, arrays):
        if request["do"] == do:
            raise GuestError("ended its process (exit code 0)", Ending.EXITED)
        return answer, arrays

    for framework, guest in right.items():
        found = check(framework, Through(guest(), end))
        failing = [finding for finding in found if finding.status == FAIL]
        assert [finding.message for finding in failing] == ["the code ended its process (exit code 0)"]
        assert {finding.status for finding in found[found.index(failing[0]) + 1 :]} <= {UNKNOWN}


NONSENSE: list[Any] = [None, 5, -1, "x", [], {}, [None], {"raised": None}, [[], {}], 1e300, [{"shape": [-1]}], True]


def garbled(value, rng):
    """Return the value with a part of it replaced by nonsense."""
    if not value or not isinstance(value, list | dict) or rng.random() < 0.3:
        return NONSENSE[rng.integers(len(NONSENSE))]
    value = dict(value) if isinstance(value, dict) else list(value)
    keys = list(value) if isinstance(value, dict) else range(len(value))
    key = list(keys)[rng.integers(len(keys))]
    value[key] = garbled(value[key], rng)
    return value


ARRAYS = [
    lambda array: array.astype(complex),
    lambda array: array.ravel()[:0],
    lambda array: np.full_like(array, np.nan, dtype=float),
    lambda array: np.full(array.shape, 1e300),
    lambda array: np.full(array.shape, np.inf),
    lambda array: array.astype(np.int64),
    lambda array: array.ravel(),
    lambda array: np.float64(7),
]


@pytest.mark.parametrize("framework", TABLES)
@pytest.mark.parametrize("do", ["load", "build", "weights", "plant", "values", "train"])
def test_a_check_survives_nonsense(right, framework, do):
    rng = np.random.default_rng(0)
    for k in range(12):

        def garble(request, answer, arrays, k=k):
            if request["do"] != do:
                return answer, arrays
            if k < len(ARRAYS):
                return answer, [np.asarray(ARRAYS[k](array)) for array in arrays]
            replaced = garbled(answer, rng)
            return replaced if isinstance(replaced, dict) else {}, arrays[: rng.integers(len(arrays) + 1)]

        found = check(framework, Through(right[framework](), garble))
        assert [finding.name for finding in found] == [one.name for one in TABLES[framework].table]
        assert {finding.status for finding in found} <= {PASS, FAIL, UNKNOWN}
        if do in ("weights", "values", "train") and k < 5:
            assert FAIL in {finding.status for finding in found}


# A sandbox ---------------------------------------------------------------------------------------------------------


def test_one_sandbox_checks_both_files():
    ends = source("keras").replace("    return model", "    import os\n    os._exit(0)")
    with Sandbox(tiers.choose(None), ("tensorflow",), seconds=60, memory=4 * 2**30) as sandbox:
        for framework, text, wrong in (
            ("tensorflow", source("tensorflow"), []),
            ("keras", ends, ["builds"]),
            ("keras", source("keras"), []),
        ):
            options = {"file": FILES[framework], "framework": framework}
            with sandbox.guest("lenets", text.encode(), options) as guest:
                found = check(framework, guest)
            assert [finding.name for finding in found if finding.status == FAIL] == wrong, told(found)
            assert wrong or {finding.status for finding in found} == {PASS}, told(found)
