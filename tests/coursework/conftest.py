"""What the LeNet-5 files must compute, for several files of tests."""

import pytest
from tests.support.lenet5_checks import make_reference


@pytest.fixture(scope="session")
def reference():
    return make_reference()
