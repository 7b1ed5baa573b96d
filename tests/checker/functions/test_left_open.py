"""What the task leaves open gives advice, never a failure: integers, float32, inputs that change, `is` for `==`."""

import sys

import pytest
from tests.support.checker.function_findings import findings
from tests.support.checker.samples import source

from convlens.checker.sandbox.guest_side import course_file
from convlens.checker.submission import TASKS

# In each task, the check of integer images and a change after which the result has the type of the images
OF_THE_IMAGES_TYPE = {
    0: ("integers", "    return activation(Z)", "    return activation(Z).astype(A_prev.dtype)"),
    1: ("integers", "    return A\n", "    return A.astype(A_prev.dtype)\n"),
    2: ("integer_images", "return d_image[inner],", "return d_image[inner].astype(A_prev.dtype),"),
    3: ("integer_images", "np.zeros_like(A_prev, dtype=np.float64)", "np.zeros_like(A_prev)"),
}


def changed(task, old, new):
    text = source("cells", TASKS[task])
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize("task", OF_THE_IMAGES_TYPE)
def test_decimals_lost_with_integer_images_are_advice(task):
    name, old, new = OF_THE_IMAGES_TYPE[task]
    found = findings(task, changed(task, old, new))
    assert {check: one.message for check, one in found.items() if one.status != "pass"} == {}
    assert found[name].message.startswith("for images of integers, which the task leaves open: ")
    assert found[name].hint.startswith("make the result with np.zeros")


def test_decimals_lost_with_floats_are_a_failure():
    found = findings(1, changed(1, "    return A\n", "    return np.trunc(A)\n"))
    assert found["average"].status == "fail"
    assert found["integers"].status == "could not tell"


def test_low_precision_with_float32_images_is_advice():
    low = "    return A.astype(np.float16) if A_prev.dtype == np.float32 else A\n"
    found = findings(1, changed(1, "    return A\n", "    A = A / 3 * 3.01\n" + low))
    assert found["maximum"].status == "fail"
    found = findings(1, changed(1, "    return A\n", low.replace("A.astype", "(A + 0.1).astype")))
    assert {check: one.message for check, one in found.items() if one.status != "pass"} == {}
    assert found["float32"].message.startswith("for arrays of type float32, which the task leaves open: ")


def test_an_array_that_changes_is_advice_if_the_result_is_right():
    right = changed(1, "    return A\n", "    A_prev *= 2\n    return A\n")
    wrong = changed(1, "    return A\n", "    A_prev *= 2\n    return 2 * A\n")
    found = [findings(1, text)["inputs_unchanged"] for text in (right, wrong)]
    assert [one.status for one in found] == ["pass", "fail"]
    assert all("the call changes the array A_prev that it is given" in one.message for one in found)


@pytest.mark.parametrize("named", [False, True])
def test_text_is_the_same_object_as_a_literal_of_the_file(named):
    """A request that comes as JSON has text that is equal to a literal, and another object."""
    file = b"def f(x, mode='max'):\n    return float((mode is 'max') + 2 * (x is 'same'))\n"
    handler = course_file.start(file, {"file": "a.py", "function": "f"})
    handler({"do": "load"}, [])
    same, largest = ("".join(letters) for letters in ("same", "max"))
    assert same is not sys.intern(same)
    arguments = {"arguments": [same], "named": {"mode": largest}} if named else {"arguments": [same, largest]}
    assert handler({"do": "call", **arguments}, [])[0]["result"] == {"number": 3.0}
    assert handler({"do": "call", "arguments": [same]}, [])[0]["result"] == {"number": 3.0}
