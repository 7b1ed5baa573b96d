"""Find the likely mistakes: programs that return what the submission returns in all calls, the right ones too.

A mistake is named only if nothing contradicts it: a program with this mistake returns the submission's value, or raises
where it raises, in every call. If no mistake explains all calls, two mistakes may do so together. If no two do, each
gradient of conv_backward is looked at alone. If that fails too, nothing is named: a wrong hint costs a student more
time than no hint.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from convlens.arrays import Array
from convlens.checker.functions.answers import SIZE_ERRORS, Answer, close
from convlens.checker.functions.cases import CONV_BACKWARD, CONV_FORWARD, Case, odd
from convlens.checker.functions.describe import GRADIENTS
from convlens.checker.functions.expected import Value
from convlens.checker.functions.faulty import run_faulty
from convlens.checker.functions.faulty_windows import Faults
from convlens.checker.functions.mistake import Mistake
from convlens.checker.functions.mistakes import MISTAKES
from convlens.checker.functions.raised_sizes import fits, sizes_of

__all__ = ["Diagnosis"]

_NAN = 1e9
_RIGHT: Faults = frozenset()
_VAGUE = 2  # an exception that a program does not raise, though its result has another shape
_MOST_FIRST = 3  # mistakes with which each other one is tried
_MOST_PROGRAMS = 8000  # runs of faulty programs before the search for two mistakes ends: about a second

Call = Sequence[Answer]  # a call with the answer for each reading that was tried
Programs = tuple[Faults, ...]


class Diagnosis:
    """The diagnosis of one file, from all calls of its function: the right answers, and the wrong ones by check.

    A wrong call has an answer for each reading (see `cases.READINGS`). A program explains the call if it explains one
    of these answers.
    """

    def __init__(self, passed: Sequence[Answer], failed: Mapping[str, Sequence[Call]]) -> None:
        """passed: the right answers; failed: for each failed check its calls, each with an answer per reading."""
        found = {name: [call for call in calls if _countable(call[0])] for name, calls in failed.items()}
        self._failed = {name: calls for name, calls in found.items() if calls}
        # Calls that refute most programs come first: wrong values, then exceptions, then right values
        wrong = sorted((call for calls in self._failed.values() for call in calls), key=_order)
        self._calls: list[Call] = [*wrong, *sorted(([answer] for answer in passed), key=_order)]
        self._wrong = len(wrong)
        # The value that a faulty program returns, or the name of the exception that it raises
        self._known: dict[tuple[int, Faults, str], Value | str] = {}
        self._sizes: dict[tuple[int, Faults, str], frozenset[tuple[int, int]]] = {}
        self._same: dict[tuple[int, Faults, str, int], bool] = {}  # the last number is an array's place in the value

    def likely(self) -> dict[str, Mistake]:
        """Return for each failed check the mistake that explains its calls; {} if nothing explains all calls."""
        if not self._wrong or self._raise_alike(self._calls):
            return {}
        found = self._one()
        if found is not None:
            return dict.fromkeys(self._failed, found)
        if self._raise_alike(self._calls[: self._wrong]):
            return {}
        return self._two() or self._by_array() or self._by_mode()

    def _raise_alike(self, calls: Sequence[Call]) -> bool:
        """Return whether all these calls raise an exception of one type in one line. Then the cause is in this line."""
        return len({(call[0].raised, call[0].line) for call in calls}) == 1 and bool(calls[0][0].raised)

    def _variants(self) -> Iterator[tuple[Mistake, Faults]]:
        task = self._calls[0][0].case.task
        for mistake in MISTAKES:
            if task in mistake.tasks:
                yield from ((mistake, faults) for faults in mistake.variants)

    def _one(self) -> Mistake | None:
        """Return the mistake that explains all calls, None if there is none.

        If several do, one whose program raises the submission's exceptions comes before one whose result only has
        another shape there, and then the first one of the table. One that only explains such exceptions is not named,
        nor one that raises another exception than all wrong calls do in one line.
        """
        most = 1 if self._raise_alike(self._calls[: self._wrong]) else _VAGUE * self._wrong
        best: tuple[int, int, Mistake] | None = None
        for mistake, faults in self._variants():
            vague = self._explain((faults,), self._calls, mistake)
            if vague is not None and vague < most:
                others = self._other_readings(faults, mistake)
                if best is None or (vague, others) < best[:2]:
                    best = vague, others, mistake
        return best[2] if best else None

    def _other_readings(self, faults: Faults, mistake: Mistake) -> int:
        """Return how many answers to wrong calls of conv_backward are not explained: its readings are calls, too."""
        answers = [answer for call in self._calls[: self._wrong] if len(call) > 1 for answer in call]
        if not answers or answers[0].case.task == CONV_FORWARD:
            return 0
        return sum(self._explain((faults,), [[answer]], mistake) is None for answer in answers)

    def _two(self) -> dict[str, Mistake]:
        """Return for each failed check one of two mistakes that together explain all calls, {} if no two do.

        The first one alone explains all calls of a check, some of them values, and all right calls. If several
        mistakes explain the rest equally well, and the rest only raises, the lines that raise are named in their place.
        """
        right = self._calls[self._wrong :]
        valued = {
            name: calls for name, calls in self._failed.items() if any(call[0].value is not None for call in calls)
        }
        first: dict[tuple[str, ...], tuple[Mistake, Faults, list[str]]] = {}
        for mistake, faults in self._variants():
            # Few programs explain a check, and most explain the right calls with the other padding or mode
            if not any(self._explains((faults,), calls, mistake) for calls in valued.values()):
                continue
            if self._explains((faults,), right, mistake):
                checks = [name for name, calls in self._failed.items() if self._explains((faults,), calls, mistake)]
                first.setdefault((mistake.name, *checks), (mistake, faults, checks))
        for one, faults, checks in sorted(first.values(), key=lambda found: -len(found[2]))[:_MOST_FIRST]:
            # The calls that this mistake does not explain come first, since they refute most others
            calls = sorted(self._calls, key=lambda call: self._explain((faults,), [call], one) is not None)
            best: list[Mistake] = []
            least = _VAGUE * self._wrong
            for other, more in self._variants():
                if other.name == one.name or len(self._known) > _MOST_PROGRAMS:
                    continue
                vague = self._explain((faults, more, faults | more), calls, one, other)
                if vague is not None and vague <= least:
                    best = [*best, other] if vague == least else [other]
                    least = vague
            if best:
                rest = [name for name in self._failed if name not in checks]
                values = any(call[0].value is not None for name in rest for call in self._failed[name])
                named = values or len({other.name for other in best}) == 1
                return dict.fromkeys(checks, one) | (dict.fromkeys(rest, best[0]) if named else {})
        return {}

    def _by_array(self) -> dict[str, Mistake]:
        """Return for each failed check of conv_backward the mistake in the first of its wrong arrays that has one.

        The three gradients are computed one beside the other. A mistake is in an array if it explains this array in all
        calls that return a value.
        """
        calls = [call for call in self._calls if call[0].value is not None]
        found: dict[str, Mistake] = {}
        for at in range(len(GRADIENTS)) if self._calls[0][0].case.task == CONV_BACKWARD else ():
            wrong = {
                name: [call for call in of_check if call[0].value and not self._left((), call[0], {}, at)]
                for name, of_check in self._failed.items()
            }
            for mistake, faults in self._variants() if any(wrong.values()) else ():
                if self._explain((faults,), calls, mistake, only=at) is not None:
                    found = {name: mistake for name, of_check in wrong.items() if of_check} | found
                    break
        return found

    def _by_mode(self) -> dict[str, Mistake]:
        """Return for each failed check of pooling the mistake that explains all calls with one mode exactly."""
        found: dict[str, Mistake] = {}
        for how in ("max", "avg"):
            calls = [call for call in self._calls if call[0].case.how == how]
            alike = {name: of for name, of in self._failed.items() if {call[0].case.how for call in of} == {how}}
            for mistake, faults in self._variants() if any(of[0][0].value for of in alike.values()) else ():
                if self._explain((faults,), calls, mistake) == 0:
                    found |= dict.fromkeys(alike, mistake)
                    break
        return found

    def _explains(self, programs: Programs, calls: Sequence[Call], *mistakes: Mistake) -> bool:
        """Return whether these programs explain all calls, and at least one of them not vaguely."""
        vague = self._explain(programs, calls, *mistakes)
        return vague is not None and vague < max(1, _VAGUE * len(calls))

    def _explain(
        self, programs: Programs, calls: Sequence[Call], *mistakes: Mistake, only: int | None = None
    ) -> int | None:
        """Return how vaguely these programs explain all calls, 0 for exactly, None if they do not explain all.

        A value is explained if each array follows one program in all calls with one padding or mode, or is right there.
        An exception is explained if a program raises it. It is vaguely explained if a program raises another one, or
        if its result has another shape, because the exception may come from this shape. only: one array to explain
        """
        choices: dict[tuple[str, int], set[int]] = {}
        raised: dict[str, int] = {}
        for call in calls:
            how = call[0].case.how
            if call[0].value is None:
                found = min(self._raises(programs, answer, mistakes) for answer in call)
                if found > _VAGUE:
                    return None
                raised[how] = raised.get(how, 0) + found
                continue
            left = next(
                (left for answer in call if answer.value and (left := self._left(programs, answer, choices, only))), {}
            )
            choices |= left
            # What raises in one call is at work in the other calls with this padding or mode, too
            if not left or (how in raised and all(one == {0} for one in left.values())):
                return None
        # Without a value to compare, only the same exception is evidence
        values = {how for how, _ in choices}
        if len(calls) == len(self._calls) and any(vague and how not in values for how, vague in raised.items()):
            return None
        return sum(raised.values())

    def _left(
        self,
        programs: Programs,
        answer: Answer,
        choices: Mapping[tuple[str, int], set[int]],
        only: int | None = None,
    ) -> dict[tuple[str, int], set[int]]:
        """Return for each array the programs that can still be the submission's, {} if an array has none left."""
        assert answer.value is not None
        tried = (_RIGHT, *programs)
        arrays = range(len(answer.value)) if only is None else (only,)
        found: dict[tuple[str, int], set[int]] = {}
        for case in _readings(answer, programs):
            left: dict[tuple[str, int], set[int]] = {}
            for at in arrays:
                key = case.how, at
                may = choices.get(key, range(len(tried)))
                left[key] = {k for k in may if self._follows(tried[k], answer, case.reading, at)}
                if not left[key]:
                    break
            if all(left.values()):
                found = {key: found.get(key, set()) | programs_left for key, programs_left in left.items()}
                if any(programs_left != {0} for programs_left in found.values()):
                    break
        return found

    def _raises(self, programs: Programs, answer: Answer, mistakes: Sequence[Mistake]) -> int:
        """Return 0 if one of the programs raises this exception, up to _VAGUE if one explains it, more if none does.

        A program without slices raises where a slice is only shorter: the fault "strict".
        """
        if answer.raised not in SIZE_ERRORS:
            return _VAGUE + 1
        least = _VAGUE + 1
        right = self._program(_RIGHT, answer)
        for faults in programs:
            wrong = self._program(faults, answer)
            strict = wrong if wrong == answer.raised else self._program(faults | {"strict"}, answer)
            if isinstance(wrong, str) or isinstance(strict, str):
                if not fits(answer, self._sizes_of(answer, faults, faults | {"strict"})):
                    continue
                if answer.raised in (wrong, strict):
                    return 0
                least = min(least, 1 if not any(mistake.only_index_error for mistake in mistakes) else least)
            elif [array.shape for array in strict] != [array.shape for array in right if not isinstance(array, str)]:
                least = min(least, _VAGUE if fits(answer, None) else least)
        return least

    def _program(self, faults: Faults, answer: Answer, reading: str = "") -> Value | str:
        """Return the value of a program with these faults, or the name of its exception. Each is computed once."""
        reading = reading or answer.case.reading
        key = id(answer), faults, reading
        if key not in self._known:
            try:
                self._known[key] = run_faulty(replace(answer.case, reading=reading), answer.given, faults)
            except (ValueError, IndexError) as error:
                self._known[key], self._sizes[key] = type(error).__name__, sizes_of(error)
        return self._known[key]

    def _follows(self, faults: Faults, answer: Answer, reading: str, at: int) -> bool:
        """Return whether an answer's array `at` is that of a program with these faults. Each is compared once."""
        key = id(answer), faults, reading, at
        if key not in self._same:
            got, value = answer.value, self._program(faults, answer, reading)
            self._same[key] = (
                got is not None
                and not isinstance(value, str)
                and close((_finite(got[at]),), (_finite(value[at]),), answer.case.numbers)
            )
        return self._same[key]

    def _sizes_of(self, answer: Answer, *programs: Faults) -> frozenset[tuple[int, int]]:
        """Return the sizes of windows for which these programs raise exceptions in a call, see `raised_sizes`."""
        keys = ((id(answer), faults, answer.case.reading) for faults in programs)
        return frozenset().union(*(self._sizes.get(key, ()) for key in keys))


def _countable(answer: Answer) -> bool:
    """Return whether programs can explain an answer: arrays, or an exception that comes from sizes.

    An integer result has a cause of its own, which `judge` names.
    """
    if answer.value is None:
        return answer.raised in SIZE_ERRORS
    return answer.case.numbers not in ("integers", "whole") or all(one.dtype.kind == "f" for one in answer.value)


def _order(call: Call) -> tuple[bool, bool, int]:
    return call[0].value is None, odd(call[0].case), call[0].case.weight()


def _readings(answer: Answer, programs: Programs) -> Iterator[Case]:
    """Yield the readings in which programs are tried.

    In conv_backward the zeros after the image matter only if they are not cut off rightly.
    """
    crops = any(faults & {"not_cropped", "crop_zero", "cropped_from_corner"} for faults in programs)
    return itertools.islice(answer.case.readings(), None if crops or answer.case.task == CONV_FORWARD else 2)


def _finite(array: Array) -> Array:
    """Return the array with numbers in place of NaN and infinities, which a program may share with a submission."""
    return array if np.isfinite(array).all() else np.nan_to_num(array.astype(np.float64), nan=_NAN)
