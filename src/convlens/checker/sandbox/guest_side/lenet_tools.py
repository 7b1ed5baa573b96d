"""What both tasks of the LeNets need in a guest: the description of an exception, of a shape and of a name."""

from __future__ import annotations

import difflib
import re
import traceback
import types
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = list[NDArray[Any]]
Reply = tuple[dict[str, Any], Arrays]
Handler = Callable[[dict[str, Any], Arrays], Reply]
Describe = Callable[[BaseException], dict[str, Any]]  # returns an exception as JSON values

IMAGE, CLASSES = (28, 28, 1), 10
LONGEST = 400  # characters of an exception's text


def describe(error: BaseException, name: str, source: bytes) -> dict[str, Any]:
    """Return an exception's type and text, shortened, and the innermost statement of the file in its traceback."""
    line = last = 0
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == name:
            line, last = frame.lineno or 0, getattr(frame, "end_lineno", None) or frame.lineno or 0
    if isinstance(error, SyntaxError) and error.filename == name:
        line = last = error.lineno or 0
    text = source.decode("utf-8", "replace").splitlines()
    code = "\n".join(part.strip() for part in text[max(line - 1, 0) : last])[:LONGEST]
    message = plain(str(error))[:LONGEST] + _meant(error)
    return {"type": type(error).__name__, "message": message, "line": line, "code": code}


def _meant(error: BaseException) -> str:
    """Return the name that was probably meant in an error about an unknown attribute of a module, as a question."""
    module, name = getattr(error, "obj", None), getattr(error, "name", None)
    if not isinstance(error, AttributeError) or not isinstance(module, types.ModuleType) or not isinstance(name, str):
        return ""
    try:
        known = {other.lower(): other for other in dir(module)}
    except Exception:  # a module that is loaded only now may fail
        return ""
    near = difflib.get_close_matches(name.lower(), known, 1)
    return f"; did you mean {known[near[0]]}?" if near else ""


def plain(text: str) -> str:
    """Return the text of an error without TensorFlow's additions: where a node was created, and the node.

    The result is only shown. A text of another form is returned unchanged.

    >>> plain("too long for '{{node add}} = Add[T=DT_FLOAT](x, y)' with shapes 2, 3 [[{{node add}}]]")
    'too long with shapes 2, 3'
    """
    text = text.partition("\n\nOriginal stack trace")[0]
    around = re.compile(r'Graph execution error:|Detected at node|\s+File "|Node: |<stack traces unavailable>')
    lines = text.splitlines()
    if lines and lines[0].startswith("Graph execution error"):
        text = "\n".join(line for line in lines if not around.match(line))
    text = re.sub(r"\s*\[\[\{\{node.*", "", text, flags=re.DOTALL)
    return re.sub(r"\.? for '\{\{node [^']*'", "", text).strip()


def each(calls: dict[str, Callable[[], Any]], describe: Describe) -> Reply:
    """Return the array of each call, or the exception that the call raises."""
    names, found, errors = [], [], {}
    for name, call in calls.items():
        try:
            found.append(np.asarray(call()))
            names.append(name)
        except BaseException as error:
            errors[name] = describe(error)
    return {"names": names, "errors": errors}, found


def sizes(shape: Any) -> list[int | None] | None:
    """Return a shape as JSON values, with None for an unknown size or an unknown shape."""
    try:
        return [None if size is None else int(size) for size in tuple(shape)]
    except (TypeError, ValueError):
        return None


def name_of(value: Any) -> str:
    """Return the name of a function or of an object's type, "" for None."""
    if value is None:
        return ""
    return str(value if isinstance(value, str) else getattr(value, "__name__", type(value).__name__))[:100]
