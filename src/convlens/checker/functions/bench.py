"""Where checks of tasks 0 to 3 are made: calls the submission's function, compares, finds the smallest failing call."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.checker.checks import Checks, Failed, Unknown
from convlens.checker.functions.cases import CONV_BACKWARD, Case
from convlens.checker.functions.diagnosis import OF_SIZES, Answer, Diagnosis, close, wrong_cells
from convlens.checker.functions.expected import Value, accepted
from convlens.checker.functions.mistakes import HINTS
from convlens.checker.guest import Guest, GuestError
from convlens.checker.options import Options
from convlens.checker.rules import RULES
from convlens.checker.verdict import Finding, Map

__all__ = ["CourseBench", "larger", "unchanged"]

_RESULTS = {CONV_BACKWARD: ("dA_prev", "dW", "db")}
_RESTARTS = 4  # processes that may end under one file
_SMALLER = 60  # calls to find a smaller failing one
_CALLS = 6  # times what one call may take, all calls together
_OTHER_SIZE = 100  # times the numbers of a right result; of one that is larger the shape alone is kept


class Raised(Failed):
    """A call has raised an exception; kind: its type"""

    def __init__(self, message: str, answer: dict[str, Any]) -> None:
        super().__init__(message)
        raised = answer["raised"] if isinstance(answer["raised"], dict) else {}
        self.kind = str(raised.get("type", ""))[:80]
        if self.kind not in OF_SIZES:  # one reason, whichever the call
            self.mistake = f"{self.kind} in line {raised.get('line')}"


class CourseBench:
    """One file's guest and what it has answered so far.

    open_guest: starts a process with the file's code in it. A guest that ended is replaced, a few times; one that ran
    out of time is not, for the next call would, too.
    """

    def __init__(self, task: int, open_guest: Callable[[], AbstractContextManager[Guest]], options: Options) -> None:
        self.task, self.options = task, options
        self.passed: list[Answer] = []
        self.seconds: float | None = None
        self._open, self._stack = open_guest, ExitStack()
        self._guest: Guest | None = None
        self._started, self._problem, self._spent = 0, "", 0.0

    def __enter__(self) -> CourseBench:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def load(self) -> None:
        """Start the guest and load the file; Failed if it does not load or has no such function"""
        self._running()

    def call(self, case: Case, given: dict[str, Array], inputs: bool = False) -> tuple[Any, list[Array]]:
        """What the function returns, as `inside.course_file` encodes it, and its arrays. Raises Failed if it raises."""
        order, named, arrays = case.arguments(given)
        request = {"do": "call", "arguments": order, "named": named, "inputs": inputs}
        guest = self._running()
        begin = time.monotonic()
        try:
            answer, found = guest.ask(request, arrays, seconds=self.options.seconds)
        except GuestError as error:
            self._stack.close()
            self._guest = None
            if "ran for more than" in str(error):
                self._problem = f"the code {error}"
            raise Failed(f"for {case.describe(given)}, the code {error}") from None
        self._spent += time.monotonic() - begin
        most = 1 + _CALLS * self.options.seconds
        if self._spent > most:
            self._stack.close()
            self._guest = None
            self._problem = f"all calls together took more than {most:g} s"
            raise Failed(f"for {case.describe(given)}, it comes to an end, but {self._problem}")
        if "raised" in answer:
            raise Raised(f"for {case.describe(given)}, it raises {_exception(answer)}", answer)
        return answer, found

    def returns(self, case: Case) -> None:
        """Failed unless the function returns what it should: an array, or three"""
        self.value(*self.call(case, case.arrays(self.options.seed)))

    def value(self, reply: dict[str, Any], found: list[Array]) -> Value:
        """The arrays of a result; Failed with a sentence if it is of another kind"""
        result = reply.get("result", {"other": "nothing"})
        try:
            if self.task == CONV_BACKWARD:
                parts = result.get("tuple", result.get("list"))
                if parts is None or len(parts) != 3 or not all("array" in part for part in parts):
                    raise Failed(
                        f"it must return dA_prev, dW, db, three arrays; it returns {_kind(result)}",
                        "return dA_prev, dW, db",
                        "returns_missing",
                    )
                return tuple(_real(found[part["array"]]) for part in parts)
            if "array" not in result:
                mistake = "returns_missing" if "none" in result else ""
                hint = "the function ends without return" if "none" in result else ""
                raise Failed(f"it must return an array; it returns {_kind(result)}", hint, mistake)
            return (_real(found[result["array"]]),)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            raise Failed("the code sent something that is no result") from None

    def agree(self, *cases: Case) -> None:
        """Call the function for each case; Failed with the smallest call that goes wrong, and the likely mistake"""
        failed: list[tuple[Case, list[tuple[Answer, Failed]]]] = []
        for case in cases:
            if failed and self._problem:
                break  # no call gets an answer any more
            if wrong := self._in_every_reading(case):
                failed.append((case, wrong))
        if not failed:
            return
        case, wrong = min(failed, key=lambda one: one[0].weight())
        answer, problem = wrong[0]
        _, least = self._smallest(case, answer, problem)
        least.hint, least.mistake = problem.hint, problem.mistake
        least.maps = self._maps(answer)  # of the call before it was made smaller: there is more to see
        least.evidence = [[answer for answer, _ in wrong] for _, wrong in failed]
        raise least

    def _in_every_reading(self, case: Case) -> list[tuple[Answer, Failed]]:
        """What came of a call in each reading and what is wrong with it, the nearest first; nothing if one is right"""
        wrong: list[tuple[Answer, Failed]] = []
        for reading in case.readings():
            if wrong and self._problem:
                break
            answer, problem = self.judge(reading)
            if problem is None:
                self.passed.append(answer)
                return []
            wrong.append((answer, problem))
        return sorted(wrong, key=lambda one: _distance(one[0]))

    def run(self, checks: Checks, before: Sequence[Finding]) -> list[Finding]:
        """What those checks find; where calls went wrong, with the likely mistake, found when all calls are known"""
        failed: dict[str, list[list[Answer]]] = {}
        findings = checks.run(self, before, failed)
        diagnosis = Diagnosis(self.passed, list(failed.values()))
        for k, found in enumerate(findings):
            if found.name in failed and not found.hint and (mistake := diagnosis.likely(failed[found.name])):
                findings[k] = replace(found, hint=mistake.hint, mistake=mistake.name)
        return findings

    def judge(self, case: Case) -> tuple[Answer, Failed | None]:
        """What came of a call, and what is wrong with it"""
        given = case.arrays(self.options.seed)
        try:
            answer = Answer(case, given, self.value(*self.call(case, given)))
        except Raised as raised:
            return Answer(case, given, None, raised.kind), raised
        except Failed as failed:
            return Answer(case, given, None), failed
        right = list(accepted(case, given))
        answer = answer._replace(value=tuple(_bounded(got, right[0]) for got in answer.value or ()))
        if any(close(answer.value or (), want, case.numbers) for want in right):
            return answer, None
        return answer, Failed(self._difference(answer, right[0]), *_seen(answer))

    def _difference(self, answer: Answer, want: Value) -> str:
        names = _RESULTS.get(self.task, ("the result",))
        assert answer.value is not None
        for name, got, right in zip(names, answer.value, want, strict=True):
            words = answer.case.describe(answer.given)
            if got.shape != right.shape:
                return f"for {words}, {name} has shape {got.shape}; it must have {right.shape}"
            wrong = wrong_cells(got, right, answer.case.numbers)
            if wrong.any():
                index = tuple(int(k) for k in np.argwhere(wrong)[0])
                cell = f"{name.removeprefix('the ')}[{', '.join(map(str, index))}]"
                text = f"for {words}, {cell} is {got[index] + 0:.6g}, which is wrong"
                if self.options.reveal:
                    text += f": {right[index] + 0:.6g} is right"
                count = np.count_nonzero(wrong)
                return text + (f" ({count:,} of its {wrong.size:,} numbers are, this one first)" if count > 1 else "")
        return ""

    def _maps(self, answer: Answer) -> list[Map]:
        """For each array of right shape that differs: the first example and channel that do"""
        if answer.value is None:
            return []
        names, maps = _RESULTS.get(self.task, ("result",)), []
        for name, got, right in zip(names, answer.value, next(accepted(answer.case, answer.given)), strict=True):
            if got.shape != right.shape or not (wrong := wrong_cells(got, right, answer.case.numbers)).any():
                continue
            first = np.argwhere(wrong)[0]
            at = np.s_[:, :, first[2], first[3]] if name == "dW" else np.s_[first[0], :, :, first[3]]
            where = f"[:, :, {first[2]}, {first[3]}]" if name == "dW" else f"[{first[0]}, :, :, {first[3]}]"
            with np.errstate(all="ignore"):
                off = np.abs(got[at].astype(np.float64) - right[at]) * wrong[at]
            finite = np.isfinite(off)
            largest = max(float(off[finite].max(initial=0.0)), 1e-300)
            tenths = np.where(finite, np.ceil(10 * np.where(finite, off, 0) / largest), -1).astype(int)
            maps.append(Map(name + where, tenths.tolist()))
        return maps

    def _smallest(self, case: Case, answer: Answer, problem: Failed) -> tuple[Answer, Failed]:
        """The failing call made smaller, a size at a time, as long as it fails in the same way"""
        tries, again = 0, True
        until = time.monotonic() + self.options.seconds / 4
        while again and not self._problem:
            again = False
            for smaller in case.smaller():
                tries += 1
                ended = answer.value is None and self._started >= _RESTARTS
                if tries > _SMALLER or ended or time.monotonic() > until:
                    return answer, problem
                passed = len(self.passed)
                wrong = self._in_every_reading(smaller)
                del self.passed[passed:]  # a diagnosis is of the calls that checks ask for
                if wrong and _alike(answer, wrong[0][0]):
                    case, again, (answer, problem) = smaller, True, wrong[0]
                    break
        return answer, problem

    def _running(self) -> Guest:
        """The guest with the file loaded; a new one if the last one ended. Failed or Unknown if there is none."""
        if self._guest is not None:
            return self._guest
        if self._problem:
            raise Unknown(f"not tried: {self._problem}")
        if self._started > _RESTARTS:
            raise Unknown("not tried: the code ended its process too often")
        self._started += 1
        guest = self._stack.enter_context(self._open())
        try:
            answer, _ = guest.ask({"do": "load"}, seconds=self.options.seconds)
        except GuestError as error:
            self._stack.close()
            self._problem = f"the code {error}"
            raise Failed(f"when the file is loaded, the code {error}") from None
        if "raised" in answer:
            self._stack.close()
            raise Failed(f"the file does not load: {_exception(answer)}")
        if not answer.get("loaded"):
            self._stack.close()
            missing = answer.get("missing")
            names = ", ".join(map(str, missing if isinstance(missing, list) else [])) or "none at all"
            raise Failed(f"there must be a function {RULES[self.task].function}; the file has {names[:200]}")
        self._guest = guest
        return guest


def _exception(answer: dict[str, Any]) -> str:
    """Of which type, what it says, in which line"""
    raised = answer["raised"] if isinstance(answer["raised"], dict) else {}
    text = " ".join(str(raised.get("message", "")).split())[:300]
    line = raised.get("line")
    where = f" (line {line})" if isinstance(line, int) else ""
    return f"{str(raised.get('type', 'an exception'))[:80]}{': ' if text else ''}{text}{where}"


def _kind(result: dict[str, Any]) -> str:
    """A result of another kind, in words"""
    if "none" in result:
        return "None"
    if "array" in result:
        return "one array"
    for kind in ("tuple", "list"):
        if kind in result:
            return f"a {kind} of {len(result[kind])}"
    return f"a number, {result['number']:g}" if "number" in result else str(result.get("other", "nothing"))[:80]


def _real(array: Array) -> Array:
    """The array, if it is one of real numbers: the guest's job sends no others, but the code may have replaced it"""
    if array.dtype.kind not in "biuf":
        raise TypeError(f"an array of {array.dtype}")
    return array


def _alike(one: Answer, other: Answer) -> bool:
    """Did both calls give a value, or neither?"""
    return (one.value is None) == (other.value is None)


def _bounded(got: Array, rights: Value) -> Array:
    """The array; for one that is far too large an array of zeros that has its shape and takes no room"""
    if got.size <= _OTHER_SIZE * max(right.size for right in rights):
        return got
    return np.broadcast_to(got.dtype.type(0), got.shape)


def _distance(answer: Answer) -> int:
    """How far from right: 0 with the right shapes, 1 with others, 2 without a value"""
    if answer.value is None:
        return 2
    right = next(accepted(answer.case, answer.given))
    return int([array.shape for array in answer.value] != [array.shape for array in right])


def _seen(answer: Answer) -> tuple[str, str]:
    """The hint and the name of a mistake that shows in the arrays themselves: their order, their type; or nothing"""
    assert answer.value is not None
    if answer.case.numbers in ("integers", "whole") and any(array.dtype.kind in "biu" for array in answer.value):
        return HINTS["wrong_dtype"], "wrong_dtype"
    if len(answer.value) == 3:
        for right in accepted(answer.case, answer.given):
            for order in itertools.permutations(range(3)):
                if close(answer.value, tuple(right[k] for k in order), answer.case.numbers):
                    got = ", ".join(_RESULTS[CONV_BACKWARD][k] for k in order)
                    return f"the gradients come in another order: return dA_prev, dW, db, not {got}", "returns_order"
    return "", ""


def unchanged(bench: CourseBench, case: Case) -> None:
    """Failed if the call changes one of the arrays that it was given"""
    given = case.arrays(bench.options.seed)
    try:
        reply, found = bench.call(case, given, inputs=True)
    except Failed as failed:
        raise Unknown(str(failed)) from None
    start = reply.get("inputs")
    after = found[start:] if isinstance(start, int) else []
    if len(after) != len(given):
        raise Failed("the code sent something that is no result")
    for (name, before), now in zip(given.items(), after, strict=True):
        if now.shape != before.shape or not np.array_equal(now, before):
            hint = f"{name} is changed in place: work on a copy, or use x = x + y where it says x += y"
            raise Failed(f"for {case.describe(given)}, the call changes the caller's {name}", hint, "input_changed")


def larger(bench: CourseBench, case: Case) -> None:
    """The values of a larger call, and the time that it takes: told in the report, never a fault"""
    given = case.arrays(bench.options.seed)
    _, problem = bench.judge(case)
    if problem is not None:
        raise problem
    before = time.perf_counter()
    bench.call(case, given)
    bench.seconds = time.perf_counter() - before
