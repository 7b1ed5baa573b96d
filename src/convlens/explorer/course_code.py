"""The course files of a folder, which compute beside the page: each call runs in the checker's sandbox.

A call starts a process of its own with the file as it is now, so code that hangs, crashes or changes what it can reach
ends with its call. What goes wrong is told in the checker's words. A hint comes from the checker too: after a wrong
result the whole file is checked, once for each version of it, because one call is no evidence for a cause.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

from convlens.arrays import Array
from convlens.checker.check import checker
from convlens.checker.checks import Failed, Unknown
from convlens.checker.functions.judge import arrays_of
from convlens.checker.functions.process import EndedError, FunctionProcess, RaisedError
from convlens.checker.guest import Guest
from convlens.checker.hand_ins import EmptyError, read
from convlens.checker.options import Options
from convlens.checker.rules import RULES
from convlens.checker.sandbox.sandbox_pool import SandboxPool
from convlens.checker.sandbox.tiers import choose
from convlens.checker.submission import TASKS, File, Submission
from convlens.checker.verdict import CODE, FAIL
from convlens.explorer.course_call import Call, first_wrong_cell, in_words, judged, parse_call, result_names
from convlens.explorer.packed import pack

__all__ = ["CourseCode"]

_TASKS = (0, 1, 2, 3)
_SECONDS = 2.0  # the limit for a call: the page waits for it
_MEMORY = 2 * 2**30
_MOST = 2_000_000  # numbers of a result that the page gets


class CourseCode:
    """The files of tasks 0 to 3 in a folder. All methods must be called in one thread, see `Sandbox`."""

    def __init__(self, folder: Path, seconds: float = _SECONDS, tier: str | None = None) -> None:
        """Read nothing yet. seconds: limit of a call. Raise ValueError if no tier of the sandbox works here."""
        self._folder, self._seconds, self._tier = folder, seconds, choose(tier)
        self._version, self._digest = 0, ""
        self._stack = ExitStack()
        self._pool: SandboxPool | None = None
        self._check: Callable[[Submission, Options], Any] | None = None
        self._hints: dict[tuple[int, bytes], str] = {}  # by the task and the content of its file

    def close(self) -> None:
        """End the processes of the sandbox."""
        self._stack.close()
        self._pool = self._check = None

    def version(self) -> dict[str, Any]:
        """Return {"version", "files"}: a number that changes when a file is saved, and each file's problem, or ""."""
        submission = self._read()
        return {"version": self._version, "files": {name: file.problem for name, file in submission.files.items()}}

    def run(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return {"version", "result", "padding", "right", "message", "hint", "cell"}, or "error" in place of a result.

        padding: the zeros around the images, in the reading of the task that fits the result best.

        error: "missing" (no file that can be run), "raised" (an exception), "ended" (it ran out of time, crashed, or
        returned something else), "unknown" (NumPy has changed since the course). ValueError for a wrong call.
        """
        call = parse_call(asked)
        file = self._read().files[TASKS[call.case.task]]
        if file.content is None:
            return self._told("missing", file.problem)
        try:
            value = self._call(call, file)
        except RaisedError as error:
            hint = self._hint(call, file)
            return self._told("raised", error.said, "" if error.said.startswith(hint) else hint)
        except EndedError as error:
            return self._told("ended", error.said)
        except Failed as error:
            return self._told("ended", str(error), error.hint)
        except Unknown as error:
            return self._told("unknown", str(error))
        answer, problem = judged(call, value)
        assert answer.value is not None
        if sum(array.size for array in answer.value) > _MOST:
            return self._told("ended", f"the result is too large: {[array.shape for array in answer.value]}")
        result = {name: pack(array) for name, array in zip(result_names(call.case), answer.value, strict=True)}
        padding = answer.case.pads()
        found = {"version": self._version, "result": result, "padding": padding, "right": problem is None}
        if problem is None:
            return {**found, "message": "", "hint": "", "cell": None}
        hint = problem.hint or self._hint(call, file)
        return {**found, "message": in_words(answer), "hint": hint, "cell": first_wrong_cell(answer)}

    def _told(self, error: str, message: str, hint: str = "") -> dict[str, Any]:
        return {"version": self._version, "error": error, "message": message, "hint": hint}

    def _read(self) -> Submission:
        """Return the files as they are now, and count a version if they have changed."""
        try:
            submission = read(self._folder, _TASKS)
        except (EmptyError, OSError, ValueError) as error:
            gone = File(None, problem=str(error), missing=True)
            submission = Submission(self._folder.name, {TASKS[task]: gone for task in _TASKS})
        digest = submission.digest()
        if digest != self._digest:
            self._version, self._digest = self._version + 1, digest
        return submission

    def _call(self, call: Call, file: File) -> tuple[Array, ...]:
        """Return the arrays that the function returns. Raise Failed or Unknown if it returns none."""
        task = call.case.task
        names = {"file": TASKS[task], "function": RULES[task].function}
        if self._pool is None:
            self._pool = self._stack.enter_context(SandboxPool())
        with self._pool.use(self._tier, ("numpy",), seconds=self._seconds, memory=_MEMORY) as sandbox:

            def open_guest() -> AbstractContextManager[Guest]:
                return sandbox.guest("course_file", file.content or b"", names)

            process = FunctionProcess(task, open_guest, self._seconds)
            try:
                return arrays_of(task, *process.call(call.case, call.given))
            finally:
                process.close()

    def _hint(self, call: Call, file: File) -> str:
        """Return the first hint of the checker for this version of the file, "" if it has none."""
        task, content = call.case.task, file.content or b""
        if (task, content) not in self._hints:
            if self._check is None:
                self._check = self._stack.enter_context(checker())
            options = Options(tasks=(task,), tier=self._tier, seconds=self._seconds)
            report = self._check(Submission("", {TASKS[task]: file}), options)
            checks = report.files[TASKS[task]].checks
            hints = [found.hint for found in checks if found.status == FAIL and found.part == CODE and found.hint]
            self._hints[task, content] = hints[0] if hints else ""
        return self._hints[task, content]
