"""Checks: functions whose docstring is the sentence that a student reads, in a table, some of them standing on others.

    CHECKS = Checks()

    @CHECKS.add("loads")
    def one_by_one(bench):
        "A 1×1 kernel with padding "same" needs no padding at all"
        bench.agree(...)

A check that returns has passed. It raises `Failed` to fail and `Unknown` where it could not tell; a check that needs
one that has not passed could not tell, either.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from convlens.checker.guest import GuestError
from convlens.checker.verdict import FAIL, PASS, UNKNOWN, Finding, Map

__all__ = ["Check", "Checks", "Failed", "Unknown"]

_LONGEST = 2000  # characters of a message

F = TypeVar("F", bound=Callable[[Any], None])


class Failed(Exception):  # noqa: N818 — the outcome of a check, not an error
    """A check fails: what was found, the likely mistake and its name, where the arrays differ.

    evidence: whatever the bench can find the likely mistake by, once all checks have run
    """

    def __init__(
        self, message: str, hint: str = "", mistake: str = "", maps: Sequence[Map] = (), evidence: Any = None
    ) -> None:
        super().__init__(message)
        self.hint, self.mistake, self.maps, self.evidence = hint, mistake, list(maps), evidence


class Unknown(Exception):  # noqa: N818
    """A check could not tell, and why."""


@dataclass(frozen=True)
class Check:
    """name and sentence: of the function `run`, which is given a bench; needs: names of checks that must pass before"""

    name: str
    sentence: str
    run: Callable[[Any], None]
    needs: tuple[str, ...]


class Checks:
    """An ordered table of checks for one kind of file"""

    def __init__(self) -> None:
        self.table: list[Check] = []

    def add(self, *needs: str) -> Callable[[F], F]:
        """A decorator: the function is a check that needs those to pass before it. ValueError without a docstring"""

        def adding(function: F) -> F:
            sentence = " ".join((inspect.getdoc(function) or "").split())
            if not sentence:
                raise ValueError(f"a check must have a docstring, the sentence a student reads; {function} has none")
            self.table.append(Check(function.__name__, sentence, function, needs))
            return function

        return adding

    def run(self, bench: Any, before: Sequence[Finding] = (), evidence: dict[str, Any] | None = None) -> list[Finding]:
        """What all of them find, in order; `before` are findings that the table's needs may name, too.

        evidence: is given that of the checks that fail, by their names
        """
        # Of each check that does not pass: itself, or for one that is not tried, those that stand in its way
        first_of_before = [found.name for found in before if found.status == FAIL][:1]
        ways = {found.name: [found.name] for found in before if found.status == FAIL}
        ways |= {found.name: first_of_before or [found.name] for found in before if found.status == UNKNOWN}
        tried = {found.name for found in before}
        findings: list[Finding] = []
        for check in self.table:
            missing = [way for need in check.needs for way in ways.get(need, [] if need in tried else [need])]
            found, proof = _find(check, bench, list(dict.fromkeys(missing)))
            if evidence is not None and proof is not None:
                evidence[check.name] = proof
            tried.add(check.name)
            if found.status != PASS:
                ways[check.name] = missing or [check.name]
            findings.append(found)
        return findings


def _find(check: Check, bench: Any, missing: list[str]) -> tuple[Finding, Any]:
    name, sentence = check.name, check.sentence
    if missing:
        return Finding(name, sentence, UNKNOWN, f"not tried, since this comes first: {', '.join(missing)}"), None
    try:
        check.run(bench)
    except Failed as failed:
        said = str(failed)[:_LONGEST]
        return Finding(name, sentence, FAIL, said, failed.hint, failed.mistake, failed.maps), failed.evidence
    except Unknown as unknown:
        return Finding(name, sentence, UNKNOWN, str(unknown)), None
    except GuestError as error:
        return Finding(name, sentence, FAIL, f"the code {error}"), None
    except Exception as error:  # by what the code has sent: it may not stop the other checks, nor gain by it
        return Finding(name, sentence, FAIL, f"the code sent what this check cannot read: {error!r}"[:_LONGEST]), None
    return Finding(name, sentence, PASS), None
