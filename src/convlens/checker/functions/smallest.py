"""Find a smaller call that fails in the same way, so that a student can compute it by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from convlens.checker.functions.answers import Answer
from convlens.checker.functions.cases import Case
from convlens.checker.functions.judge import Wrong
from convlens.checker.functions.process import FunctionProcess

__all__ = ["smallest"]

_SIDE = 3  # rows and columns: an image is not made smaller than 3×3
_MOST = 60  # calls that one search may try; the wrong files of the tests need at most 47


def smallest(
    case: Case, wrong: Wrong, wrong_in: Callable[[Case], list[Wrong]], process: FunctionProcess, seconds: float
) -> Wrong:
    """Return the smallest call found that fails like `wrong`, which is the answer to `case`.

    The search reduces one size after another, as long as the call still fails and still returns a value (or still
    returns none). It ends when no smaller call fails, after _MOST calls, after `seconds` seconds of processor time, or
    when the process allows no more calls of a search.

    wrong_in: a function that returns what is wrong with a call, the best reading first; [] if the call is right
    """
    tries, found_one = 0, True
    until = process.searched + seconds
    while found_one and not process.refusal:
        found_one = False
        for smaller in filter(partial(_large_enough, case), case.smaller()):
            tries += 1
            if tries > _MOST or not process.searchable or process.searched >= until:
                return wrong
            with process.search():
                found = wrong_in(smaller)
            if found and _same_kind(wrong.answer, found[0].answer):
                case, wrong, found_one = smaller, found[0], True
                break
    return wrong


def _large_enough(case: Case, smaller: Case) -> bool:
    """Return whether no side of the image becomes smaller than _SIDE. A call of one pixel teaches nothing."""
    sides = zip((case.size.h, case.size.w), (smaller.size.h, smaller.size.w), strict=True)
    return all(less >= min(_SIDE, side) for side, less in sides)


def _same_kind(one: Answer, other: Answer) -> bool:
    """Return whether both calls returned a value, or neither did."""
    return (one.value is None) == (other.value is None)
