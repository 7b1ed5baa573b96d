"""The tiers of the sandbox in which a class may be graded."""

from __future__ import annotations

__all__ = ["refuse_weak", "safe_tier"]


def safe_tier(asked: str | None, *, unsafe: bool = False) -> str:
    """Return the tier that is asked for, or for None the best one here; ValueError as in `refuse_weak`."""
    from convlens.checker.sandbox.tiers import choose

    tier = choose(asked)
    refuse_weak(tier, unsafe=unsafe)
    return tier


def refuse_weak(tier: str, *, unsafe: bool) -> None:
    """Raise ValueError for an unknown tier, and unless `unsafe` for the weakest one."""
    from convlens.checker.sandbox.tiers import TIERS, WEAKEST

    if tier not in TIERS:
        raise ValueError(f"the tier must be one of {', '.join(TIERS)}; got {tier!r}")
    if tier == WEAKEST and not unsafe:
        raise ValueError(
            f"a class must be graded in a safe sandbox, {' or '.join(TIERS[:-1])}; this is {tier}, which does not "
            "protect your files, your processes and the network from the code; --unsafe accepts it"
        )
