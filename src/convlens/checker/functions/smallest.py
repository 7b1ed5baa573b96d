"""Finds a smaller call that fails in the same way, so that a student can follow it by hand."""

from __future__ import annotations

import time
from collections.abc import Callable

from convlens.checker.functions.answers import Answer
from convlens.checker.functions.cases import Case
from convlens.checker.functions.judge import Wrong
from convlens.checker.functions.process import FunctionProcess

__all__ = ["smallest"]

_MOST = 60  # smaller calls that one search tries; the wrong files of the tests need at most 47


def smallest(
    case: Case, wrong: Wrong, wrong_in: Callable[[Case], list[Wrong]], process: FunctionProcess, seconds: float
) -> Wrong:
    """Return a call that fails like `wrong`, the answer to `case`, with sizes as small as the search finds.

    One size after the other is made smaller, as long as the call still fails and still gives a value (or still gives
    none). The search ends when nothing smaller fails, after _MOST calls, when `seconds` are over, and when the process
    allows no more of it.

    wrong_in: returns what is wrong with a call, the reading nearest to right first; nothing if the call is right
    """
    tries, found_one = 0, True
    until = time.monotonic() + seconds
    while found_one and not process.refusal:
        found_one = False
        for smaller in case.smaller():
            tries += 1
            if tries > _MOST or not process.searchable or time.monotonic() > until:
                return wrong
            with process.search():
                found = wrong_in(smaller)
            if found and _alike(wrong.answer, found[0].answer):
                case, wrong, found_one = smaller, found[0], True
                break
    return wrong


def _alike(one: Answer, other: Answer) -> bool:
    """Return whether both calls gave a value, or neither did."""
    return (one.value is None) == (other.value is None)
