"""The function under test, as the checks use it: unchanged inputs, seeds, finite differences."""

import pytest
from tests.support.checker.function_findings import findings, pooling
from tests.support.checker.local import opener
from tests.support.checker.samples import source

from convlens.checker.checks import Failed
from convlens.checker.functions.pool_checks import finite_differences
from convlens.checker.functions.under_test import FunctionUnderTest
from convlens.checker.options import Options
from convlens.checker.sandbox.guest_side import course_file
from convlens.checker.submission import TASKS


def test_a_changed_input_is_named():
    text = source("cells", TASKS[0])
    found = findings(
        0, text.replace("    sh, sw = stride\n", "    sh, sw = stride\n    b += 1\n    b -= 1\n    W *= 1.5\n")
    )
    assert found["inputs_unchanged"].mistake == "input_changed"
    assert "the call changes the array W that it is given" in found["inputs_unchanged"].message
    assert found["inputs_unchanged"].hint.startswith("W is changed in place: work on a copy")


def test_another_seed_gives_other_numbers():
    """A file with the answers for one seed fails with another seed."""
    text = pooling(lambda text: text.replace("return A\n", "return A + (abs(A_prev).sum() != KNOWN)\n"))
    seen = []
    for seed in (0, 1):
        reply = findings(1, "KNOWN = 0\n" + text, Options(seed=seed, reveal=True, seconds=0))["negative"].message
        seen.append(reply)
    assert seen[0] != seen[1]


def test_the_message_about_finite_differences_hides_the_right_number():
    text = source("cells", TASKS[3]).replace("    return dA_prev\n", "    return dA_prev * (abs(dA_prev).sum() < -1)\n")
    open_guest = opener(course_file, text.encode(), {"file": "a", "function": "pool_backward"})
    function = FunctionUnderTest(3, open_guest, Options())
    with function, pytest.raises(Failed) as failed:
        finite_differences(function)
    assert str(failed.value).endswith(": dA_prev is wrong, as finite differences show")
    function.options = Options(reveal=True)
    with function, pytest.raises(Failed, match=r"finite differences give -?[0-9]"):
        finite_differences(function)
