"""How far two arrays may differ: the numbers of `numpy.testing.assert_allclose`, by name."""

from typing import TypedDict


class Tolerance(TypedDict):
    """`assert_allclose(got, want, **tolerance)`"""

    rtol: float
    atol: float
