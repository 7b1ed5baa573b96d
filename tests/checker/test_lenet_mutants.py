"""Wrong variants of tasks 4 and 5 are found, and the likely mistake is named."""

import numpy as np
import pytest

from convlens.checker.lenets.mistakes import HINTS
from convlens.checker.verdict import FileReport

from ..test_lenet5_files import MUTANTS
from .lenet_guests import Inside, check, first_failure
from .lenet_mutants import CASES, FOREIGN

pytestmark = pytest.mark.frameworks


def test_the_table_of_mistakes_is_complete():
    assert {task: set(table) for task, table in FOREIGN.items()} == {
        task: set(table) for task, table in MUTANTS.items()
    }
    named = {mistake for _, _, mistake in CASES.values() if mistake}
    assert named <= set(HINTS)
    five = {"softmax_wrong_layer", "initializer_scale", "no_bias", "initializer_as_regularizer", "tf_contrib"}
    assert five <= named  # the five of the course's list of mistakes


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_file_is_found_and_its_mistake_named(tf, case):
    framework, text, mistake = CASES[case]
    found = first_failure(framework, Inside(framework, text))
    assert (found.mistake if found else None) == mistake, found
    if found:
        assert found.message
        assert found.hint == HINTS.get(mistake, "")


@pytest.mark.parametrize("name", ["no softmax", "softmax on the wrong layer", "initializer as regularizer"])
def test_the_likely_mistake_of_all_findings_is_the_first_one(tf, name):
    framework, text, mistake = CASES[f"keras: {name}"]
    assert FileReport(check(framework, Inside(framework, text))).likely.mistake == mistake


def test_expected_numbers_are_kept_back_unless_asked_for(tf):
    framework, text, _ = CASES["tensorflow: loss summed"]
    hidden, shown = (
        next(
            found.message for found in check(framework, Inside(framework, text), reveal=reveal) if found.name == "loss"
        )
        for reveal in (False, True)
    )
    assert shown.startswith(hidden + "; expected ")
    assert float(shown.split()[-1]) == pytest.approx(float(hidden.split()[-1]) / 30, rel=1e-4)


def test_a_wrong_output_has_a_map(tf):
    framework, text, _ = CASES["keras: missing relu"]
    (found,) = [found for found in check(framework, Inside(framework, text)) if found.name == "output"]
    (heat,) = found.maps
    assert np.shape(heat.rows) == (20, 10)
    assert max(map(max, heat.rows)) == 10
    assert min(map(min, heat.rows)) >= 0
