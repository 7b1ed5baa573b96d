"""Find a size that is written into the code: the function is right only for this number of images or channels."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from convlens.checker.functions.answers import Answer
from convlens.checker.functions.cases import CONV_BACKWARD, CONV_FORWARD, Case
from convlens.checker.functions.raised import Cause

__all__ = ["fixed_numbers"]

_LARGEST = 64  # a call with more images or channels takes long
_MOST = 4  # numbers that are tried
_WORDS = {
    "n": ("{} images", "A_prev.shape[0]"),
    "ci": ("{} input channels", "A_prev.shape[3]"),
    "co": ("{} output channels", "W.shape[3]"),
}


def fixed_numbers(
    passed: Sequence[Answer], failed: Mapping[str, Sequence[Sequence[Answer]]], is_right: Callable[[Case], bool]
) -> dict[str, Cause]:
    """Return for each failed check the number that is written into the code, if its calls all fail for this reason.

    All calls with a padding or mode must have failed. A number is tried if an exception or a wrong shape names it.
    is_right: a function that calls the submission once more and returns whether the answer is right
    """
    by_how: dict[str, list[Answer]] = {}
    for calls in failed.values():
        for call in calls:
            by_how.setdefault(call[0].case.how, []).append(call[0])
    for answer in passed:
        by_how.pop(answer.case.how, None)
    causes = {how: _cause(min(answers, key=lambda one: one.case.weight()), is_right) for how, answers in by_how.items()}
    found: dict[str, Cause] = {}
    for name, calls in failed.items():
        of_calls = {causes.get(call[0].case.how) for call in calls}
        if len(of_calls) == 1 and (cause := of_calls.pop()):
            found[name] = cause
    return found


def _cause(answer: Answer, is_right: Callable[[Case], bool]) -> Cause | None:
    """Return the number that makes a wrong call right, in place of one of its sizes."""
    case = answer.case
    for number in _numbers(answer)[:_MOST]:
        for field in ("n", "ci", "co") if case.task in (CONV_FORWARD, CONV_BACKWARD) else ("n", "ci"):
            other = replace(case, size=case.size._replace(**{field: number}))
            if number != getattr(case.size, field) and is_right(other):
                words, instead = _WORDS[field]
                hint = f"the number {number} is written into the code: use {instead} in its place"
                return Cause(f"fixed_{field}", f"only calls with {words.format(number)} are right; {hint}")
    return None


def _numbers(answer: Answer) -> list[int]:
    """Return the numbers in an exception's text or a result's shape that are not sizes of the call."""
    shown = [int(text) for text in re.findall(r"\d{1,3}", answer.text)]
    if answer.value is not None:
        shown += [size for array in answer.value for size in array.shape]
    known = {size for array in answer.given.values() for size in array.shape}
    return [number for number in dict.fromkeys(shown) if number not in known and 1 <= number <= _LARGEST]
