"""Find the likely mistake: a program with this mistake returns what the submission returns, right or wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from convlens.checker.functions.answers import SIZE_ERRORS, Answer, close
from convlens.checker.functions.cases import CONV_FORWARD, Case
from convlens.checker.functions.expected import Value
from convlens.checker.functions.faulty import run_faulty
from convlens.checker.functions.faulty_windows import Faults
from convlens.checker.functions.mistakes import MISTAKES, Mistake

__all__ = ["Diagnosis"]

_RIGHT: Faults = frozenset()


class Diagnosis:
    """The diagnosis of one file, from all calls of its function: the right answers, and the wrong ones by check.

    A wrong call has an answer for each reading (see `cases.READINGS`). A mistake explains the call if it explains one
    of these answers.
    """

    def __init__(self, passed: Sequence[Answer], failed: Sequence[Sequence[Sequence[Answer]]]) -> None:
        """passed: the right answers; failed: for each failed check its calls, each with an answer per reading."""
        self._passed, self._failed = passed, [readings for calls in failed for readings in calls]
        self._against: dict[Faults, float] = {}
        # The value that a faulty program returns, or the name of the exception that it raises
        self._known: dict[tuple[int, Faults, str], Value | str] = {}

    def likely(self, failed: Sequence[Sequence[Answer]]) -> Mistake | None:
        """Return the mistake that explains all calls in `failed`, and most other calls; None if none does.

        A mistake explains an exception if the faulty program raises one too, or returns a result of another shape. An
        exception that has nothing to do with sizes is never explained.
        """
        best: tuple[float, Mistake] | None = None
        for mistake in MISTAKES:
            if failed[0][0].case.task not in mistake.tasks:
                continue
            for faults in mistake.variants:
                if all(self._mismatch(mistake, faults, readings) < 1 for readings in failed):
                    against = self._contradictions(mistake, faults)
                    if best is None or against < best[0]:
                        best = against, mistake
        return best[1] if best else None

    def _contradictions(self, mistake: Mistake, faults: Faults) -> float:
        """Return the number of calls that these faults do not explain. One wrong array of three counts as 1/3."""
        if faults not in self._against:
            passed = (self._share_wrong(faults, answer) for answer in self._passed)
            failed = (self._mismatch(mistake, faults, readings) for readings in self._failed)
            self._against[faults] = sum(passed) + sum(failed)
        return self._against[faults]

    def _mismatch(self, mistake: Mistake, faults: Faults, readings: Sequence[Answer]) -> float:
        """Return `_mismatch_in_reading` for the reading that the faults explain best."""
        return min(self._mismatch_in_reading(mistake, faults, answer) for answer in readings)

    def _mismatch_in_reading(self, mistake: Mistake, faults: Faults, answer: Answer) -> float:
        """Return 0 if a program with these faults fails as the submission does, 1 if not.

        Return 1/2 if the submission raised an exception and the program returns a result of another shape: the
        exception may come from that shape.
        """
        if answer.value is not None:
            return 0 if self._gives(faults, answer) else 1
        if answer.raised not in SIZE_ERRORS:
            return 1
        right, wrong = self._program(_RIGHT, answer), self._program(faults | {"strict"}, answer)
        assert not isinstance(right, str)
        if isinstance(wrong, str):
            return 0 if wrong == answer.raised or not mistake.only_index_error else 1
        if mistake.may_raise:
            return 1 if close(wrong, right) else 0
        return 1 if [array.shape for array in wrong] == [array.shape for array in right] else 0.5

    def _gives(self, faults: Faults, answer: Answer) -> bool:
        """Return whether a program with these faults returns this value, in any reading of the call.

        If there are several arrays, each may be either the faulty one or the right one, since a mistake may be made in
        one array only.
        """
        assert answer.value is not None
        for case in _readings(answer):
            wrong, right = self._program(faults, answer, case.reading), self._program(_RIGHT, answer, case.reading)
            if isinstance(wrong, str) or isinstance(right, str):
                continue
            if all(
                close((got,), (one,), case.numbers) or close((got,), (other,), case.numbers)
                for got, one, other in zip(answer.value, wrong, right, strict=True)
            ):
                return True
        return False

    def _share_wrong(self, faults: Faults, answer: Answer) -> float:
        """Return in what share of its arrays a right answer differs from the result of a program with these faults."""
        assert answer.value is not None
        shares = [1.0]
        for case in _readings(answer):
            found = self._program(faults, answer, case.reading)
            if not isinstance(found, str):
                wrong = [not close((got,), (one,), case.numbers) for got, one in zip(answer.value, found, strict=True)]
                shares.append(sum(wrong) / len(wrong))
        return min(shares)

    def _program(self, faults: Faults, answer: Answer, reading: str = "") -> Value | str:
        """Return the value of a program with these faults, or the name of its exception. Each is computed once."""
        reading = reading or answer.case.reading
        key = id(answer), faults, reading
        if key not in self._known:
            try:
                self._known[key] = run_faulty(replace(answer.case, reading=reading), answer.given, faults)
            except (ValueError, IndexError) as error:
                self._known[key] = type(error).__name__
        return self._known[key]


def _readings(answer: Answer) -> Iterator[Case]:
    """Yield the readings in which a faulty program is tried. In conv_backward the given arrays fix the reading."""
    return answer.case.readings() if answer.case.task == CONV_FORWARD else iter((answer.case,))
