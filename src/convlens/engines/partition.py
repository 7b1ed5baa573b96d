"""The one rule that cuts a batch into parts, which threads share. It looks at the batch alone: so do the sums' bits."""

from __future__ import annotations

import itertools

MOST_PARTS = 8  # two, four or eight threads share them evenly; each part has a gradient of its own


def partition(examples: int, least: int, block: int = 1) -> list[slice]:
    """At most MOST_PARTS parts of the examples, of at least `least` blocks each: whole blocks but for the last one

    >>> partition(65, 32)
    [slice(0, 32, None), slice(32, 65, None)]
    >>> partition(40, 1, block=16)
    [slice(0, 16, None), slice(16, 32, None), slice(32, 40, None)]
    """
    blocks = -(-examples // block)
    parts = min(MOST_PARTS, max(1, blocks // least))
    cuts = [min(examples, block * (k * blocks // parts)) for k in range(parts + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(cuts)]
