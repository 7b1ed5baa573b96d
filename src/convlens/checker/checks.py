"""Tables of checks. A check is a function, and its docstring is the sentence that a student reads.

    CHECKS = Checks()

    @CHECKS.add("loads")
    def whole_image(function):
        "A kernel as large as the image gives one output."
        function.agree(...)

A check passes if it returns, and fails if it raises `Failed`. It raises `Unknown` if it cannot tell, and `Advice` if it
passes but has something to say. A check can need
other checks: if one of them has not passed, the check is not tried, and its status is "could not tell".
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from convlens.checker.guest import GuestError
from convlens.checker.verdict import CODE, FAIL, PASS, UNKNOWN, ErrorMap, Finding, Part, Status

__all__ = ["Advice", "Check", "Checks", "Failed", "Unknown"]

_LONGEST = 2000  # characters of a message: half a page

F = TypeVar("F", bound=Callable[[Any], None])


class Failed(Exception):  # noqa: N818 — the outcome of a check, not an error
    """A check fails.

    The text says what was found. hint: the likely mistake, in words for the student; mistake: the name of this mistake;
    maps: where arrays differ; evidence: data from which the likely mistake can be found when all checks have run
    """

    def __init__(
        self, message: str, hint: str = "", mistake: str = "", maps: Sequence[ErrorMap] = (), evidence: Any = None
    ) -> None:
        super().__init__(message)
        self.hint, self.mistake, self.maps, self.evidence = hint, mistake, list(maps), evidence


class Unknown(Exception):  # noqa: N818
    """A check cannot tell whether it passes. The text says why."""


class Advice(Exception):  # noqa: N818
    """A check passes, and the student should know something. hint: what to do; mistake: a name for this advice"""

    def __init__(self, message: str, hint: str = "", mistake: str = "") -> None:
        super().__init__(message)
        self.hint, self.mistake = hint, mistake


@dataclass(frozen=True)
class Check:
    """One check: the function `run`, its name, its sentence, the names of the checks that it needs, and its part."""

    name: str
    sentence: str
    run: Callable[[Any], None]
    needs: tuple[str, ...]
    part: Part = CODE


class Checks:
    """An ordered table of checks for one kind of file. part: the verdict that its checks count for"""

    def __init__(self, part: Part = CODE) -> None:
        self.table: list[Check] = []
        self._part = part

    def add(self, *needs: str) -> Callable[[F], F]:
        """Return a decorator that adds a function as a check. It raises ValueError if the function has no docstring.

        needs: names of checks that must pass before this one is tried
        """

        def adding(function: F) -> F:
            sentence = " ".join((inspect.getdoc(function) or "").split())
            if not sentence:
                raise ValueError(f"a check must have a docstring, the sentence a student reads; {function} has none")
            self.table.append(Check(function.__name__, sentence, function, needs, self._part))
            return function

        return adding

    def run(
        self, subject: Any, before: Sequence[Finding] = (), evidence: dict[str, Any] | None = None
    ) -> list[Finding]:
        """Return the findings of all checks, in the order of the table.

        subject: the argument of each check; before: findings of an earlier table, whose checks may be needed too;
        evidence: a dict that gets the evidence of each check that fails, by the name of the check
        """
        # For each check that has not passed, the names of the checks to blame: itself, or if it was not tried, the
        # checks that it needs
        first_of_before = [found.name for found in before if found.status == FAIL][:1]
        blamed = {found.name: [found.name] for found in before if found.status == FAIL}
        blamed |= {found.name: first_of_before or [found.name] for found in before if found.status == UNKNOWN}
        tried = {found.name for found in before}
        findings: list[Finding] = []
        for check in self.table:
            missing = [name for need in check.needs for name in blamed.get(need, [] if need in tried else [need])]
            found, proof = _find(check, subject, list(dict.fromkeys(missing)))
            if evidence is not None and proof is not None:
                evidence[check.name] = proof
            tried.add(check.name)
            if found.status != PASS:
                blamed[check.name] = missing or [check.name]
            findings.append(found)
        return findings


def _find(check: Check, subject: Any, missing: list[str]) -> tuple[Finding, Any]:
    """Return the finding of one check and its evidence. missing: the checks to blame if it cannot be tried."""

    def finding(
        status: Status, message: str = "", hint: str = "", mistake: str = "", maps: Sequence[ErrorMap] = ()
    ) -> Finding:
        return Finding(check.name, check.sentence, status, message, hint, mistake, list(maps), check.part)

    if missing:
        verb = "does" if len(missing) == 1 else "do"
        return finding(UNKNOWN, f"not tried, because {', '.join(missing)} {verb} not pass"), None
    try:
        check.run(subject)
    except Failed as failed:
        said = str(failed)[:_LONGEST]
        return finding(FAIL, said, failed.hint, failed.mistake, failed.maps), failed.evidence
    except Advice as advice:
        return finding(PASS, str(advice)[:_LONGEST], advice.hint, advice.mistake), None
    except Unknown as unknown:
        return finding(UNKNOWN, str(unknown)), None
    except GuestError as error:
        return finding(FAIL, f"the code {error}"), None
    except Exception as error:  # caused by what the code has sent: the check must fail, and the other checks must go on
        return finding(FAIL, f"the code sent something that this check cannot read: {error!r}"[:_LONGEST]), None
    return finding(PASS), None
