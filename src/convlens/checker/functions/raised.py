"""The cause behind an exception: the line that raises it, and what this line does, as far as the exception says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from convlens.checker.functions.answers import Answer

__all__ = ["Cause", "cause_of", "what_it_does"]


class Cause(NamedTuple):
    """What an exception says. name: the type and the line; hint: a sentence for the student."""

    name: str
    hint: str


Texts = tuple[tuple[str, str], ...]

_SHAPE = r"(\([0-9, ]*\))"
_EMPTY = r"(\((?:[0-9]+, ?)*0,[0-9, ]*\))"
_NAME = r"'([\w.]+)'"
# The texts of exceptions, in the releases of NumPy and Python that count and in today's
_TEXTS = (
    (
        rf"could not broadcast input array from shape {_EMPTY} into shape {_SHAPE}",
        "writes an empty array {0} into cells {1}: the slice that cut it out is empty, as ph:-ph is if ph is 0",
    ),
    (rf"could not broadcast input array from shape {_SHAPE} into shape {_SHAPE}", "writes an array {0} into cells {1}"),
    (
        rf"operands could not be broadcast together with shapes {_SHAPE} {_EMPTY}",
        "combines arrays {0} and {1}: the slice that cut the second one out is empty, as ph:-ph is if ph is 0",
    ),
    (
        rf"non-broadcastable output operand with shape {_SHAPE} doesn't match the broadcast shape {_SHAPE}",
        "adds an array {1} to a slice {0}: the slice does not have the size of a window",
    ),
    (
        rf"operands could not be broadcast together with shapes {_SHAPE} {_SHAPE}",
        "combines arrays {0} and {1}, whose shapes do not fit",
    ),
    (
        r"index (-?\d+) is out of bounds for axis (\d+) with size (\d+)",
        "uses index {0} of axis {1}, which has only {2} entries",
    ),
    (
        r"cannot reshape array of size (\d+) into shape (\([0-9, ]*\))",
        "turns an array of {0} numbers into the shape {1}",
    ),
    (
        r"shapes \(([0-9, ]*)\) and \(([0-9, ]*)\) not aligned",
        "multiplies arrays ({0}) and ({1}), whose sizes do not fit",
    ),
    (r"only (?:0-dimensional|length-1|size-1) arrays can be converted", "puts an array into a cell for one number"),
    (r"setting an array element with a sequence", "puts an array into a cell for one number"),
    (r"zero-size array to reduction operation", "takes the maximum of an empty window"),
    (r"too many indices for array: array is (\d+)-dimensional, but (\d+)", "uses {1} indices for an array of {0} axes"),
    (r"(?:too many|not enough) values to unpack", "unpacks a tuple into another number of names than it has entries"),
    (rf"name {_NAME} is not defined", "uses {0}, which has no value there: it is not an argument, nor set before"),
    (rf"local variable {_NAME} (?:referenced|where)", "uses {0} before it gets a value in this call"),
    (rf"variable {_NAME} where it is not associated", "uses {0} before it gets a value in this call"),
    (rf"got an unexpected keyword argument {_NAME}", "has no argument {0}: the signature must be the course's"),
    (rf"missing \d+ required positional arguments?: {_NAME}", "needs {0}, which the course's call does not give"),
    (rf"got multiple values for argument {_NAME}", "gets {0} twice: the arguments must be in the course's order"),
    (r"takes .*positional arguments? but \d+ were given", "takes fewer arguments than the course's call has"),
    (rf"module {_NAME} has no attribute {_NAME}", "uses {0}.{1}, which does not exist"),
    (rf"{_NAME} object has no attribute {_NAME}", "uses .{1} on a value of type {0}, which has no such attribute"),
    (r"Cannot cast ufunc", "adds decimals to an array of integers: create it as an array of floats"),
    (r"(?:division|modulo) by zero", "divides by zero"),
    (r"slice step cannot be zero", "cuts a slice start:end:step with the step 0"),
    (r"axis (\d+) is out of bounds for array of dimension (\d+)", "uses axis {0} of an array of {1} axes, from 0 on"),
    (rf"{_NAME} object cannot be interpreted as an integer", "uses a value of type {0} in place of a whole number"),
)
# The same about a call of another function: a text that names it
_CALLS = (
    (r"(\w+)\(\) got an unexpected keyword argument '(\w+)'", "gives {0}() the argument {1}, which it does not have"),
    (r"(\w+)\(\) missing \d+ required positional arguments?: (.*)", "calls {0}() without the argument {1}"),
    (r"(\w+)\(\) got multiple values for argument '(\w+)'", "gives {0}() the argument {1} twice"),
    (r"(\w+)\(\) takes (.*) positional arguments? but (\d+) ", "gives {0}() {2} arguments, but it takes {1}"),
)


def cause_of(calls: Sequence[Sequence[Answer]]) -> Cause | None:
    """Return the cause if all calls of a check raise: the line of the smallest one. None if one returns a value."""
    answers = [call[0] for call in calls]
    if not all(answer.raised for answer in answers):
        return None
    first = min(answers, key=lambda answer: answer.case.weight())
    if first.line is None:  # Python refuses the call before the first line of the function
        return Cause(f"{first.raised} in the call", f"the function {what_it_does(first.raised, first.text)}")
    does = what_it_does(first.raised, first.text, (*_CALLS, *_TEXTS))
    return Cause(f"{first.raised} in line {first.line}", f"line {first.line} {does}")


def what_it_does(kind: str, text: str, texts: Texts = _TEXTS) -> str:
    """Return what a line does that raises this exception, in words that follow "line 7".

    texts: patterns with words. Those about calls describe the course's call of the function, unless others come first
    """
    for pattern, words in texts:
        if found := re.search(pattern, text):
            return words.format(*found.groups())
    return f"raises {kind}{': ' if text else ''}{text[:100]}"
