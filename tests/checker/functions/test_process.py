"""The process of a submitted file: files that do not load, calls that end it, and restarts."""

import contextlib

import pytest
from tests.support.checker.function_findings import findings, pooling
from tests.support.checker.local import Local

from convlens.checker.guest import Ending, GuestError
from convlens.checker.options import Options
from convlens.checker.sandbox.guest_side import course_file


def test_a_file_must_load_and_have_the_function():
    assert findings(0, "def other():\n    pass\n")["loads"].message == (
        "the file must have a function conv_forward; it has other"
    )
    assert findings(0, "x = 1\n")["loads"].message == "the file must have a function conv_forward; it has no function"
    assert findings(0, "import numpy.no_such_thing\n")["loads"].message == (
        "the file does not load: ModuleNotFoundError: No module named 'numpy.no_such_thing' (line 1)"
    )
    others = list(findings(0, "x = 1\n").values())[1:]
    assert {one.status for one in others} == {"could not tell"}
    assert {one.message for one in others} == {"not tried, because loads does not pass"}


class Ends(Local):
    """A guest that ends in each call with an array of one example."""

    why, ending = "ended its process (exit code 0)", Ending.EXITED

    def ask(self, request, arrays=(), *, seconds=None):
        if request["do"] == "call" and len(arrays[0]) == 1:
            raise GuestError(self.why, self.ending)
        return super().ask(request, arrays, seconds=seconds)


class Hangs(Ends):
    """A guest that runs out of time in each call with an array of one example."""

    why, ending = "ran for more than 10 s and was stopped", Ending.TIMED_OUT


@pytest.mark.parametrize("kind", [Ends, Hangs])
def test_a_guest_that_ends_is_replaced_and_a_guest_that_hangs_is_not(kind):
    started = []

    def open_guest():
        started.append(1)
        return contextlib.nullcontext(kind(course_file, pooling().encode(), {"file": "a", "function": "pool_forward"}))

    found = findings(1, "", open_guest=open_guest)
    assert found["average"].status == "fail"
    assert f"the code {kind.why}" in found["average"].message
    last = found["negative"]
    assert last.status in ("fail", "could not tell")
    if kind is Hangs:
        assert len(started) == 1
        assert found["overlapping"].message == f"not tried: the code {kind.why}"
    else:
        assert 2 <= len(started) <= 5 + 4, "five for the checks, four for the search for smaller calls"


def test_a_guest_may_name_no_functions():
    class Odd(Local):
        def ask(self, request, arrays=(), *, seconds=None):
            return {"missing": 5}, []

    def open_guest():
        return contextlib.nullcontext(Odd(course_file, b"", {"file": "a", "function": "pool_forward"}))

    said = findings(1, "", open_guest=open_guest)["loads"].message
    assert said == "the file must have a function pool_forward; it has no function"


def test_all_calls_together_have_a_limit():
    busy = (
        "    import time\n    until = time.process_time() + 0.4\n    while time.process_time() < until:\n        pass\n"
    )
    text = pooling(lambda text: text.replace("    return A\n", f"{busy}    return A\n"))
    found = findings(1, text, Options(seconds=0.01))
    last = "all calls together took more than 1.06 s"
    assert [one.status for one in found.values()].count("fail") == 1
    assert [one.message.endswith(f"but {last}") for one in found.values()].count(True) == 1
    assert found["whole_image"].message == f"not tried: {last}"
