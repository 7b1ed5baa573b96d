"""The checks of a file's form, before any of it is run. Each docstring is the sentence that a student reads."""

from __future__ import annotations

import codecs
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from convlens.checker.checks import Checks, Failed
from convlens.checker.guest import Guest, GuestError
from convlens.checker.rules import Rules
from convlens.checker.submission import MISSING, File
from convlens.checker.verdict import Finding

__all__ = ["CHECKS", "KERAS", "FormBench", "run"]

CHECKS = Checks()
KERAS = Checks()  # of a task that allows one use of tf.keras alone
SECONDS = 10.0  # to parse a file, however long its code may run
_KINDS, _LINES = 3, 3  # of pycodestyle's complaints, and the lines of each, that are told
FIRST_LINE = b"#!/usr/bin/env python3"


@dataclass
class FormBench:
    """A submitted file and a guest that parses it"""

    file: File
    rules: Rules
    open_guest: Any
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """The file's bytes"""
        return self.file.content or b""

    def parse(self) -> dict[str, Any]:
        """What `inside.form` found"""
        if not self.facts:
            opened: AbstractContextManager[Guest] = self.open_guest()
            with opened as guest:
                try:
                    self.facts, _ = guest.ask({"do": "form"}, seconds=SECONDS)
                except GuestError as error:
                    raise Failed(f"while the file was parsed, which runs none of it, the parser {error}") from None
        return self.facts


def run(bench: FormBench) -> list[Finding]:
    """What all checks of this task's form find"""
    found = CHECKS.run(bench)
    return [*found, *KERAS.run(bench, found)] if bench.rules.keras else found


@CHECKS.add()
def exists(bench: FormBench) -> None:
    """The file is there."""
    if bench.file.content is None and bench.file.problem.startswith(MISSING):
        raise Failed(bench.file.problem)


@CHECKS.add("exists")
def readable(bench: FormBench) -> None:
    """It is a file, not a link to one, and can be read."""
    if bench.file.content is None:
        raise Failed(bench.file.problem)


@CHECKS.add("readable")
def run_bit(bench: FormBench) -> None:
    """The file is executable."""
    if not bench.file.runs:
        raise Failed("the owner may not run it", "chmod u+x")


@CHECKS.add("readable")
def first_line(bench: FormBench) -> None:
    """The first line is exactly #!/usr/bin/env python3."""
    first = bench.content.partition(b"\n")[0].rstrip(b"\r")
    if first.startswith(codecs.BOM_UTF8):
        raise Failed(
            "the file starts with a byte-order mark, which editors do not show",
            "save it as UTF-8 without a byte-order mark",
        )
    if first != FIRST_LINE:
        raise Failed(f"the first line is {_shown(first)}")


@CHECKS.add("readable")
def final_newline(bench: FormBench) -> None:
    """The file ends with a new line."""
    if not bench.content.endswith(b"\n"):
        last = bench.content.rpartition(b"\n")[2]
        raise Failed(f"it ends with {_shown(last)} and no new line" if last else "the file is empty")


@CHECKS.add("readable")
def line_ends(bench: FormBench) -> None:
    """Lines end as on Linux, with \\n alone."""
    if b"\r" in bench.content:
        line = bench.content[: bench.content.index(b"\r")].count(b"\n") + 1
        raise Failed(f"line {line} ends with \\r\\n or has \\r in it, as on Windows", "save it with Unix line ends")


@CHECKS.add("readable")
def parses(bench: FormBench) -> None:
    """The file is Python."""
    try:
        bench.content.decode()
    except UnicodeDecodeError as error:
        line = bench.content.count(b"\n", 0, error.start) + 1
        message = f"it must be text in UTF-8; line {line} is none, by its byte 0x{bench.content[error.start]:02x}"
        raise Failed(message, "save it as UTF-8, not in another encoding") from None
    if problem := bench.parse().get("parses"):
        raise Failed(str(problem))


@CHECKS.add("parses")
def imports(bench: FormBench) -> None:
    """Nothing is imported but what the task allows."""
    wrong = [(line, text) for line, text in bench.parse()["imports"] if text != bench.rules.allowed]
    if wrong:
        text = ", ".join(f"{text!r} (line {line})" for line, text in wrong[:3])
        raise Failed(f"the task allows {bench.rules.allowed!r} alone; the file has {text}")


@CHECKS.add("parses")
def documentation(bench: FormBench) -> None:
    """The module and all its functions have documentation."""
    if missing := bench.parse()["undocumented"]:
        text = ", ".join(f"{name} (line {line})" for line, name in missing[:3])
        raise Failed(f"no docstring: {text}")


@CHECKS.add("parses")
def style(bench: FormBench) -> None:
    """pycodestyle finds nothing."""
    if found := bench.parse()["style"]:
        rest = sum(count for _, count, _ in found[_KINDS:])
        raise Failed("; ".join([_complaint(*one) for one in found[:_KINDS]] + ([f"and {rest} more"] if rest else [])))


@CHECKS.add("parses")
def signature(bench: FormBench) -> None:
    """The function has the name, the arguments and the defaults that the task gives it."""
    facts, rules = bench.parse(), bench.rules
    if facts["signature"] is None:
        names = facts["functions"]
        if rules.function in names:
            raise Failed(f"it must be {rules.signature}; it has * or ** or arguments by name alone")
        raise Failed(f"there must be a function {rules.signature}; the file has {', '.join(names) or 'none'}")
    got = tuple((name, default) for name, default in facts["signature"])
    if got != rules.arguments:
        given = ", ".join(name if default is None else f"{name}={default}" for name, default in got)
        raise Failed(f"it must be {rules.signature}; it is {rules.function}({given})")


@KERAS.add("parses")
def keras(bench: FormBench) -> None:
    """Of tf.keras nothing is used but what the task allows."""
    allowed = (bench.rules.keras, bench.rules.keras.rpartition(".")[0])  # the latter, of which it is taken later
    if wrong := [(line, name) for line, name in bench.parse()["keras"] if name not in allowed]:
        text = ", ".join(f"{name} (line {line})" for line, name in wrong[:3])
        raise Failed(f"the task allows {bench.rules.keras} alone; the file has {text}")


def _complaint(text: str, count: int, places: list[tuple[int, int]]) -> str:
    """What pycodestyle says, and the lines of which it does"""
    if count == 1:
        return f"line {places[0][0]}, column {places[0][1]}: {text}"
    lines = list(dict.fromkeys(str(line) for line, _ in places))[:_LINES]
    more = count - len(lines)
    return f"{text}: lines {', '.join(lines)}" + (f" and {more} more" if more else "")


def _shown(line: bytes) -> str:
    """A line as it can be printed, not too long"""
    text = line[:80].decode(errors="backslashreplace")
    return repr(text + ("…" if len(line) > 80 else ""))
