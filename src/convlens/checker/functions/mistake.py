"""A known mistake: a hint for the student, and the faults of programs with it (`faulty`)."""

from __future__ import annotations

from dataclasses import dataclass

from convlens.checker.functions.cases import CONV_BACKWARD, CONV_FORWARD, POOL_BACKWARD, POOL_FORWARD
from convlens.checker.functions.faulty_windows import Faults

__all__ = ["BACKWARD", "CONV", "EVERY", "FORWARD", "POOL", "Mistake", "mistake"]

CONV = (CONV_FORWARD, CONV_BACKWARD)
POOL = (POOL_FORWARD, POOL_BACKWARD)
FORWARD = (CONV_FORWARD, POOL_FORWARD)
BACKWARD = (CONV_BACKWARD, POOL_BACKWARD)
EVERY = CONV + POOL


@dataclass(frozen=True)
class Mistake:
    """A known mistake.

    name: the name in reports; tasks: the tasks in which students make it; hint: a sentence for the student; variants:
    the ways to make it, each as the faults of a program
    """

    name: str
    tasks: tuple[int, ...]
    hint: str
    variants: tuple[Faults, ...]

    @property
    def may_raise(self) -> bool:
        """Whether NumPy raises an exception for some ways to make this mistake."""
        return self.name in ("wrong_dtype", "input_changed")

    @property
    def only_index_error(self) -> bool:
        """Whether every program that makes this mistake raises an IndexError."""
        return self.name == "loops_over_input"


def mistake(name: str, tasks: tuple[int, ...], hint: str, *variants: str) -> Mistake:
    """Return a mistake whose variants are given as words with spaces between; without variants, its name is one."""
    return Mistake(name, tasks, hint, tuple(frozenset(variant.split()) for variant in variants or (name,)))
