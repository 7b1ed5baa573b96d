"""The judge handles results of another kind, shape or order, and answers that make no sense."""

import contextlib

import numpy as np
import pytest
from tests.support.checker.function_findings import findings, pooling
from tests.support.checker.local import Local
from tests.support.checker.samples import source

from convlens.checker.functions.cases import POOL_FORWARD, Case, Size
from convlens.checker.functions.under_test import FunctionUnderTest
from convlens.checker.options import Options
from convlens.checker.sandbox.guest_side import course_file
from convlens.checker.submission import TASKS


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("return A[:, 1:]", "the result is (1, 2, 3, 1); it must be (1, 3, 3, 1)"),
        ("return", "the function must return an array; it returns None"),
        ("return 'A'", "the function must return an array; it returns str"),
        ("return A, A", "the function must return an array; it returns a tuple of 2"),
        ("return [A]", "the function must return an array; it returns a list of 1"),
        ("return 3", "the function must return an array; it returns a number, 3"),
        ("return A.astype(object)", "the function must return an array; it returns an array of object"),
        ("return A + 1j", "the function must return an array; it returns an array of complex128"),
        ("return 1 / 0", "raises ZeroDivisionError: division by zero"),
        ("raise ValueError('a\\nb' * 999)", "raises ValueError: a ba ba b"),
    ],
)
def test_a_result_of_another_kind_fails(change, said):
    found = findings(1, pooling(lambda text: text.replace("return A\n", change + "\n")))["maximum"]
    assert found.status == "fail"
    assert said in found.message
    assert len(found.message) <= 120
    assert "\n" not in found.message


@pytest.mark.parametrize(
    ("change", "said", "mistake"),
    [
        (
            "return dA_prev",
            "the function must return three arrays, dA_prev, dW, db; it returns one array",
            "returns_missing",
        ),
        ("return dA_prev, dW", "three arrays, dA_prev, dW, db; it returns a tuple of 2", "returns_missing"),
        ("return dW, dA_prev, db", "", "returns_order"),
        ("return [dA_prev, dW, db]", None, ""),
    ],
)
def test_three_gradients(change, said, mistake):
    text = source("loops", TASKS[2])
    assert "return dA_prev, dW, db\n" in text
    found = findings(2, text.replace("return dA_prev, dW, db\n", change + "\n"))
    if said is None:
        assert {one.status for one in found.values()} == {"pass"}
        return
    assert said in found["valid_gradients"].message
    assert found["valid_gradients"].mistake == mistake
    assert found["valid_gradients"].hint


def test_only_the_shape_of_a_much_too_large_result_is_kept():
    text = pooling(lambda text: text.replace("    return A\n", "    return np.ones((999, 99, 9))\n"))
    kept = []

    def open_guest():
        return contextlib.nullcontext(Local(course_file, text.encode(), {"file": "a", "function": "pool_forward"}))

    with FunctionUnderTest(1, open_guest, Options()) as function:
        case = Case(POOL_FORWARD, Size(2, 5, 4, 3, 1, 2, 2, 1, 1), "max")
        answer, problem = function.judge(case)
        assert answer.value is not None
        kept.append(answer.value[0])
    assert "the result is (999, 99, 9); it must be" in str(problem)
    assert kept[0].base is not None and kept[0].base.size == 1


class Lies(Local):
    """A guest that answers with something else."""

    def __init__(self, reply):
        self.reply = reply

    def ask(self, request, arrays=(), *, seconds=None):
        return ({"loaded": True}, []) if request["do"] == "load" else self.reply


@pytest.mark.parametrize(
    "reply",
    [
        ({}, []),
        ({"result": 3}, []),
        ({"result": {"array": 7}}, []),
        ({"result": {"array": -1}}, []),
        ({"result": {"array": "a"}}, [np.ones(3)]),
        ({"result": {"tuple": [{"array": 0}] * 3}}, []),
        ({"result": {"tuple": 3}}, []),
        ({"result": {"number": "x"}}, []),
        ({"result": {"number": 10**400}}, []),
        ({"result": None}, []),
        ({"result": {"array": 0}}, [np.array(1.0)]),
        ({"result": {"array": 0}}, [np.ones((1, 2, 2, 1), complex)]),
        ({"result": {"array": 0}}, [np.full((1, 2, 2, 1), np.nan)]),
        ({"raised": 3}, []),
        ({"raised": {"type": 3, "message": [1], "line": "x"}}, []),
    ],
)
@pytest.mark.parametrize("task", [1, 2])
def test_an_answer_that_makes_no_sense_passes_no_check(task, reply):
    found = findings(task, "", open_guest=lambda: contextlib.nullcontext(Lies(reply)))
    assert found.pop("loads").status == "pass"
    assert {one.status for one in found.values()} <= {"fail", "could not tell"}
