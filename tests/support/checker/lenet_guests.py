"""Guests for tasks 4 and 5 that run in this process, and the checks that use them."""

import json

import numpy as np
from tests.support.checker.local import Clocked
from tests.support.lenet5_checks import FILES

from convlens.checker.checks import Checks
from convlens.checker.lenets import network_checks
from convlens.checker.lenets.under_test import LenetUnderTest
from convlens.checker.options import Options
from convlens.checker.sandbox.guest_side import lenets as job
from convlens.checker.verdict import FAIL, PASS, Finding

TABLES = {"tensorflow": network_checks.TENSORFLOW, "keras": network_checks.KERAS}
PARSES = Finding("parses", "The file parses.", PASS)


class Inside(Clocked):
    """A guest in this process. Requests and answers are converted to JSON and back, as in a sandbox."""

    def __init__(self, framework, text, **options):
        self.answer = job.start(text.encode(), {"file": FILES[framework], "framework": framework, **options})

    def ask(self, request, arrays=(), *, seconds=None):
        answer, found = self.answer(json.loads(json.dumps(request)), [np.array(array) for array in arrays])
        assert all(type(array) is np.ndarray for array in found)
        return json.loads(json.dumps(answer)), found


def check(framework, guest, **options):
    return TABLES[framework].run(LenetUnderTest(guest, Options(**options)), [PARSES])


def first_failure(framework, guest):
    """The first finding that fails, or None. The checks after it are not run."""
    lenet, found = LenetUnderTest(guest, Options()), [PARSES]
    for one in TABLES[framework].table:
        alone = Checks()
        alone.table = [one]
        found += alone.run(lenet, found)
        if found[-1].status == FAIL:
            return found[-1]
    assert {finding.status for finding in found} == {PASS}, found
    return None


def told(findings):
    return [(found.name, found.status, found.message) for found in findings if found.status != PASS]


class Through(Clocked):
    """A guest that returns the answers of another guest, changed by the function `change`."""

    def __init__(self, guest, change):
        self.guest, self.change = guest, change

    def ask(self, request, arrays=(), *, seconds=None):
        return self.change(request, *self.guest.ask(request, arrays))
