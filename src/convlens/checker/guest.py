"""A process in which submitted code runs, as the checks see it: it gets requests and gives answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Protocol

from convlens.arrays import Array

__all__ = ["Ending", "Guest", "GuestError"]


class Ending(Enum):
    """Why a process gave no answer."""

    TIMED_OUT = "the time for one answer was up"
    PROCESSOR_TIME = "the processor time for the whole process was used up"
    KILLED = "the system killed it, for memory or processor time"
    CRASHED = "another signal ended it"
    EXITED = "it ended by itself"
    DISCONNECTED = "it closed its connection and did not end"
    TOO_LARGE = "the answer was too large"
    NO_MESSAGE = "what it sent is no answer"
    STOPPED = "it was asked after it had been stopped"


class GuestError(Exception):
    """The process gave no answer.

    The text says why, as the end of a sentence that starts with "the code": "ran for more than 10 s and was stopped",
    "ended its process (exit code 0)". Code asks `ending`, never the text.
    """

    def __init__(self, text: str, ending: Ending) -> None:
        super().__init__(text)
        self.ending = ending


class Guest(Protocol):
    """A process with one file's code in it. Nothing that it answers is trusted."""

    def ask(
        self, request: Mapping[str, Any], arrays: Sequence[Array] = (), *, seconds: float | None = None
    ) -> tuple[dict[str, Any], list[Array]]:
        """Return the answer to a request: a dict that JSON can hold, and arrays of numbers or truth values.

        seconds: the longest wait, None for the sandbox's own limit. Raises GuestError if there is no answer; after
        that the process is gone.
        """
        ...
