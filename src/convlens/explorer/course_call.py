"""A call of a function of tasks 0 to 3, as the page asks for it, and what is wrong with its result."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.checker.checks import Failed
from convlens.checker.functions.answers import Answer, wrong_cells
from convlens.checker.functions.cases import CONV_BACKWARD, CONV_FORWARD, POOL_FORWARD, Case, Size
from convlens.checker.functions.describe import GRADIENTS, difference
from convlens.checker.functions.expected import Value, accepted
from convlens.checker.functions.judge import distance, judge
from convlens.explorer.packed import unpack

__all__ = ["Call", "first_wrong_cell", "in_words", "judged", "parse_call", "result_names"]

_NUMBERS = 500_000  # of all arrays of a call together
_PRODUCTS = 50_000_000  # of the whole operation: course files are loops in Python
_FIELDS = {"task", "arrays", "stride", "padding", "mode", "kernel", "activation"}
_ARRAYS = (("A_prev", "W", "b"), ("A_prev",), ("dZ", "A_prev", "W", "b"), ("dA", "A_prev"))  # by task, in order


class Call(NamedTuple):
    """The case of a call, in the reading "start" of padding "same", and its arrays by the course's names, in order."""

    case: Case
    given: dict[str, Array]


def parse_call(found: dict[str, Any]) -> Call:
    """Return the call that JSON data describe; ValueError if there is no such call, or if it is too large.

    task: 0 to 3. arrays: A_prev (n, h, w, ci), W (kh, kw, ci, co), b (1, 1, 1, co), dZ or dA (n, oh, ow, co). stride:
    [sh, sw]. padding: "same" (the course's rule) or "valid". mode: "max" or "avg". kernel: [kh, kw] of pooling.
    activation of task 0: "identity" or "relu".
    """
    if unknown := found.keys() - _FIELDS:
        raise ValueError(f"a call must have only {', '.join(sorted(_FIELDS))}; got {sorted(unknown)[0][:40]!r}")
    task = found.get("task")
    if type(task) is not int or not 0 <= task <= 3:
        raise ValueError("task must be 0, 1, 2 or 3")
    given = _arrays(task, found.get("arrays"))
    conv = task in (CONV_FORWARD, CONV_BACKWARD)
    n, h, w, ci = given["A_prev"].shape
    kh, kw, _, co = given["W"].shape if conv else (*_pair("kernel", found.get("kernel")), ci, ci)
    size = Size(n, h, w, ci, co, kh, kw, *_pair("stride", found.get("stride", [1, 1])))
    how = _one_of("padding", found, ("same", "valid")) if conv else _one_of("mode", found, ("max", "avg"))
    numbers = "float32" if any(array.dtype == np.float32 for array in given.values()) else "float64"
    activation = _one_of("activation", found, ("identity", "relu"))
    case = Case(task, size, how, numbers, activation if task == CONV_FORWARD else "identity")
    _check_shapes(case, given)
    return Call(case, given)


def _arrays(task: int, found: object) -> dict[str, Array]:
    names = _ARRAYS[task]
    if not isinstance(found, dict) or found.keys() != set(names):
        raise ValueError(f"arrays of task {task} must be {', '.join(names)}")
    given = {name: unpack(name, found[name], _NUMBERS) for name in names}
    for name, array in given.items():
        if name == "b" and array.ndim == 1:
            given["b"] = array = array.reshape(1, 1, 1, -1)
        if array.ndim != 4:
            raise ValueError(f"{name} must have 4 axes; got {array.shape}")
    if (total := sum(array.size for array in given.values())) > _NUMBERS:
        raise ValueError(f"the arrays of a call must have at most {_NUMBERS:,} numbers; got {total:,}")
    return given


def _check_shapes(case: Case, given: dict[str, Array]) -> None:
    """Raise ValueError unless the shapes fit each other, and the call is not too large."""
    size = case.size
    if "W" in given:
        if given["W"].shape[2] != size.ci:
            raise ValueError(f"W must have the {size.ci} channels of A_prev; got {given['W'].shape}")
        if given["b"].shape != (1, 1, 1, size.co):
            raise ValueError(f"b must be (1, 1, 1, {size.co}), as W has {size.co} filters; got {given['b'].shape}")
    if max(size.sh, size.sw, size.kh, size.kw) > _NUMBERS or not case.possible():
        raise ValueError(f"the window {case.kernel} must fit into the image {(size.h, size.w)}")
    windows = {each.windows() for each in case.readings()}
    for name in given.keys() & {"dZ", "dA"}:
        wanted = {(size.n, *each, size.co) for each in windows}
        if given[name].shape not in wanted:
            raise ValueError(f"{name} must be {' or '.join(map(str, sorted(wanted)))}; got {given[name].shape}")
    oh, ow = max(windows)
    products = size.n * oh * ow * size.kh * size.kw * size.ci * (size.co if "W" in given else 1)
    if products > _PRODUCTS:
        raise ValueError(f"a call must have at most {_PRODUCTS:,} products; got {products:,}")


def _pair(name: str, found: object) -> tuple[int, int]:
    if not isinstance(found, list) or len(found) != 2 or not all(type(k) is int and 1 <= k <= 1000 for k in found):
        raise ValueError(f"{name} must be two integers from 1 to 1000, for rows and columns")
    return found[0], found[1]


def _one_of(name: str, found: dict[str, Any], allowed: tuple[str, ...]) -> str:
    value = found.get(name, allowed[0])
    if value not in allowed:
        raise ValueError(f"{name} must be {' or '.join(allowed)}")
    return str(value)


def judged(call: Call, value: Value) -> tuple[Answer, Failed | None]:
    """Return the answer in the reading that fits it best, and what is wrong with it, None if it is right.

    The task leaves open where an odd number of zeros goes: each reading of padding "same" is right.
    """
    answers = [judge(case, call.given, value, reveal=True) for case in call.case.readings()]
    right = next((answer for answer in answers if answer[1] is None), None)
    return right or min(answers, key=lambda one: distance(one[0]))


def result_names(case: Case) -> tuple[str, ...]:
    """Return the course's names of what the function returns."""
    if case.task == CONV_BACKWARD:
        return GRADIENTS
    return ("A",) if case.task in (CONV_FORWARD, POOL_FORWARD) else ("dA_prev",)


def in_words(answer: Answer) -> str:
    """Return words about the first array that differs from the right one, with the right number."""
    return difference(answer, next(accepted(answer.case, answer.given)), reveal=True)


def first_wrong_cell(answer: Answer) -> dict[str, Any] | None:
    """Return the first wrong cell, {"array", "at"}, or None if no array has the right shape and a wrong number."""
    names = result_names(answer.case)
    for name, got, right in zip(names, answer.value or (), next(accepted(answer.case, answer.given)), strict=False):
        if got.shape == right.shape and (wrong := wrong_cells(got, right, answer.case.numbers)).any():
            return {"array": name, "at": [int(k) for k in np.argwhere(wrong)[0]]}
    return None
