"""A file of task 4 or 5 that is missing needs no TensorFlow."""

from typing import Any

import pytest

from convlens.checker.check import check_lenet
from convlens.checker.options import Options
from convlens.checker.submission import File
from convlens.checker.verdict import FAIL, UNKNOWN, Finding

NO_SANDBOX: Any = None


@pytest.mark.parametrize("task", [4, 5])
def test_no_check_of_a_missing_network_is_tried(task):
    before = [Finding("exists", "The file exists.", FAIL, "the file is missing")]
    _, *others = check_lenet(NO_SANDBOX, task, File(None, missing=True), before, Options()).checks
    assert len(others) > 5 and {found.status for found in others} == {UNKNOWN}
