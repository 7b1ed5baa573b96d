"""A process in which somebody's code runs, as those see it who ask it something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from convlens.arrays import Array

__all__ = ["Guest", "GuestError"]


class GuestError(Exception):
    """The process gave no answer; the text says why, as the end of a sentence that starts with "the code".

    Such as "ran for more than 10 s and was stopped", "ended its process (exit code 0)", "asked for more memory than
    2 GiB", "sent something that is no answer".
    """


class Guest(Protocol):
    """A process with one file's code in it. Whatever it answers is somebody's word and no more."""

    def ask(
        self, request: Mapping[str, Any], arrays: Sequence[Array] = (), *, seconds: float | None = None
    ) -> tuple[dict[str, Any], list[Array]]:
        """The answer to a request: what JSON can hold, and arrays of numbers or truth values (no objects).

        seconds: how long to wait at most, the sandbox's own limit if None. Raises GuestError if there is no answer;
        after that the process is gone.
        """
        ...
