"""How a submission is to be checked."""

from __future__ import annotations

from dataclasses import dataclass

from convlens.checker.submission import TASKS

__all__ = ["Options"]


@dataclass(frozen=True)
class Options:
    """The same options and the same files give the same verdict.

    tasks: their numbers; tier: of the sandbox, None for the best that there is; seed: of the numbers that the code is
    called with; seconds: how long one call may take; reveal: messages say which value was expected
    """

    tasks: tuple[int, ...] = tuple(range(len(TASKS)))
    tier: str | None = None
    seed: int = 0
    seconds: float = 10.0
    reveal: bool = False
