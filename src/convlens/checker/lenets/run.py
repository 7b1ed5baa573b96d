"""Run the checks of task 4 or 5 on a file, on today's Keras and, where that refuses, on Keras 2."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from convlens.checker.guest import Guest
from convlens.checker.lenets.network_checks import KERAS, TENSORFLOW
from convlens.checker.lenets.under_test import LenetUnderTest
from convlens.checker.options import Options
from convlens.checker.verdict import PASS, Finding

__all__ = ["TABLES", "run"]

TABLES = {"tensorflow": TENSORFLOW, "keras": KERAS}
# With these types of exceptions, Keras 3 refuses what Keras 2 accepts: an argument, a value, a name that is gone
_REFUSALS = ("AttributeError", "TypeError", "ValueError", "NotImplementedError", "ImportError", "ModuleNotFoundError")
_OLDER = "this file needs Keras 2, with which the course was made: it was run with tf_keras"


def run(
    framework: str,
    open_guest: Callable[[dict[str, Any]], AbstractContextManager[Guest]],
    before: Sequence[Finding],
    options: Options,
) -> list[Finding]:
    """Return the findings of all checks of one file.

    A file of task 5 that today's Keras refuses is run once more with Keras 2, if tf_keras is installed. The findings of
    the second run count if no exception is left: what only a later release refuses is not the student's mistake.
    framework: "tensorflow" (task 4) or "keras" (task 5); open_guest: a function that starts a process with more options
    """

    def once(more: dict[str, Any]) -> tuple[list[Finding], dict[str, Any]]:
        raised: dict[str, Any] = {}
        with open_guest({"framework": framework, **more}) as guest:
            return TABLES[framework].run(LenetUnderTest(guest, options), before, raised), raised

    found, raised = once({})
    if framework == "keras" and any(kind in _REFUSALS for kind in raised.values()):
        again, left = once({"keras": 2})
        if not left and again[0].status == PASS:
            refusal = next(one.message for one in found if one.name in raised)
            return [
                replace(again[0], message=_OLDER, hint=f"today's Keras says: {refusal}", mistake="keras_2"),
                *again[1:],
            ]
    return found
