"""The partition of a batch into parts."""

import itertools

import pytest

from convlens.engines.partition import MOST_PARTS, partition

pytestmark = pytest.mark.smoke


@pytest.mark.parametrize(("least", "block"), [(32, 1), (1, 16), (3, 4)])
def test_the_parts_cover_every_example_once(least, block):
    for n in [*range(1, 200), 1000, 4099]:
        cuts = partition(n, least, block)
        assert list(itertools.chain.from_iterable(range(n)[cut] for cut in cuts)) == list(range(n))
        assert len(cuts) <= MOST_PARTS
        assert len(cuts) == 1 or min(cut.stop - cut.start for cut in cuts[:-1]) >= least * block
        assert all((cut.stop - cut.start) % block == 0 for cut in cuts[:-1])
