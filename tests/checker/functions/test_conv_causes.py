"""More kinds of mistakes in convolutions: the first hint names the cause, or there is no hint."""

import pytest
from tests.support.checker.causes import HALVES, Sample
from tests.support.checker.conv_causes import SAMPLES
from tests.support.checker.function_findings import findings

from convlens.checker.verdict import FileReport


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_the_first_hint_names_the_cause_or_nothing(sample):
    found = findings(sample.task, sample.text())
    assert {one.status for one in found.values()} & {"fail"}, "nothing fails"
    likely = [one for one in FileReport(list(found.values())).likely if one.status == "fail"]
    assert (likely[0].mistake if likely else "") == sample.cause


def test_a_check_without_calls_of_its_own_has_no_cause_if_one_of_the_others_has_another():
    zeros = "ph, pw = rows // 2 + 1, cols // 2 + 1\n    ph, pw = 0 if padding == 'valid' else (ph, pw)"
    found = findings(2, Sample(2, "no pair", "", ((HALVES, zeros),)).text())
    assert found["same_gradients"].mistake == "pad_one_too_much"
    assert found["valid_gradients"].mistake == "TypeError in line 14"
    assert (found["three_gradients"].status, found["three_gradients"].hint) == ("fail", "")
