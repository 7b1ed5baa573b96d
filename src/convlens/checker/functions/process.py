"""The process in which a submitted file runs. It is started again if the code ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from convlens.arrays import Array
from convlens.checker.checks import Failed, Unknown
from convlens.checker.functions.cases import Case
from convlens.checker.functions.describe import exception_in_words, raised_parts, sentence
from convlens.checker.functions.later_numpy import gone
from convlens.checker.guest import Ending, Guest, GuestError
from convlens.checker.rules import RULES

__all__ = ["EndedError", "FunctionProcess", "OpenGuest", "RaisedError"]

OpenGuest = Callable[[], AbstractContextManager[Guest]]

# If a call ends the process, for example by os._exit or a crash, the file is loaded again, since other calls may work.
# After this many restarts, all further calls count as hopeless.
_RESTARTS = 4
# All calls of a file together may take 1 s plus _CALLS times the limit for one call. A file has about 40 calls, so a
# file whose calls all stay just below the limit of 10 s is stopped after one minute, not seven. A right file is faster.
_CALLS = 6
_LONGEST_LIST = 200  # characters of a list of names in a message


class RaisedError(Failed):
    """A call has raised an exception.

    kind, text, line: the name of its type, its text, and its line in the file; said: these in words
    """

    def __init__(self, case: Case, given: dict[str, Array], answer: dict[str, Any]) -> None:
        self.kind, self.text, self.line = raised_parts(answer)
        where = f"line {self.line} raises" if self.line is not None else "the function raises"
        self.said = f"{where} {self.kind or 'an exception'}{': ' if self.text else ''}{self.text}"
        super().__init__(sentence(case, given, self.said))


class EndedError(Failed):
    """A call has ended the process, or has run out of time. said: what has happened, without the call's arguments"""

    def __init__(self, case: Case, given: dict[str, Array], said: str) -> None:
        self.said = said
        super().__init__(sentence(case, given, said))


class FunctionProcess:
    """The process of one submitted file. It starts with the first call.

    If the code ends the process, a new one starts, a few times. If a call runs out of time, no new process starts,
    because the next call would run out of time too.

    refusal: why calls no longer get answers, "" while they do; searchable: whether a search may make more calls; later:
    what the file has used that later releases of NumPy refuse, as the guest says it, see `later_numpy.in_words`
    """

    def __init__(self, task: int, open_guest: OpenGuest, seconds: float) -> None:
        """Start nothing yet. open_guest: a function that starts a process with the file; seconds: limit of one call."""
        self.refusal, self.searchable = "", True
        self.later: Any = None
        self._task, self._open, self._seconds = task, open_guest, seconds
        self._stack = ExitStack()
        self._guest: Guest | None = None
        self._started, self._spent = 0, 0.0
        self._searching, self.searched, self._ended_in_search = False, 0.0, 0

    @contextmanager
    def search(self) -> Iterator[None]:
        """Calls inside the block belong to a search: their restarts and their time do not count for the calls of
        checks.

        `searchable` becomes False when calls of searches have ended the process a few times, when one has run out of
        time, or when all together have taken the limit for one call.
        """
        self._searching = True
        try:
            yield
        finally:
            self._searching = False
            self.searchable &= self.searched < self._seconds

    def close(self) -> None:
        """End the process, if there is one."""
        self._stack.close()
        self._guest = None

    def load(self) -> None:
        """Start the process and load the file. Raise Failed if it does not load or lacks the function."""
        self._running()

    def call(self, case: Case, given: dict[str, Array], inputs: bool = False) -> tuple[dict[str, Any], list[Array]]:
        """Call the function. Return its result as `guest_side.course_file` encodes it, and the arrays.

        inputs: whether to return also the given arrays, as they are after the call. Raise Failed if there is no result,
        Unknown if calls no longer get answers.
        """
        order, named, arrays = case.arguments(given)
        request = {"do": "call", "arguments": order, "named": named, "inputs": inputs}
        guest = self._running()
        begin = guest.clock()
        try:
            answer, found = guest.ask(request, arrays, seconds=self._seconds)
        except GuestError as error:
            self.close()
            if self._searching:
                self._started -= 1
                self._ended_in_search += 1
                self.searchable &= error.ending is not Ending.TIMED_OUT and self._ended_in_search < _RESTARTS
            elif error.ending is Ending.TIMED_OUT:
                self.refusal = f"the code {error}"
            raise EndedError(case, given, f"the code {error}") from None
        if self._searching:
            self.searched += guest.clock() - begin
        else:
            self._spent += guest.clock() - begin
        most = 1 + _CALLS * self._seconds
        if self._spent > most:
            self.close()
            self.refusal = f"all calls together took more than {most:g} s"
            raise Failed(f"each call ends, but {self.refusal}")
        if "raised" in answer:
            said = exception_in_words(answer)
            if gone(said):
                raise Unknown(f"NumPy has changed since 1.19.2, the course's release: {said}")
            raise RaisedError(case, given, answer)
        self.later = answer.get("later", self.later)
        return answer, found

    def _running(self) -> Guest:
        """Return a process that has loaded the file, a new one if needed. Raise Failed or Unknown if there is none."""
        if self._guest is not None:
            return self._guest
        if self.refusal:
            raise Unknown(f"not tried: {self.refusal}")
        if self._started > _RESTARTS:
            raise Unknown("not tried: the code ended its process too often")
        self._started += 1
        guest = self._stack.enter_context(self._open())
        try:
            answer, _ = guest.ask({"do": "load"}, seconds=self._seconds)
        except GuestError as error:
            self.close()
            self.refusal = f"the code {error}"
            raise Failed(f"when the file is loaded, the code {error}") from None
        if "raised" in answer:
            self.close()
            said = exception_in_words(answer)
            if gone(said):
                raise Unknown(f"NumPy has changed since 1.19.2, the course's release: {said}")
            raise Failed(f"the file does not load: {said}")
        if not answer.get("loaded"):
            self.close()
            missing = answer.get("missing")
            names = ", ".join(map(str, missing if isinstance(missing, list) else [])) or "no function"
            function = RULES[self._task].function
            raise Failed(f"the file must have a function {function}; it has {names[:_LONGEST_LIST]}")
        self._guest = guest
        return guest
