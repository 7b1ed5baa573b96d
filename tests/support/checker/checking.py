"""Helpers for the tests of the checker: check one file in an open sandbox, choose a tier, list all cases."""

import contextlib
import functools
import itertools

import pytest
from tests.support.checker.samples import mutated

from convlens.checker import check
from convlens.checker.functions import conv_checks, pool_checks
from convlens.checker.functions.cases import Case
from convlens.checker.options import Options
from convlens.checker.sandbox.sandbox import Sandbox
from convlens.checker.sandbox.tiers import TIERS, available
from convlens.checker.submission import TASKS, File

TABLES = (conv_checks.FORWARD, pool_checks.FORWARD, conv_checks.BACKWARD, pool_checks.BACKWARD)


def skip_without(tier):
    """Skip the test, with the reason, if this machine lacks the sandbox tier."""
    if problem := available()[tier]:
        pytest.skip(f"the tier {tier} is not available: {problem}")


@functools.cache
def best():
    """The best tier of this machine."""
    return next(tier for tier in TIERS if not available()[tier])


def open_sandbox(tier):
    """A sandbox for tasks 0 to 3."""
    return Sandbox(tier, ("numpy", "pycodestyle"), seconds=10.0)


def examine(sandbox, file, text, options=None, runs=True):
    """The report on one file, from its text or bytes."""
    content = text.encode() if isinstance(text, str) else text
    task, given = TASKS.index(file), File(content, runs)
    with check.parser(sandbox) as open_guest:
        before = check.check_form(open_guest, task, given)
    return check.check_function(sandbox, task, given, before, options or Options())


def failing(report):
    """The names of the checks that fail."""
    return [found.name for found in report.checks if found.status == "fail"]


def explained(sandbox, mutant):
    """The report on a mutant, and the name of the mistake that the report names first ("" for none).

    A file that does nothing wrong where the task says what is right gets advice, and the name is of the first advice.
    """
    report = examine(sandbox, mutant.file, mutated(mutant))
    if report.code == "pass" and report.advice:
        return report, report.advice[0].mistake
    return report, report.likely[0].mistake if report.likely else ""


class Collector:
    """Replaces a function under test: it only records the cases that a check uses."""

    def __init__(self):
        self.cases = []
        self.options = Options()

    def agree(self, *cases: Case):
        self.cases.extend(cases)

    def advise(self, opening, hint, mistake, *cases: Case):
        self.cases.extend(cases)

    def returns(self, case):
        self.cases.append(case)

    def larger(self, case):
        self.cases.append(case)

    def __getattr__(self, name):
        raise LookupError(name)


def all_cases():
    """All cases of all checks, each in all its readings."""
    found: list[Case] = []
    for table in TABLES:
        for entry in table.table:
            function = Collector()
            with contextlib.suppress(LookupError):
                entry.run(function)
            found.extend(itertools.chain.from_iterable(case.readings() for case in function.cases))
    return list(dict.fromkeys(found))
