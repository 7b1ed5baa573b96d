"""The course's own programs: they are right, and their time is measured in the sandbox."""

import inspect

import pytest
from tests.support.checker.checking import TABLES, best, examine, open_sandbox

from convlens.checker import check
from convlens.checker.functions import reference_program
from convlens.checker.functions.reference import reference_seconds
from convlens.checker.options import Options
from convlens.checker.submission import TASKS, File, Submission

SOURCE = inspect.getsource(reference_program)


@pytest.fixture(scope="module")
def sandbox():
    with open_sandbox(best()) as one:
        yield one


@pytest.mark.parametrize("task", range(4))
def test_the_program_is_right_and_its_time_is_measured(sandbox, task):
    assert examine(sandbox, TASKS[task], SOURCE).code == "pass"
    seconds = reference_seconds(sandbox, task, TABLES[task], Options())
    assert seconds is not None and seconds > 0


def test_a_time_that_cannot_be_measured_is_unknown(sandbox):
    assert reference_seconds(sandbox, 0, TABLES[1], Options()) is None


def test_each_report_of_a_class_has_the_time_of_the_same_measurement():
    files = {TASKS[1]: File(SOURCE.encode())}
    options = Options((1,), best())
    with check.class_checker() as grade:
        first, second = (grade(Submission(name, files), options).files[TASKS[1]] for name in ("ann", "bob"))
    assert first.reference is not None and first.reference == second.reference
    assert check.check(Submission("ann", files), options).files[TASKS[1]].reference is None
