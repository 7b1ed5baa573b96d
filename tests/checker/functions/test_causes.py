"""Kinds of mistakes from real coursework, written anew: the first hint names the cause, or there is no hint."""

import pytest
from tests.support.checker.causes import PROGRAMS, SAMPLES
from tests.support.checker.causes_pooling import POOLING_SAMPLES
from tests.support.checker.function_findings import findings

from convlens.checker.functions.describe import LONGEST
from convlens.checker.verdict import FileReport


@pytest.mark.parametrize("task", range(4))
def test_the_unchanged_program_is_right(task):
    assert {name: one.message for name, one in findings(task, PROGRAMS[task]).items() if one.status != "pass"} == {}


@pytest.mark.parametrize("sample", SAMPLES + POOLING_SAMPLES, ids=str)
def test_the_first_hint_names_the_cause_or_nothing(sample):
    found = findings(sample.task, sample.text())
    assert {one.status for one in found.values()} & {"fail"}, "nothing fails"
    likely = [one for one in FileReport(list(found.values())).likely if one.status == "fail"]
    assert (likely[0].mistake if likely else "") == sample.cause
    assert all(len(one.message) <= LONGEST for one in found.values() if one.status == "fail")
