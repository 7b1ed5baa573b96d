"""The search makes a wrong call smaller as long as it fails in the same way."""

import contextlib

import pytest
from tests.support.checker.function_findings import findings, pooling
from tests.support.checker.local import Local

from convlens.checker.guest import Ending, GuestError
from convlens.checker.sandbox.guest_side import course_file


def test_the_smallest_call_and_its_first_wrong_cell():
    found = findings(1, pooling(lambda text: text.replace("start = -np.inf", "start = 0.")))["negative"]
    assert found.status == "fail"
    assert found.message == "A_prev (1, 3, 3, 1), kernel_shape (1, 1): result[0, 0, 0, 0] is 0, which is wrong"
    assert found.hint == "the search for the maximum starts at 0: a maximum below 0 is never found"
    assert found.mistake == "max_starts_at_zero"


class EndsInSmallCalls(Local):
    """A guest that ends in calls that are smaller than the calls of the checks."""

    why, ending = "ended its process (exit code 0)", Ending.EXITED

    def ask(self, request, arrays=(), *, seconds=None):
        if request["do"] == "call" and arrays[0].size < 8:
            raise GuestError(self.why, self.ending)
        return super().ask(request, arrays, seconds=seconds)


class HangsInSmallCalls(EndsInSmallCalls):
    """A guest that runs out of time in these smaller calls."""

    why, ending = "ran for more than 10 s and was stopped", Ending.TIMED_OUT


@pytest.mark.parametrize("kind", [EndsInSmallCalls, HangsInSmallCalls])
def test_a_search_that_ends_the_process_changes_no_finding(kind):
    text = pooling(lambda text: text.replace("start = -np.inf", "start = 0.").replace("return A\n", "return A + 1\n"))
    names = {"file": "a", "function": "pool_forward"}
    plain = findings(1, text)
    found = findings(1, text, open_guest=lambda: contextlib.nullcontext(kind(course_file, text.encode(), names)))
    assert {name: one.status for name, one in found.items()} == {name: one.status for name, one in plain.items()}
    assert all(kind.why not in one.message for one in found.values())
