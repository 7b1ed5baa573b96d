"""A pool of sandboxes: a sandbox is kept for the next submission, unless its tier is the weakest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from convlens.checker.sandbox.sandbox import Sandbox
from convlens.checker.sandbox.tiers import WEAKEST

__all__ = ["SandboxPool"]


class SandboxPool:
    """A pool of sandboxes. A context manager that ends every sandbox of the pool."""

    def __init__(self) -> None:
        self._kept: dict[tuple[object, ...], Sandbox] = {}

    @contextmanager
    def use(self, tier: str, packages: Sequence[str], *, seconds: float, memory: int) -> Iterator[Sandbox]:
        """Yield a sandbox with these arguments of `Sandbox`, the one that was used before or a new one.

        In the weakest tier every use gets a new sandbox. In this tier a submission may have changed the host process,
        from which the process of the next submission would be forked.
        """
        if tier == WEAKEST:
            with Sandbox(tier, packages, seconds=seconds, memory=memory) as sandbox:
                yield sandbox
            return
        key = (tier, *packages, seconds, memory)
        if key not in self._kept:
            self._kept[key] = Sandbox(tier, packages, seconds=seconds, memory=memory)
        yield self._kept[key]

    def __enter__(self) -> SandboxPool:
        return self

    def __exit__(self, *_: object) -> None:
        for sandbox in self._kept.values():
            sandbox.__exit__()
        self._kept.clear()
