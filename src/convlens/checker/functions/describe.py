"""Describe a call: its arguments, its exception or result, its first wrong number, and maps of its errors."""

from __future__ import annotations

from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.checker.functions.answers import Answer, wrong_cells
from convlens.checker.functions.cases import CONV_BACKWARD, CONV_FORWARD, Case
from convlens.checker.functions.expected import Value, accepted
from convlens.checker.verdict import ErrorMap, error_map
from convlens.gradcheck import GradientError

__all__ = [
    "GRADIENTS",
    "LONGEST",
    "LONGEST_TYPE",
    "call_in_words",
    "difference",
    "error_maps",
    "exception_in_words",
    "first_difference",
    "gradient_error",
    "kind_of",
    "raised_parts",
    "sentence",
]

GRADIENTS = ("dA_prev", "dW", "db")  # what conv_backward returns
LONGEST = 120  # characters of a sentence about a call, so that it fits on a line
# Characters of the submission's own text in a message, so that the message fits on a screen
LONGEST_TYPE, _LONGEST_TEXT = 80, 300


def call_in_words(case: Case, given: dict[str, Array]) -> str:
    """Return the arguments of a call in words: the shapes, and each option that differs from its default.

    A bias of zeros is left out, and so is b in conv_backward, whose value does not matter there.
    """
    words = [f"{name} {array.shape}" for name, array in given.items() if name != "b" or _counts(case, array)]
    if case.task not in (CONV_FORWARD, CONV_BACKWARD):
        words.append(f"kernel_shape {case.kernel}")
    if case.defaults:
        return ", ".join([*words, "no other arguments"])
    if case.stride != (1, 1):
        words.append(f"stride {case.stride}")
    if case.how not in ("same", "max"):
        words.append(f"{'padding' if case.how == 'valid' else 'mode'} {case.how!r}")
    return ", ".join(words)


def _counts(case: Case, bias: Array) -> bool:
    return case.task == CONV_FORWARD and bool(bias.any())


def sentence(case: Case, given: dict[str, Array], said: str) -> str:
    """Return a sentence about a call: its arguments, then what is wrong, with at most LONGEST characters if possible.

    If the sentence is longer, the gradient that was passed in is left out, because its shape follows from the others,
    and then the end of `said`.
    """
    text = f"{call_in_words(case, given)}: {said}"
    if len(text) > LONGEST and len(given) > 1:
        text = f"{call_in_words(case, {name: given[name] for name in given if name not in ('dZ', 'dA')})}: {said}"
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"


def exception_in_words(answer: dict[str, Any]) -> str:
    """Return the type, the text and the line of the exception in a guest's answer."""
    kind, text, line = raised_parts(answer)
    where = f" (line {line})" if line is not None else ""
    return f"{kind or 'an exception'}{': ' if text else ''}{text}{where}"


def raised_parts(answer: dict[str, Any]) -> tuple[str, str, int | None]:
    """Return the type, the text and the line of the exception in a guest's answer, which may be anything."""
    raised = answer["raised"] if isinstance(answer["raised"], dict) else {}
    line = raised.get("line")
    text = " ".join(str(raised.get("message", "")).split())[:_LONGEST_TEXT]
    return str(raised.get("type", ""))[:LONGEST_TYPE], text, line if isinstance(line, int) else None


def kind_of(result: dict[str, Any]) -> str:
    """Return words for the kind of a result that should have been arrays."""
    if "none" in result:
        return "None"
    if "array" in result:
        return "one array"
    for kind in ("tuple", "list"):
        if kind in result:
            return f"a {kind} of {len(result[kind])}"
    return (
        f"a number, {result['number']:g}" if "number" in result else str(result.get("other", "nothing"))[:LONGEST_TYPE]
    )


def first_difference(answer: Answer, want: Value, *, reveal: bool) -> str:
    """Return a sentence about the call and its `difference`, "" if there is none."""
    said = difference(answer, want, reveal=reveal)
    return sentence(answer.case, answer.given, said) if said else ""


def difference(answer: Answer, want: Value, *, reveal: bool) -> str:
    """Return words about the first array that differs: its shape, or its first wrong number; "" if none differs.

    reveal: whether the words may state the right number
    """
    assert answer.value is not None
    names = GRADIENTS if answer.case.task == CONV_BACKWARD else ("the result",)
    for name, got, right in zip(names, answer.value, want, strict=True):
        if got.shape != right.shape:
            return f"{name} is {got.shape}; it must be {right.shape}"
        wrong = wrong_cells(got, right, answer.case.numbers)
        if wrong.any():
            index = tuple(int(k) for k in np.argwhere(wrong)[0])
            cell = f"{name.removeprefix('the ')}[{', '.join(map(str, index))}]"
            text = f"{cell} is {got[index] + 0:.6g}, which is wrong"
            if reveal:
                text += f": {right[index] + 0:.6g} is right"
            return text
    return ""


def error_maps(answer: Answer) -> list[ErrorMap]:
    """Return a map for each array with wrong numbers in the right shape, of the first wrong example and channel."""
    if answer.value is None:
        return []
    names, maps = GRADIENTS if answer.case.task == CONV_BACKWARD else ("result",), []
    for name, got, right in zip(names, answer.value, next(accepted(answer.case, answer.given)), strict=True):
        if got.shape != right.shape or not (wrong := wrong_cells(got, right, answer.case.numbers)).any():
            continue
        first = np.argwhere(wrong)[0]
        at = np.s_[:, :, first[2], first[3]] if name == "dW" else np.s_[first[0], :, :, first[3]]
        where = f"[:, :, {first[2]}, {first[3]}]" if name == "dW" else f"[{first[0]}, :, :, {first[3]}]"
        with np.errstate(all="ignore"):
            off = np.abs(got[at].astype(np.float64) - right[at])
        maps.append(error_map(name + where, off, wrong[at]))
    return maps


def gradient_error(error: GradientError, *, reveal: bool) -> str:
    """Return a sentence about a gradient that finite differences contradict, with the task's names for the arrays.

    reveal: whether the sentence may state the slopes, one of which is right
    """
    name = ("A_prev", "W", "b")[error.argument or 0]
    if error.rule == "shape":
        return f"d{name} must have the shape of {name}, {error.wanted}; got {error.got}"
    if error.rule == "finite":
        return f"d{name} must be finite; got {error.got} NaN or infinite numbers"
    if not reveal:
        return f"d{name} is wrong, as finite differences show"
    slopes = f"along a random direction it gives {error.got:.9g}, finite differences give {error.wanted:.9g}"
    return f"d{name} is wrong: {slopes}"
