"""A finished run, which several files of tests read."""

import pytest
from tests.support.short_run import DIGITS, SETTINGS, finish

from convlens.training import Run


@pytest.fixture(scope="module")
def without_sync():
    """Do not sync files to the disk, so that the tests are fast."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda handle: None)
        yield


@pytest.fixture(scope="module")
def whole(without_sync, tmp_path_factory):
    """A run that was never interrupted."""
    run = Run.start(tmp_path_factory.mktemp("runs") / "whole", SETTINGS, DIGITS)
    finish(run)
    return run
