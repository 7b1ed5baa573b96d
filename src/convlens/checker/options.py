"""The options of a check."""

from __future__ import annotations

from dataclasses import dataclass

from convlens.checker.submission import TASKS

__all__ = ["Options"]


@dataclass(frozen=True)
class Options:
    """The options of a check. The same options and the same files give the same verdict.

    tasks: numbers of the tasks to check; tier: tier of the sandbox, None for the best one that works here; seed: seed
    of the inputs with which the code is called; seconds: limit for one call; reveal: whether messages state the right
    values; checks: the text of a teacher's file of checks, "" for none (see `own_checks`); checks_name: its name
    """

    tasks: tuple[int, ...] = tuple(range(len(TASKS)))
    tier: str | None = None
    seed: int = 0
    seconds: float = 10.0
    reveal: bool = False
    checks: str = ""
    checks_name: str = ""
