"""The tolerances of `numpy.testing.assert_allclose` as a typed dictionary."""

from typing import TypedDict


class Tolerance(TypedDict):
    """Keyword arguments for `assert_allclose(got, want, **tolerance)`."""

    rtol: float
    atol: float
