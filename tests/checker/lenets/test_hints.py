"""A hint for one of the two tasks speaks of nothing that only the other task has."""

import re

import pytest

from convlens.checker.lenets.mistakes import HINTS, hint

# Mistakes that only the checks or the code of one task can have
ONLY = {
    "tensorflow": {"labels_cast", "graph_run", "returns_order", "returns_optimizer", "returns_metric", "accuracy_axis"},
    "keras": {"unbuilt", "returns_model", "not_compiled", "metrics_missing"},
}
FOREIGN = {
    "tensorflow": re.compile(r"\bK\.|compile|metrics=|kernel_initializer=|he_uniform|task 5"),
    "keras": re.compile(r"\btf\.(?!contrib)|placeholder|minimize\(|VarianceScaling|argmax|task 4|compat"),
}


@pytest.mark.parametrize("framework", FOREIGN)
def test_no_hint_speaks_of_the_other_task(framework):
    (other,) = set(ONLY) - {framework}
    for mistake in HINTS.keys() - ONLY[other]:
        assert not FOREIGN[framework].search(hint(mistake, framework)), mistake


def test_a_mistake_without_a_name_has_no_hint():
    assert hint("", "keras") == ""
