"""More kinds of mistakes in convolutions: the first hint names the cause, or there is no hint."""

import pytest
from tests.support.checker.conv_causes import SAMPLES
from tests.support.checker.function_findings import findings

from convlens.checker.verdict import FileReport


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_the_first_hint_names_the_cause_or_nothing(sample):
    found = findings(sample.task, sample.text())
    assert {one.status for one in found.values()} & {"fail"}, "nothing fails"
    likely = [one for one in FileReport(list(found.values())).likely if one.status == "fail"]
    assert (likely[0].mistake if likely else "") == sample.cause
