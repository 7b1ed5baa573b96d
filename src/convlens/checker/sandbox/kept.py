"""Sandboxes that stay for the next submission, where their tier holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from convlens.checker.sandbox.sandbox import Sandbox
from convlens.checker.sandbox.tiers import WEAKEST

__all__ = ["Sandboxes"]


class Sandboxes:
    """A context manager: leaving it ends all that it kept."""

    def __init__(self) -> None:
        self._kept: dict[tuple[object, ...], Sandbox] = {}

    @contextmanager
    def use(self, tier: str, packages: Sequence[str], *, seconds: float, memory: int) -> Iterator[Sandbox]:
        """A sandbox as `Sandbox` has it: the one that was used before, or a new one.

        In the weakest tier a submission may have changed the process that the next one would be forked from: there,
        each use has one of its own.
        """
        if tier == WEAKEST:
            with Sandbox(tier, packages, seconds=seconds, memory=memory) as sandbox:
                yield sandbox
            return
        key = (tier, *packages, seconds, memory)
        if key not in self._kept:
            self._kept[key] = Sandbox(tier, packages, seconds=seconds, memory=memory)
        yield self._kept[key]

    def __enter__(self) -> Sandboxes:
        return self

    def __exit__(self, *_: object) -> None:
        for sandbox in self._kept.values():
            sandbox.__exit__()
        self._kept.clear()
