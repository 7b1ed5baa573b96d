"""The tiers of the sandbox, for its tests."""

import pytest

from convlens.checker.sandbox.tiers import TIERS, available


@pytest.fixture(params=TIERS)
def tier(request):
    """Each tier that works on this machine."""
    if available()[request.param]:
        pytest.skip(f"this machine does not offer the tier {request.param}: {available()[request.param]}")
    return request.param
