"""The function of a submitted file, as the checks of tasks 0 to 3 use it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType

import numpy as np

from convlens.arrays import Array
from convlens.checker.checks import Advice, Checks, Failed, Unknown
from convlens.checker.functions import later_numpy
from convlens.checker.functions.answers import Answer
from convlens.checker.functions.cases import Case
from convlens.checker.functions.describe import error_maps, sentence
from convlens.checker.functions.diagnosis import Diagnosis
from convlens.checker.functions.expected import Value
from convlens.checker.functions.fixed_number import fixed_numbers
from convlens.checker.functions.judge import NO_RESULT, Wrong, arrays_of, distance, judge
from convlens.checker.functions.mistake import Mistake
from convlens.checker.functions.process import FunctionProcess, OpenGuest, RaisedError
from convlens.checker.functions.raised import Cause, cause_of
from convlens.checker.functions.smallest import smallest
from convlens.checker.functions.wrong_shape import shape_cause
from convlens.checker.options import Options
from convlens.checker.verdict import FAIL, Finding

__all__ = ["FunctionUnderTest"]

_SEARCH = 1 / 4  # longest time of the search for a smaller call, as a share of the limit for one call


class FunctionUnderTest:
    """One file's function and its answers so far. A context manager that ends the file's process.

    passed: the right answers to calls of checks; seconds: the time of one larger call, None before it is measured
    """

    def __init__(self, task: int, open_guest: OpenGuest, options: Options) -> None:
        """Start nothing yet. open_guest: a function that starts a process with the file."""
        self.task, self.options = task, options
        self.passed: list[Answer] = []
        self.seconds: float | None = None
        self._process = FunctionProcess(task, open_guest, options.seconds)

    def __enter__(self) -> FunctionUnderTest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.close()

    def run(self, checks: Checks, before: Sequence[Finding]) -> list[Finding]:
        """Return the findings of the checks. Likely mistakes are searched for at the end, when all calls are known.

        before: findings that the checks may need, see `Checks.run`
        """
        failed: dict[str, list[list[Answer]]] = {}
        findings = checks.run(self, before, failed)
        likely: dict[str, Cause | Mistake] = {**Diagnosis(self.passed, failed).likely()}
        if failed and not likely and not self._process.refusal:
            likely |= fixed_numbers(self.passed, failed, lambda case: not self._wrong_in_search(case))
        # Checks without calls of their own share a cause that explains all others
        only = set(likely.values()) if len(set(likely.values())) == 1 and likely.keys() >= failed.keys() else set()
        for k, found in enumerate(findings):
            if found.status != FAIL or found.hint:
                continue
            if found.name in likely or (only and found.name not in failed and found.name != "loads"):
                mistake = likely.get(found.name) or next(iter(only))
                findings[k] = replace(found, hint=mistake.hint, mistake=mistake.name)
            elif (calls := failed.get(found.name)) and (cause := cause_of(calls) or shape_cause(calls)):
                findings[k] = replace(found, hint=cause.hint, mistake=cause.name)
        return findings

    def load(self) -> None:
        """Load the file in a process. Raise Failed if it does not load or lacks the function."""
        self._process.load()

    def value(self, case: Case, given: dict[str, Array]) -> Value:
        """Return the arrays that a call returns. Raise Failed if it raises an exception or returns something else."""
        return arrays_of(self.task, *self._process.call(case, given))

    def returns(self, case: Case) -> None:
        """Raise Failed unless the function returns as many arrays as it should: one or three."""
        self.value(case, case.arrays(self.options.seed))

    def agree(self, *cases: Case) -> None:
        """Call the function for each case. Raise Failed with the smallest wrong call unless all calls are right."""
        failed: list[tuple[Case, list[Wrong]]] = []
        for case in cases:
            if failed and self._process.refusal:
                break  # calls no longer get answers
            if wrong := self._wrong(case):
                failed.append((case, wrong))
        if not failed:
            return
        case, wrong = min(failed, key=lambda one: one[0].weight())
        first = wrong[0]
        shown = smallest(case, first, self._wrong_unrecorded, self._process, self.options.seconds * _SEARCH)
        problem = shown.problem
        problem.hint, problem.mistake = first.problem.hint, first.problem.mistake
        problem.maps = error_maps(shown.answer)
        problem.evidence = [[answer for answer, _ in wrong] for _, wrong in failed]
        raise problem

    def advise(self, opening: str, hint: str, mistake: str, *cases: Case) -> None:
        """Raise Advice unless all calls are right: the task leaves open what these calls should do.

        opening: the first words of the message; hint: what to do; mistake: a name for this advice
        """
        try:
            self.agree(*cases)
        except Failed as failed:
            raise Advice(f"{opening}: {failed}", hint, mistake) from None

    def runs_later(self) -> None:
        """Raise Advice if a call has used what later releases of NumPy refuse, Unknown if no call is right."""
        if not self.passed:
            raise Unknown("not tried: no call has a right result")
        if said := later_numpy.in_words(self._process.later):
            raise Advice(*said, "later_numpy")

    def judge(self, case: Case) -> tuple[Answer, Failed | None]:
        """Call the function for a case in its own reading. Return the answer, and what is wrong with it or None."""
        given = case.arrays(self.options.seed)
        try:
            value = self.value(case, given)
        except RaisedError as raised:
            return Answer(case, given, None, raised.kind, raised.text, raised.line), raised
        except Failed as failed:
            return Answer(case, given, None), failed
        return judge(case, given, value, reveal=self.options.reveal)

    def unchanged(self, case: Case) -> None:
        """Raise Advice if the call changes one of its arrays, which the task leaves open; Failed if it is wrong too."""
        given = case.arrays(self.options.seed)
        try:
            reply, found = self._process.call(case, given, inputs=True)
        except Failed as failed:
            raise Unknown(str(failed)) from None
        start = reply.get("inputs")
        after = found[start:] if isinstance(start, int) else []
        if len(after) != len(given):
            raise Failed(NO_RESULT)
        for (name, before), now in zip(given.items(), after, strict=True):
            if now.shape != before.shape or not np.array_equal(now, before):
                hint = f"{name} is changed in place: work on a copy, or write x = x + y instead of x += y"
                said = sentence(case, given, f"the call changes the array {name} that it is given")
                # A window that is changed is wrong in the next call or in the windows beside it
                kind = Failed if self._wrong_unrecorded(case) else Advice
                raise kind(said, hint, "input_changed")

    def larger(self, case: Case) -> None:
        """Raise Failed unless a call with several images as large as MNIST's digits is right. Its time is reported, and
        is never a failure."""
        given = case.arrays(self.options.seed)
        before = time.perf_counter()
        value = self.value(case, given)
        seconds = time.perf_counter() - before
        _, problem = judge(case, given, value, reveal=self.options.reveal)
        if problem is not None:
            raise problem
        self.seconds = seconds

    def _wrong(self, case: Case) -> list[Wrong]:
        """Return what is wrong with a call in each reading, the best reading first; [] if one reading is right.

        A right answer is added to `passed`.
        """
        wrong: list[Wrong] = []
        for reading in case.readings():
            if wrong and self._process.refusal:
                break
            answer, problem = self.judge(reading)
            if problem is None:
                self.passed.append(answer)
                return []
            wrong.append(Wrong(answer, problem))
        return sorted(wrong, key=lambda one: distance(one.answer))

    def _wrong_in_search(self, case: Case) -> list[Wrong]:
        """Return the same as `_wrong_unrecorded` in a search, whose restarts and time do not count."""
        with self._process.search():
            return self._wrong_unrecorded(case)

    def _wrong_unrecorded(self, case: Case) -> list[Wrong]:
        """Return the same as `_wrong` for a call of the search, which must not count in the diagnosis."""
        passed = len(self.passed)
        wrong = self._wrong(case)
        del self.passed[passed:]
        return wrong
