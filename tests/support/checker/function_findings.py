"""Run the checks of tasks 0 to 3 on a file. Its code runs in this process."""

from tests.support.checker.local import opener
from tests.support.checker.samples import source

from convlens.checker.functions import conv_checks, pool_checks
from convlens.checker.functions.under_test import FunctionUnderTest
from convlens.checker.options import Options
from convlens.checker.rules import RULES
from convlens.checker.sandbox.guest_side import course_file
from convlens.checker.submission import TASKS
from convlens.checker.verdict import PASS, Finding

TABLES = (conv_checks.FORWARD, pool_checks.FORWARD, conv_checks.BACKWARD, pool_checks.BACKWARD)
PARSES = Finding("parses", "The file parses.", PASS)


def findings(task, text, options=None, open_guest=None):
    """The findings of the checks of a task on the text of a file, by the name of the check."""
    given = {"file": TASKS[task], "function": RULES[task].function}
    open_guest = open_guest or opener(course_file, text.encode(), given)
    with FunctionUnderTest(task, open_guest, options or Options()) as function:
        return {found.name: found for found in function.run(TABLES[task], [PARSES])}


def pooling(change=lambda text: text):
    """The text of a correct pool_forward, changed by `change`."""
    return change(source("cells", TASKS[1]))
