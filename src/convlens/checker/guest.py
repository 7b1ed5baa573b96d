"""The guest: a process in which submitted code runs. Checks send it requests, and it sends answers."""

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
    NO_MESSAGE = "it sent something that is not an answer"
    STOPPED = "it was asked after it had been stopped"


class GuestError(Exception):
    """The process gave no answer.

    The text says why, as the end of a sentence that starts with "the code": "ran for more than 10 s and was stopped",
    "ended its process (exit code 0)". Code reads `ending`, never the text.
    """

    def __init__(self, text: str, ending: Ending) -> None:
        super().__init__(text)
        self.ending = ending


class Guest(Protocol):
    """A process that runs the code of one file. Its answers are not trusted."""

    def ask(
        self, request: Mapping[str, Any], arrays: Sequence[Array] = (), *, seconds: float | None = None
    ) -> tuple[dict[str, Any], list[Array]]:
        """Return the answer to a request: a dict of JSON values, and arrays of numbers or booleans.

        seconds: the limit of processor time, None for the sandbox's own limit. A process that waits is stopped too,
        later. Raise GuestError if there is no answer; after that the process is gone.
        """
        ...

    def clock(self) -> float:
        """Return the seconds of processor time that the process has used so far."""
        ...
