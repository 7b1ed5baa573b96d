"""The time of the course's own programs, measured as the time of a submitted file is: what slow means."""

from __future__ import annotations

import inspect
import statistics

from convlens.checker.checks import Checks, Failed, Unknown
from convlens.checker.functions import reference_program
from convlens.checker.functions.under_test import FunctionUnderTest
from convlens.checker.guest import GuestError
from convlens.checker.options import Options
from convlens.checker.rules import RULES
from convlens.checker.sandbox.sandbox import Sandbox
from convlens.checker.submission import TASKS

__all__ = ["reference_seconds"]

_TIMES = 3  # one call may be slow by chance
_MEASURED = ("digits", "digits_backward")  # the check that measures the time of a file


def reference_seconds(sandbox: Sandbox, task: int, checks: Checks, options: Options) -> float | None:
    """Return the seconds of one call of the course's own program in this sandbox, None if it cannot be measured.

    checks: the checks of the task's function, one of which measures the time
    """
    measure = next(check for check in checks.table if check.name in _MEASURED)
    names = {"file": TASKS[task], "function": RULES[task].function}
    source = inspect.getsource(reference_program).encode()
    times: list[float] = []
    try:
        with FunctionUnderTest(task, lambda: sandbox.guest("course_file", source, names), options) as function:
            for _ in range(_TIMES):
                measure.run(function)
                times.append(function.seconds or 0.0)
    except (Failed, Unknown, GuestError):
        return None
    return statistics.median(times)
