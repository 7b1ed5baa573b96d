"""Judge an answer: compare it with the accepted values, and say what is wrong with it."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.checker.checks import Failed
from convlens.checker.functions.answers import Answer, close
from convlens.checker.functions.cases import CONV_BACKWARD, Case
from convlens.checker.functions.describe import GRADIENTS, first_difference, kind_of
from convlens.checker.functions.expected import Value, accepted
from convlens.checker.functions.mistakes import HINTS

__all__ = ["NO_RESULT", "Wrong", "arrays_of", "distance", "judge"]

NO_RESULT = "the code sent something that is not a result"
# A result with more than 100 times the numbers of the right one is replaced by zeros that take no memory: answers are
# kept until the likely mistake is known, and a hostile file could fill the memory with large ones
_TOO_LARGE = 100


class Wrong(NamedTuple):
    """A wrong answer, and what is wrong with it, as the outcome of a check."""

    answer: Answer
    problem: Failed


def arrays_of(task: int, reply: dict[str, Any], found: list[Array]) -> Value:
    """Return the arrays of a result that `guest_side.course_file` encoded. Raise Failed if it is not arrays."""
    result = reply.get("result", {"other": "nothing"})
    try:
        if task == CONV_BACKWARD:
            parts = result.get("tuple", result.get("list"))
            if parts is None or len(parts) != 3 or not all("array" in part for part in parts):
                raise Failed(
                    f"the function must return three arrays, dA_prev, dW, db; it returns {kind_of(result)}",
                    "return dA_prev, dW, db",
                    "returns_missing",
                )
            return tuple(_real(found[part["array"]]) for part in parts)
        if "array" not in result:
            mistake = "returns_missing" if "none" in result else ""
            hint = "the function ends without returning a value" if "none" in result else ""
            raise Failed(f"the function must return an array; it returns {kind_of(result)}", hint, mistake)
        return (_real(found[result["array"]]),)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        raise Failed(NO_RESULT) from None


def _real(array: Array) -> Array:
    """Return the array. Raise TypeError unless its numbers are real: the submitted code may send anything."""
    if array.dtype.kind not in "biuf":
        raise TypeError(f"an array of {array.dtype}")
    return array


def judge(case: Case, given: dict[str, Array], value: Value, *, reveal: bool) -> tuple[Answer, Failed | None]:
    """Return the answer to a call, and what is wrong with it, None if it is right.

    reveal: whether a message may state the right number
    """
    rights = list(accepted(case, given))
    answer = Answer(case, given, tuple(_bounded(got, rights[0]) for got in value))
    if any(close(answer.value or (), want, case.numbers) for want in rights):
        return answer, None
    return answer, Failed(first_difference(answer, rights[0], reveal=reveal), *_visible_mistake(answer))


def _bounded(got: Array, right: Value) -> Array:
    """Return the array, or if it is much too large, zeros with its shape that take no memory."""
    if got.size <= _TOO_LARGE * max(array.size for array in right):
        return got
    return np.broadcast_to(got.dtype.type(0), got.shape)


def _visible_mistake(answer: Answer) -> tuple[str, str]:
    """Return the hint and the name of a mistake in the types or the order of the arrays, or ("", "")."""
    assert answer.value is not None
    if answer.case.numbers in ("integers", "whole") and any(array.dtype.kind in "biu" for array in answer.value):
        return HINTS["wrong_dtype"], "wrong_dtype"
    if len(answer.value) == 3:
        for right in accepted(answer.case, answer.given):
            for order in itertools.permutations(range(3)):
                if close(answer.value, tuple(right[k] for k in order), answer.case.numbers):
                    got = ", ".join(GRADIENTS[k] for k in order)
                    return (
                        f"the gradients are returned in the wrong order: return dA_prev, dW, db, not {got}",
                        "returns_order",
                    )
    return "", ""


def distance(answer: Answer) -> int:
    """Return how wrong an answer is: 0 with the right shapes, 1 with wrong shapes, 2 without a value."""
    if answer.value is None:
        return 2
    right = next(accepted(answer.case, answer.given))
    return int([array.shape for array in answer.value] != [array.shape for array in right])
