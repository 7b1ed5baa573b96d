"""The cause behind a result of pool_forward with a wrong shape, if no program with a known mistake gives the same."""

from __future__ import annotations

from collections.abc import Sequence

from convlens.checker.functions.answers import Answer
from convlens.checker.functions.cases import POOL_FORWARD
from convlens.checker.functions.mistakes import HINTS
from convlens.checker.functions.raised import Cause

__all__ = ["shape_cause"]

_WINDOWS = Cause("number_of_windows", HINTS["number_of_windows"])
_CAUSES = (
    Cause("number_of_images", "the result must have as many images as A_prev: A_prev.shape[0]"),
    _WINDOWS,
    _WINDOWS,
    Cause("number_of_channels", "the result must have as many channels as A_prev: A_prev.shape[3]"),
)


def shape_cause(calls: Sequence[Sequence[Answer]]) -> Cause | None:
    """Return the cause for the first axis of the smallest result that has a wrong length, None if no axis has."""
    answers = [call[0] for call in calls if call[0].case.task == POOL_FORWARD and call[0].value is not None]
    for answer in sorted(answers, key=lambda one: one.case.weight()):
        assert answer.value is not None
        right = answer.case.size.n, *answer.case.windows(), answer.case.size.ci
        found = answer.value[0].shape
        wrong = [cause for cause, a, b in zip(_CAUSES, found, right, strict=False) if a != b]
        if len(found) == len(right) and wrong:
            return wrong[0]
    return None
