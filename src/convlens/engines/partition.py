"""The rule that cuts a batch into parts, which threads share.

The partition depends only on the batch. So the bits of the sums do not depend on the number of threads.
"""

from __future__ import annotations

import itertools

MOST_PARTS = 8  # two, four or eight threads share eight parts evenly; each part has its own gradient


def partition(examples: int, least: int, block: int = 1) -> list[slice]:
    """Cut the examples into at most MOST_PARTS parts of at least `least` blocks each, if there are enough blocks.

    A part is a number of whole blocks of `block` examples; only the last block may be shorter.

    >>> partition(65, 32)
    [slice(0, 32, None), slice(32, 65, None)]
    >>> partition(40, 1, block=16)
    [slice(0, 16, None), slice(16, 32, None), slice(32, 40, None)]
    """
    blocks = -(-examples // block)
    parts = min(MOST_PARTS, max(1, blocks // least))
    cuts = [min(examples, block * (k * blocks // parts)) for k in range(parts + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(cuts)]
