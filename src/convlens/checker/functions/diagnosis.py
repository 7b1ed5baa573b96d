"""The likely mistake: one whose program gives what the submission gave, whether that was wrong or right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.checker.functions.cases import CONV_FORWARD, Case
from convlens.checker.functions.expected import Value
from convlens.checker.functions.mistakes import MISTAKES, Mistake
from convlens.checker.functions.sketch import sketch
from convlens.checker.functions.sketch_windows import Has

__all__ = ["OF_SIZES", "Answer", "Diagnosis", "close", "wrong_cells"]

_RIGHT: Has = frozenset()
OF_SIZES = ("IndexError", "ValueError")  # what NumPy raises where shapes or places do not fit


class Answer(NamedTuple):
    """A call and what came of it: a value, or None for an exception or for something that is no such value

    raised: the type of the exception, by which a mistake in sizes shows or does not; "" if there was none
    """

    case: Case
    given: dict[str, Array]
    value: Value | None
    raised: str = ""


def close(got: Value, want: Value, numbers: str = "float64") -> bool:
    """Same shapes, and values as near as float32 allows: 1e-5 (1e-4 for float32 inputs) of the largest number"""
    if [a.shape for a in got] != [a.shape for a in want]:
        return False
    return all(not wrong_cells(a, b, numbers).any() for a, b in zip(got, want, strict=True))


def wrong_cells(got: Array, want: Array, numbers: str) -> Array:
    """Which cells differ, by the tolerance of `close`; both arrays have one shape."""
    scale = max(1.0, float(np.max(np.abs(want), initial=0.0, where=np.isfinite(want))))
    tolerance = (1e-4 if numbers == "float32" else 1e-5) * scale
    with np.errstate(all="ignore"):
        right: Array = np.abs(got.astype(np.float64) - want) <= tolerance
    return ~right


class Diagnosis:
    """All calls of one file's function: those that passed, and those that failed, check by check

    A call that failed did so in each of its readings; a mistake explains it if it explains one of them.
    """

    def __init__(self, passed: Sequence[Answer], failed: Sequence[Sequence[Sequence[Answer]]]) -> None:
        self._passed, self._failed = passed, [readings for calls in failed for readings in calls]
        self._against: dict[Has, float] = {}
        # What programs with these mistakes give, or the exception that they raise
        self._known: dict[tuple[int, Has, str], Value | str] = {}

    def likely(self, failed: Sequence[Sequence[Answer]]) -> Mistake | None:
        """The mistake that explains these failed calls and of all others the most, as they passed or failed; or None

        A call that raised is explained by a mistake whose program raises there, or gives a result of another shape; but
        not if what it raised has nothing to do with sizes.
        """
        best: tuple[float, Mistake] | None = None
        for mistake in MISTAKES:
            if failed[0][0].case.task not in mistake.tasks:
                continue
            for has in mistake.variants:
                if all(self._unlike(mistake, has, readings) < 1 for readings in failed):
                    against = self._contradictions(mistake, has)
                    if best is None or against < best[0]:
                        best = against, mistake
        return best[1] if best else None

    def _contradictions(self, mistake: Mistake, has: Has) -> float:
        """How many calls, or of several arrays which share of one, went another way than they do with this mistake"""
        if has not in self._against:
            passed = (self._share_wrong(has, answer) for answer in self._passed)
            failed = (self._unlike(mistake, has, readings) for readings in self._failed)
            self._against[has] = sum(passed) + sum(failed)
        return self._against[has]

    def _unlike(self, mistake: Mistake, has: Has, readings: Sequence[Answer]) -> float:
        return min(self._unlike_one(mistake, has, answer) for answer in readings)

    def _unlike_one(self, mistake: Mistake, has: Has, answer: Answer) -> float:
        """0 if a program with this mistake fails like that, 1 if not; between if it gives a shape and raised nothing"""
        if answer.value is not None:
            return 0 if self._gives(has, answer) else 1
        if answer.raised not in OF_SIZES:
            return 1
        right, wrong = self._program(_RIGHT, answer), self._program(has | {"strict"}, answer)
        assert not isinstance(right, str)
        if isinstance(wrong, str):
            return 0 if wrong == answer.raised or not mistake.by_place else 1
        if mistake.may_raise:
            return 1 if close(wrong, right) else 0
        return 1 if [array.shape for array in wrong] == [array.shape for array in right] else 0.5

    def _gives(self, has: Has, answer: Answer) -> bool:
        """Does a program with these mistakes give that value, in any reading of the call?

        Of several arrays each may be right or as the mistake makes it: it may have been made for one of them alone.
        """
        assert answer.value is not None
        for case in _readings(answer):
            wrong, right = self._program(has, answer, case.reading), self._program(_RIGHT, answer, case.reading)
            if isinstance(wrong, str) or isinstance(right, str):
                continue
            if all(
                close((got,), (one,), case.numbers) or close((got,), (other,), case.numbers)
                for got, one, other in zip(answer.value, wrong, right, strict=True)
            ):
                return True
        return False

    def _share_wrong(self, has: Has, answer: Answer) -> float:
        """The share of the arrays of a right answer that a program with these mistakes gives otherwise"""
        assert answer.value is not None
        shares = [1.0]
        for case in _readings(answer):
            found = self._program(has, answer, case.reading)
            if not isinstance(found, str):
                wrong = [not close((got,), (one,), case.numbers) for got, one in zip(answer.value, found, strict=True)]
                shares.append(sum(wrong) / len(wrong))
        return min(shares)

    def _program(self, has: Has, answer: Answer, reading: str = "") -> Value | str:
        """What a program with these mistakes gives, computed once; the type of what it raises"""
        reading = reading or answer.case.reading
        key = id(answer), has, reading
        if key not in self._known:
            try:
                self._known[key] = sketch(replace(answer.case, reading=reading), answer.given, has)
            except (ValueError, IndexError) as error:
                self._known[key] = type(error).__name__
        return self._known[key]


def _readings(answer: Answer) -> Iterator[Case]:
    return answer.case.readings() if answer.case.task == CONV_FORWARD else iter((answer.case,))
