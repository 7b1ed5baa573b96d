"""Wrong variants of tasks 4 and 5 are found, and the likely mistake is named."""

import re

import numpy as np
import pytest
from tests.support.checker.lenet_guests import Inside, check, first_failure
from tests.support.checker.lenet_mutants import CASES, FOREIGN
from tests.support.lenet5_mutants import MUTANTS

from convlens.checker.lenets.mistakes import HINTS, hint
from convlens.checker.verdict import FileReport

pytestmark = [pytest.mark.frameworks, pytest.mark.usefixtures("remembered", "at_once")]


def test_the_table_of_mistakes_is_complete():
    assert {task: set(table) for task, table in FOREIGN.items()} == {
        task: set(table) for task, table in MUTANTS.items()
    }
    named = {mistake for _, _, mistake in CASES.values() if mistake}
    assert named <= set(HINTS)
    five = {"softmax_wrong_layer", "initializer_scale", "no_bias", "initializer_as_regularizer", "tf_contrib"}
    assert five <= named  # the five mistakes in the course's list


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_file_is_found_and_its_mistake_named(tf, case):
    framework, text, mistake = CASES[case]
    found = first_failure(framework, Inside(framework, text))
    assert (found.mistake if found else None) == mistake, found
    if found:
        assert found.message
        assert found.hint == hint(mistake, framework)


@pytest.mark.parametrize("name", ["no softmax", "softmax on the wrong layer", "initializer as regularizer"])
def test_the_likely_mistake_of_the_file_is_the_mutant_s(tf, name):
    framework, text, mistake = CASES[f"keras: {name}"]
    likely = FileReport(check(framework, Inside(framework, text))).likely
    assert likely[0].mistake == mistake


def test_expected_numbers_are_shown_only_on_request(tf):
    framework, text, _ = CASES["tensorflow: loss summed"]
    hidden, shown = (
        next(
            found.message for found in check(framework, Inside(framework, text), reveal=reveal) if found.name == "loss"
        )
        for reveal in (False, True)
    )
    assert shown.startswith(hidden + "; expected ")
    assert float(shown.split()[-1]) == pytest.approx(float(hidden.split()[-1]) / 30, rel=1e-4)


@pytest.mark.parametrize(
    ("case", "name", "said"),
    [
        (
            "tensorflow: run (own)",
            "builds",
            r"InvalidArgumentError: You must feed a value for placeholder tensor 'Placeholder_1' with dtype float and "
            r"shape \[\?,10\] \(line \d+: `tf.Session\(\).run\(1 \* y\)`\)",
        ),
        ("tensorflow: nothing returned (own)", "builds", "the function must return four things; it returns None"),
        ("tensorflow: three things (own)", "builds", "the function must return four things; it returns a tuple of 3"),
        ("keras: nothing returned (own)", "builds", "the function must return a K.Model; it returns None"),
        ("keras: tensor returned (own)", "builds", "the function must return a K.Model; it returns a tensor"),
        (
            "keras: labels as numbers (own)",
            "loss",
            "the loss of 30 images: a sparse loss needs class numbers as labels, but the labels are one-hot",
        ),
        ("keras: glorot", "start", r".* its variance is 0\.\d\d times he_normal's; it looks like glorot_uniform, .*"),
    ],
)
def test_messages_are_in_plain_words(tf, case, name, said):
    framework, text, _ = CASES[case]
    (found,) = [found for found in check(framework, Inside(framework, text)) if found.name == name]
    assert re.fullmatch(said, found.message), found.message


REGULARIZED = CASES["keras: labels as numbers (own)"][1].replace(
    "Dense(84,", "Dense(84, kernel_regularizer=K.initializers.HeNormal(),"
)


@pytest.mark.parametrize(
    ("text", "mistake", "names"),
    [
        (CASES["keras: labels as numbers (own)"][1], "loss_sparse", ["loss", "accuracy"]),
        (
            REGULARIZED.replace("sparse_categorical", "categorical"),
            "initializer_as_regularizer",
            ["layers", "loss", "accuracy"],
        ),
    ],
    ids=["sparse", "regularizer"],
)
def test_checks_that_fail_for_the_same_reason_name_the_same_mistake(tf, text, mistake, names):
    found = [found for found in check("keras", Inside("keras", text)) if found.status == "fail"]
    assert [one.name for one in found] == names
    assert {one.mistake for one in found} == {mistake}
    assert not any("{{node" in one.message for one in found)


def test_a_wrong_output_has_a_map(tf):
    framework, text, _ = CASES["keras: missing relu"]
    (found,) = [found for found in check(framework, Inside(framework, text)) if found.name == "output"]
    (heat,) = found.maps
    assert np.shape(heat.rows) == (20, 10)
    assert max(map(max, heat.rows)) == 10
    assert min(map(min, heat.rows)) >= 0
