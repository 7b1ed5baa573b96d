"""Checks of one's own: a teacher's Python file with functions like the checks of this package.

    import numpy as np
    from convlens.checker.own_checks import Failed, check

    @check(0, 2, part="form")
    def few_lines(file):
        "The file has at most 60 lines."
        if (lines := file.text.count("\\n")) > 60:
            raise Failed(f"it has {lines}")

    @check(1)
    def one_window(function):
        "A window as large as the image gives its largest number."
        got = function(np.arange(4.0).reshape(1, 2, 2, 1), (2, 2))
        np.testing.assert_allclose(got, [[[[3.0]]]])

The teacher's file is trusted: it runs outside of the sandbox. `function` calls the student's function in the sandbox.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import inspect
import io
import sys
import tokenize
import traceback
import types
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

import numpy as np

from convlens.arrays import Array
from convlens.checker.checks import Advice, Check, Checks, Failed, Unknown
from convlens.checker.guest import Guest, GuestError
from convlens.checker.submission import SUMMARY, TASKS, File
from convlens.checker.verdict import CODE, FORM, PARTS, Finding, Part

__all__ = [
    "Activation",
    "Advice",
    "Failed",
    "FileOfStudent",
    "FunctionOfStudent",
    "OwnChecks",
    "Unknown",
    "check",
    "load",
]

OpenGuest = Callable[[], AbstractContextManager[Guest]]
F = TypeVar("F", bound=Callable[..., None])

_FUNCTIONS = range(4)  # the tasks whose function a check can call
_SUBJECTS = ("file", "function")
_ENCODINGS = ("utf-8", "utf-8-sig", "ascii", "iso-8859-1", "iso-8859-15", "cp1252")
_TAKEN = ("exists", "readable", "parses", "loads", "builds", "graded")  # they decide whether there is code at all
_MODULE = "convlens_own_checks"
_loading: list[tuple[Callable[..., None], tuple[int, ...], Part | None]] = []  # the checks of the file that is loaded


class Activation(Enum):
    """Functions that can be given to a student's `conv_forward` as its activation."""

    IDENTITY = "identity"
    RELU = "relu"


def check(*tasks: int, part: Part | None = None) -> Callable[[F], F]:
    """Return a decorator that makes a function a check of these tasks.

    The function has a docstring, the sentence that a student reads, and the argument `file`, `function` or both. It
    raises Failed, or an AssertionError, if the rule is broken. part: "code" or "form", the verdict for which the check
    counts; form for the summary, else code, if it is not given. Raise ValueError for anything else.
    """

    if not tasks or not all(isinstance(task, int) and 0 <= task < len(TASKS) for task in tasks):
        raise ValueError(f"@check must name tasks from 0 to {len(TASKS) - 1}, such as @check(0)")

    def adding(function: F) -> F:
        name = function.__name__
        if part is not None and part not in PARTS:
            raise ValueError(f"the part of a check must be 'code' or 'form'; {name} has {part!r}")
        if part == CODE and TASKS.index(SUMMARY) in tasks:
            raise ValueError(f"the summary has no code, so its checks must be of its form; {name} is of 'code'")
        if not inspect.getdoc(function):
            raise ValueError(f"a check must have a docstring, the sentence that a student reads; {name} has none")
        wanted = list(inspect.signature(function).parameters)
        if not wanted or not set(wanted) <= set(_SUBJECTS):
            raise ValueError(f"a check must have the argument file or function; {name} has ({', '.join(wanted)})")
        if "function" in wanted and not set(tasks) <= set(_FUNCTIONS):
            raise ValueError(f"a check can call the function of tasks 0 to 3 only; {name} is for {tasks}")
        if name in _TAKEN or name in (other.__name__ for other, _, _ in _loading):
            raise ValueError(f"each check must have a name of its own; {name} is taken")
        _loading.append((function, tasks, part))
        return function

    return adding


@dataclass
class FileOfStudent:
    """The file that a check gets. name: its name; task: its number; text: its content"""

    name: str
    task: int
    text: str

    @functools.cached_property
    def tree(self) -> ast.Module:
        """The syntax tree of a program."""
        return ast.parse(self.text)


class FunctionOfStudent:
    """The student's function: a call runs in the sandbox, in a process of its own for each check."""

    def __init__(self, open_guest: OpenGuest, seconds: float) -> None:
        """Start nothing yet. open_guest: a function that starts a process with the file; seconds: limit of one call."""
        self._open, self._seconds = open_guest, seconds
        self._stack = contextlib.ExitStack()
        self._guest: Guest | None = None

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Return what the function returns: an array, a tuple or list of them, a number, or None.

        The arguments are arrays, numbers, texts, tuples of numbers, and members of Activation. Raise Failed if the
        function raises an exception, takes too long, or returns something else.
        """
        arrays: list[Array] = []
        order = [_encode(value, arrays) for value in arguments]
        request = {"do": "call", "arguments": order, "named": {key: _encode(named[key], arrays) for key in named}}
        try:
            if self._guest is None:
                self._guest = self._stack.enter_context(self._open())
                self._ask({"do": "load"}, [])
            answer, found = self._ask(request, arrays)
        except GuestError as error:
            raise Failed(f"the code {error}") from None
        try:
            return _decode(answer["result"], found)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            raise Failed("the code sent something that is not a result") from None

    def _ask(self, request: dict[str, Any], arrays: Sequence[Array]) -> tuple[dict[str, Any], list[Array]]:
        assert self._guest is not None
        answer, found = self._guest.ask(request, arrays, seconds=self._seconds)
        if "raised" in answer:
            raise Failed(f"the function raises {_raised(answer['raised'])}")
        return answer, found

    def close(self) -> None:
        """End the process, if there is one."""
        self._stack.close()
        self._guest = None


def _raised(found: Any) -> str:
    told = found if isinstance(found, dict) else {}
    line = f" (line {told['line']})" if isinstance(told.get("line"), int) else ""
    return f"{str(told.get('type', 'an exception'))[:100]}: {str(told.get('message', ''))[:300]}{line}"


def _encode(value: Any, arrays: list[Array]) -> Any:
    """Return an argument in the form of `guest_side.course_file`. Its array is appended to `arrays`."""
    if isinstance(value, Activation):
        return {"activation": value.value}
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, tuple) and all(isinstance(one, int | float | str) for one in value):
        return {"tuple": list(value)}
    if value is None or isinstance(value, int | float | str):
        return value
    raise TypeError(
        f"an argument must be an array, a number, a text, a tuple or an Activation; got {type(value).__name__}"
    )


def _decode(value: dict[str, Any], found: list[Array]) -> Any:
    if "array" in value:
        return found[value["array"]]
    for kind, make in (("tuple", tuple), ("list", list)):
        if kind in value:
            return make(_decode(one, found) for one in value[kind])
    if "number" in value:
        return float(value["number"])
    if "none" in value:
        return None
    raise Failed(f"the function returns {str(value['other'])[:100]}")


@dataclass
class _Subject:
    """What the checks of one file may ask for."""

    file: FileOfStudent
    function: FunctionOfStudent | None


@dataclass(frozen=True)
class OwnChecks:
    """The checks of a teacher's file. name: its name; tables: the checks by task"""

    name: str
    tables: dict[int, Checks] = field(default_factory=dict)

    def run(
        self, task: int, file: File, before: Sequence[Finding], open_guest: OpenGuest | None, seconds: float
    ) -> list[Finding]:
        """Return the findings about a file.

        before: the findings so far; open_guest: a function that starts a process with the file, None where no function
        can be called; seconds: limit of one call
        """
        if task not in self.tables:
            return []
        function = None if open_guest is None else FunctionOfStudent(open_guest, seconds)
        subject = _Subject(FileOfStudent(TASKS[task], task, _text(file.content or b"")), function)
        return self.tables[task].run(subject, before)


def _text(content: bytes) -> str:
    """Return the text of a file in the encoding that it names, or as UTF-8.

    Only common encodings count, since this runs outside of the sandbox: punycode, for one, takes quadratic time.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        text = content.decode(encoding if encoding in _ENCODINGS else "utf-8", errors="replace")
    except SyntaxError:  # it names an encoding that does not exist
        text = content.decode(errors="replace")
    return io.IncrementalNewlineDecoder(None, translate=True).decode(text)


@functools.cache
def load(source: str, name: str) -> OwnChecks:
    """Return the checks of a teacher's file, which is run. Raise ValueError, with a sentence, if it is not right.

    source: its text; name: its name for messages
    """
    module = types.ModuleType(_MODULE)
    module.__file__ = name
    sys.modules[_MODULE] = module  # dataclasses look there
    _loading.clear()
    try:
        exec(compile(source, name, "exec"), module.__dict__)
        made = list(_loading)
    except SyntaxError as error:
        raise ValueError(f"the checks in {name!r} must be Python; line {error.lineno}: {error.msg}") from None
    except (Exception, SystemExit) as error:
        said = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise ValueError(f"the checks in {name!r} cannot be loaded; {_line(error, name)}{said}") from None
    finally:
        _loading.clear()
    if not made:
        raise ValueError(f"{name!r} must have checks, functions with @check(TASK) in front; it has none")
    tables: dict[int, Checks] = {}
    for function, tasks, part in made:
        for task in dict.fromkeys(tasks):
            tables.setdefault(task, Checks()).table.append(_check(function, task, part, name))
    return OwnChecks(name, tables)


def _check(function: Callable[..., None], task: int, part: Part | None, name: str) -> Check:
    wanted = list(inspect.signature(function).parameters)
    summary = TASKS[task] == SUMMARY
    needs = "exists" if summary else "loads" if "function" in wanted else "parses"

    def run(subject: _Subject) -> None:
        try:
            function(**{key: getattr(subject, key) for key in wanted})
        except (Failed, Advice, Unknown):
            raise
        except AssertionError as error:
            raise Failed(str(error).strip() or "this is not so") from None
        except Exception as error:  # the teacher's mistake, or a result that the check did not expect
            raise Unknown(f"{name}, {_line(error, name)}{type(error).__name__}: {error}") from None
        finally:
            if subject.function is not None:
                subject.function.close()

    sentence = " ".join((inspect.getdoc(function) or "").split())
    return Check(function.__name__, sentence, run, (needs,), part or (FORM if summary else CODE))


def _line(error: BaseException, name: str) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == name]
    return f"line {lines[-1]}: " if lines else ""
