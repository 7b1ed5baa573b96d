"""The options of a check."""

from __future__ import annotations

from dataclasses import dataclass

from convlens.checker.submission import TASKS

__all__ = ["Options"]


@dataclass(frozen=True)
class Options:
    """How a submission is checked. The same options and the same files give the same verdict.

    tasks: their numbers; tier: of the sandbox, None for the best one here; seed: of the inputs that the code is called
    with; seconds: the limit for one call; reveal: whether messages tell the right values
    """

    tasks: tuple[int, ...] = tuple(range(len(TASKS)))
    tier: str | None = None
    seed: int = 0
    seconds: float = 10.0
    reveal: bool = False
