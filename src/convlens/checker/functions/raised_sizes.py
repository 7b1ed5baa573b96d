"""Whether an exception of a submission can come from the windows of a faulty program: the sizes in its text tell."""

from __future__ import annotations

import itertools
import re

from convlens.checker.functions.answers import Answer
from convlens.checker.functions.cases import POOL_BACKWARD, POOL_FORWARD

__all__ = ["fits", "sizes_of"]

Size = tuple[int, int]

_SHAPE = re.compile(r"\((\d+(?:, ?\d+)*),?\)")
_INDEX = re.compile(r"index -?\d+ is out of bounds for axis (\d+) with size (\d+)")
_RESHAPED = re.compile(r"cannot reshape array of size (\d+)")
_EMPTY = ("zero-size array", "empty sequence", "negative dimensions", "array of size 0 ")
_CHANNELS = 3  # the axis of the channels


def _shapes(text: str) -> list[tuple[int, ...]]:
    return [tuple(int(number) for number in found.split(",")) for found in _SHAPE.findall(text)]


def sizes_of(error: Exception) -> frozenset[Size]:
    """Return the sizes of the windows for which a faulty program raises an error, empty if it does not say them.

    They are the arguments after the text, or stand in NumPy's text about arrays (n, rows, columns, c).
    """
    named = [size for size in error.args[1:] if isinstance(size, tuple)]
    return frozenset(named or [(shape[1], shape[2]) for shape in _shapes(str(error)) if len(shape) == 4])


def fits(answer: Answer, sizes: frozenset[Size] | None) -> bool:
    """Return whether an IndexError or ValueError of pooling may come from windows of these sizes.

    An index must be too large for rows or columns. A text about shapes must have a wrong size in it. sizes: None if
    the number of windows is wrong, so that every shape may be
    """
    if answer.case.task not in (POOL_FORWARD, POOL_BACKWARD):
        return True
    if found := _INDEX.search(answer.text):
        lengths = {answer.case.size.h, answer.case.size.w, *answer.case.windows()}
        return int(found[1]) != _CHANNELS and (answer.case.task == POOL_FORWARD or int(found[2]) in lengths)
    if any(words in answer.text for words in _EMPTY):
        return True
    if sizes is None:
        return bool(_shapes(answer.text))
    wrong = sizes - {answer.case.kernel}
    if found := _RESHAPED.search(answer.text):
        n, c = answer.case.size.n, answer.case.size.ci
        return int(found[1]) in {rows * columns * times for rows, columns in wrong for times in (1, n, c, n * c)}
    shapes = [shape if len(shape) > 1 else (1, *shape) for shape in _shapes(answer.text)]
    return any(pair in wrong for shape in shapes for pair in itertools.pairwise(shape))
