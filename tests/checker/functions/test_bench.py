"""How a wrong call is told: the smallest one, its shapes, the first wrong cell, the mistake; and what ends a file."""

import contextlib

import numpy as np
import pytest
from tests.support.checker.local import Local, opener
from tests.support.checker.samples import source

from convlens.checker.checks import Failed
from convlens.checker.functions import conv, pool
from convlens.checker.functions.bench import CourseBench
from convlens.checker.functions.cases import POOL_FORWARD, Case, Size
from convlens.checker.functions.pool import finite_differences
from convlens.checker.guest import GuestError
from convlens.checker.options import Options
from convlens.checker.sandbox.guest_side import course_file
from convlens.checker.submission import TASKS

TABLES = (conv.FORWARD, pool.FORWARD, conv.BACKWARD, pool.BACKWARD)
FUNCTIONS = ("conv_forward", "pool_forward", "conv_backward", "pool_backward")


def findings(task, text, options=None, open_guest=None):
    """What the checks of a task find in a text, by their names."""
    given = {"file": TASKS[task], "function": FUNCTIONS[task]}
    with CourseBench(task, open_guest or opener(course_file, text.encode(), given), options or Options()) as bench:
        passed = [type("Passed", (), {"name": "parses", "status": "pass"})]
        return {found.name: found for found in bench.run(TABLES[task], passed)}


def pooling(change=lambda text: text):
    """What is found in a pool_forward, with a change in it."""
    return change(source("cells", TASKS[1]))


def test_the_smallest_call_and_its_first_wrong_cell():
    found = findings(1, pooling(lambda text: text.replace("start = -np.inf", "start = 0.")))["negative"]
    assert found.status == "fail"
    assert found.message == (
        "for A_prev (1, 1, 1, 1) = [-0.25], kernel_shape (1, 1), stride (1, 1), mode 'max', result[0, 0, 0, 0] is 0, "
        "which is wrong"
    )
    assert found.hint == "the search for the maximum starts at 0: numbers below 0 are never found"
    assert found.mistake == "max_starts_at_zero"


def test_what_is_right_is_kept_back_unless_it_is_asked_for():
    text = pooling(lambda text: text.replace("start = -np.inf", "start = 0."))
    assert "is right" not in findings(1, text)["negative"].message
    assert "is 0, which is wrong: -0.25 is right" in findings(1, text, Options(reveal=True))["negative"].message


def test_a_map_shows_where():
    def change(text):
        return text.replace("    return A\n", "    A[-1, 0, 1:, -1] += 1\n    A[-1, 0, 2:, -1] += 3\n    return A\n")

    found = findings(1, pooling(change), Options(seconds=0))["maximum"]  # no time to find a smaller call
    (shown,) = found.maps
    assert shown.title == "result[0, :, :, 0]"
    assert shown.rows == [[0, 10], [0, 0]]


def test_a_map_shows_what_is_not_finite():
    found = findings(1, pooling(lambda text: text.replace("return A\n", "return A * np.inf\n")))["average"]
    assert found.maps[0].rows == [[-1, -1], [-1, -1]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("return A[:, 1:]", "the result has shape (1, 0, 1, 1); it must have (1, 1, 1, 1)"),
        ("return", "it must return an array; it returns None"),
        ("return 'A'", "it must return an array; it returns str"),
        ("return A, A", "it must return an array; it returns a tuple of 2"),
        ("return [A]", "it must return an array; it returns a list of 1"),
        ("return 3", "it must return an array; it returns a number, 3"),
        ("return A.astype(object)", "it must return an array; it returns an array of object"),
        ("return A + 1j", "it must return an array; it returns an array of complex128"),
        ("return 1 / 0", "it raises ZeroDivisionError: division by zero (line"),
        ("raise ValueError('a\\nb' * 999)", "it raises ValueError: a ba ba b"),
    ],
)
def test_results_that_are_none(change, said):
    found = findings(1, pooling(lambda text: text.replace("return A\n", change + "\n")))["maximum"]
    assert found.status == "fail"
    assert said in found.message
    assert len(found.message) < 600
    assert "\n" not in found.message


@pytest.mark.parametrize(
    ("change", "said", "mistake"),
    [
        ("return dA_prev", "it must return dA_prev, dW, db, three arrays; it returns one array", "returns_missing"),
        ("return dA_prev, dW", "three arrays; it returns a tuple of 2", "returns_missing"),
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


def test_what_is_changed_in_place():
    text = source("cells", TASKS[0])
    found = findings(
        0, text.replace("    sh, sw = stride\n", "    sh, sw = stride\n    b += 1\n    b -= 1\n    W *= 1.5\n")
    )
    assert found["inputs_unchanged"].mistake == "input_changed"
    assert "the call changes the caller's W" in found["inputs_unchanged"].message
    assert found["inputs_unchanged"].hint.startswith("W is changed in place: work on a copy")


def test_other_seeds_are_other_numbers():
    """A file that knows the answers to one seed does not know those to another."""
    text = pooling(lambda text: text.replace("return A\n", "return A + (abs(A_prev).sum() != KNOWN)\n"))
    seen = []
    for seed in (0, 1):
        reply = findings(1, "KNOWN = 0\n" + text, Options(seed=seed, reveal=True, seconds=0))["negative"].message
        seen.append(reply)
    assert seen[0] != seen[1]


def test_a_file_without_the_function_or_that_does_not_load():
    assert findings(0, "def other():\n    pass\n")["loads"].message == (
        "there must be a function conv_forward; the file has other"
    )
    assert findings(0, "x = 1\n")["loads"].message == "there must be a function conv_forward; the file has none at all"
    assert findings(0, "import no_such_thing\n")["loads"].message == (
        "the file does not load: ModuleNotFoundError: No module named 'no_such_thing' (line 1)"
    )
    others = list(findings(0, "x = 1\n").values())[1:]
    assert {one.status for one in others} == {"could not tell"}
    assert {one.message for one in others} == {"not tried, since this comes first: loads"}


class Ends(Local):
    """A guest that ends at each call with an array of one example."""

    why = "ended its process (exit code 0)"

    def ask(self, request, arrays=(), *, seconds=None):
        if request["do"] == "call" and len(arrays[0]) == 1:
            raise GuestError(self.why)
        return super().ask(request, arrays, seconds=seconds)


class Hangs(Ends):
    """The same, by running out of time."""

    why = "ran for more than 10 s and was stopped"


@pytest.mark.parametrize("kind", [Ends, Hangs])
def test_a_guest_that_ends_is_replaced_a_few_times_and_one_that_hangs_is_not(kind):
    started = []

    def open_guest():
        started.append(1)
        return contextlib.nullcontext(kind(course_file, pooling().encode(), {"file": "a", "function": "pool_forward"}))

    found = findings(1, "", open_guest=open_guest)
    assert found["maximum"].status == "fail"
    assert f"the code {kind.why}" in found["maximum"].message
    last = found["default" + "s"]
    assert last.status in ("fail", "could not tell")
    if kind is Hangs:
        assert len(started) == 1
        assert found["overlapping"].message == f"not tried: the code {kind.why}"
    else:
        assert 2 <= len(started) <= 5


def test_names_of_functions_that_are_none():
    class Odd(Local):
        def ask(self, request, arrays=(), *, seconds=None):
            return {"missing": 5}, []

    def open_guest():
        return contextlib.nullcontext(Odd(course_file, b"", {"file": "a", "function": "pool_forward"}))

    said = findings(1, "", open_guest=open_guest)["loads"].message
    assert said == "there must be a function pool_forward; the file has none at all"


def test_all_calls_together_have_a_limit():
    text = pooling(lambda text: text.replace("    return A\n", "    import time\n    time.sleep(0.4)\n    return A\n"))
    found = findings(1, text, Options(seconds=0.01))
    last = "all calls together took more than 1.06 s"
    assert [one.status for one in found.values()].count("fail") == 1
    assert [one.message.endswith(f"but {last}") for one in found.values()].count(True) == 1
    assert found["integers"].message == f"not tried: {last}"


def test_of_a_result_that_is_far_too_large_only_the_shape_is_kept():
    text = pooling(lambda text: text.replace("    return A\n", "    return np.ones((999, 99, 9))\n"))
    kept = []

    def open_guest():
        return contextlib.nullcontext(Local(course_file, text.encode(), {"file": "a", "function": "pool_forward"}))

    with CourseBench(1, open_guest, Options()) as bench:
        case = Case(POOL_FORWARD, Size(2, 5, 4, 3, 1, 2, 2, 1, 1), "max")
        answer, problem = bench.judge(case)
        kept.append(answer.value[0])
    assert "has shape (999, 99, 9); it must have" in str(problem)
    assert kept[0].base.size == 1


def test_finite_differences_do_not_tell_what_is_right():
    text = source("cells", TASKS[3]).replace("    return dA_prev\n", "    return dA_prev * (abs(dA_prev).sum() < -1)\n")
    bench = CourseBench(3, opener(course_file, text.encode(), {"file": "a", "function": "pool_backward"}), Options())
    with bench, pytest.raises(Failed) as failed:
        finite_differences(bench)
    assert str(failed.value).endswith(": dA_prev is wrong, as finite differences show")
    bench.options = Options(reveal=True)
    with bench, pytest.raises(Failed, match=r"finite differences give -?[0-9]"):
        finite_differences(bench)


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
def test_answers_that_make_no_sense_pass_nothing(task, reply):
    found = findings(task, "", open_guest=lambda: contextlib.nullcontext(Lies(reply)))
    assert found.pop("loads").status == "pass"
    assert {one.status for one in found.values()} <= {"fail", "could not tell"}
