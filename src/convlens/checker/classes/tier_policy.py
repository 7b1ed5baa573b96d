"""The policy that decides in which tiers of the sandbox a class may be graded."""

from __future__ import annotations

__all__ = ["refuse_weak", "safe_tier"]


def safe_tier(asked: str | None, *, unsafe: bool = False) -> str:
    """Return the tier `asked`, or for None the best one that works here. Raise ValueError as `refuse_weak` does."""
    from convlens.checker.sandbox.tiers import choose

    tier = choose(asked)
    refuse_weak(tier, unsafe=unsafe)
    return tier


def refuse_weak(tier: str, *, unsafe: bool) -> None:
    """Raise ValueError for an unknown tier, and for the weakest tier unless `unsafe` is true."""
    from convlens.checker.sandbox.tiers import TIERS, WEAKEST

    if tier not in TIERS:
        raise ValueError(f"the tier must be one of {', '.join(TIERS)}; got {tier!r}")
    if tier == WEAKEST and not unsafe:
        raise ValueError(
            f"a class must be graded in a safe sandbox, {' or '.join(TIERS[:-1])}; this is {tier}, which does not "
            "protect your files, your processes and the network from the code; --unsafe accepts it"
        )
