"""The checks of a file's form, made before the file is run. Each docstring is the sentence that a student reads."""

from __future__ import annotations

import codecs
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convlens.checker.checks import Advice, Checks, Failed
from convlens.checker.guest import Guest, GuestError
from convlens.checker.rules import Rules
from convlens.checker.submission import File
from convlens.checker.verdict import FORM, Finding

__all__ = ["CHECKS", "FILE", "KERAS", "FileUnderTest", "run"]

FILE = Checks()  # without these there is no code
CHECKS = Checks(FORM)
KERAS = Checks(FORM)  # for a task that allows only one use of tf.keras
SECONDS = 10.0  # limit for parsing a file, whatever the limit of its calls is; parsing takes milliseconds
# The most that one message lists: imports or names; complaints of pycodestyle; lines of one complaint
_EXAMPLES, _COMPLAINTS, _LINES = 3, 3, 3
_SHOWN = 80  # bytes of a line that a message shows
FIRST_LINE = b"#!/usr/bin/env python3"


@dataclass
class FileUnderTest:
    """A submitted file, and what a guest found when it parsed the file.

    open_guest: a function that gives a process for the job `guest_side.form`; facts: the answer of this process, {}
    before the first call of `parse`
    """

    submitted: File
    rules: Rules
    open_guest: Any
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """The bytes of the file, b"" if it could not be read."""
        return self.submitted.content or b""

    def parse(self) -> dict[str, Any]:
        """Return what `guest_side.form` finds. Raise Failed if the parser gives no answer."""
        if not self.facts:
            opened: AbstractContextManager[Guest] = self.open_guest()
            with opened as guest:
                try:
                    request = {"do": "form", "function": self.rules.function}
                    self.facts, _ = guest.ask(request, [np.frombuffer(self.content, np.uint8)], seconds=SECONDS)
                except GuestError as error:
                    raise Failed(f"the file was parsed, not run, and the parser {error}") from None
        return self.facts


def run(file: FileUnderTest) -> list[Finding]:
    """Return the findings of all checks of form that this file's task has."""
    found = FILE.run(file)
    for table in (CHECKS, KERAS) if file.rules.keras else (CHECKS,):
        found += table.run(file, found)
    return found


@FILE.add()
def exists(file: FileUnderTest) -> None:
    """The file exists."""
    if file.submitted.missing:
        raise Failed(file.submitted.problem)


@FILE.add("exists")
def readable(file: FileUnderTest) -> None:
    """The file can be read, and it is not a link."""
    if file.submitted.content is None:
        raise Failed(file.submitted.problem)


@FILE.add("readable")
def parses(file: FileUnderTest) -> None:
    """The file is valid Python."""
    if problem := file.parse().get("parses"):
        raise Failed(str(problem), str(file.parse().get("cure", "")))


@CHECKS.add("readable")
def own_file(file: FileUnderTest) -> None:
    """The code is handed in as a Python file with the name that the task asks for."""
    if file.submitted.notebook:
        raise Failed(f"the code stands in the notebook {file.submitted.notebook!r}", "copy the code into a Python file")


@CHECKS.add("own_file")
def run_bit(file: FileUnderTest) -> None:
    """The file is executable."""
    if not file.submitted.runs:
        raise Failed("the owner may not execute the file", "make the file executable: chmod u+x")


@CHECKS.add("own_file")
def first_line(file: FileUnderTest) -> None:
    """The first line is exactly #!/usr/bin/env python3."""
    first = file.content.partition(b"\n")[0].rstrip(b"\r")
    if first.startswith(codecs.BOM_UTF8):
        raise Failed(
            "the file starts with a byte-order mark, which editors do not show",
            "save the file as UTF-8 without a byte-order mark",
        )
    if first != FIRST_LINE:
        raise Failed(f"the first line is {_quoted(first)}")


@CHECKS.add("own_file")
def final_newline(file: FileUnderTest) -> None:
    """The file ends with a newline character."""
    if not file.content.endswith(b"\n"):
        last = file.content.rpartition(b"\n")[2]
        raise Failed(f"the file ends with {_quoted(last)}, without a newline" if last else "the file is empty")


@CHECKS.add("own_file")
def line_ends(file: FileUnderTest) -> None:
    """Lines end only with \\n, as on Linux."""
    if b"\r" in file.content:
        line = file.content[: file.content.index(b"\r")].count(b"\n") + 1
        raise Failed(
            f"line {line} ends with \\r\\n or has \\r in it, as on Windows", "save the file with Unix line endings"
        )


@CHECKS.add("parses")
def imports(file: FileUnderTest) -> None:
    """The file imports only what the task allows."""
    accepted = (file.rules.allowed, *file.rules.editions)
    wrong = [(line, text) for line, text in file.parse()["imports"] if text not in accepted]
    if wrong:
        text = ", ".join(f"{text!r} (line {line})" for line, text in wrong[:_EXAMPLES])
        raise Failed(f"the task allows only {file.rules.allowed!r}; the file has {text}")


@CHECKS.add("parses")
def documentation(file: FileUnderTest) -> None:
    """The module and all its functions have docstrings."""
    if missing := file.parse()["undocumented"]:
        text = ", ".join(f"{name} (line {line})" for line, name in missing[:_EXAMPLES])
        raise Failed(f"no docstring: {text}")


@CHECKS.add("own_file", "parses")
def style(file: FileUnderTest) -> None:
    """The style is right: pycodestyle finds nothing."""
    if found := file.parse()["style"]:
        rest = sum(count for _, count, _ in found[_COMPLAINTS:])
        raise Failed(
            "; ".join([_complaint(*one) for one in found[:_COMPLAINTS]] + ([f"and {rest} more"] if rest else []))
        )


@CHECKS.add("parses")
def signature(file: FileUnderTest) -> None:
    """The function has the name, the arguments and the defaults that the task asks for."""
    facts, rules = file.parse(), file.rules
    if facts["signature"] is None:
        names = facts["functions"]
        if rules.function in names:
            raise Failed(f"the function must be {rules.signature}; it has *, ** or keyword-only arguments")
        raise Failed(f"the file must have a function {rules.signature}; it has {', '.join(names) or 'no function'}")
    got = tuple((name, default) for name, default in facts["signature"])
    if got != rules.arguments:
        given = ", ".join(name if default is None else f"{name}={default}" for name, default in got)
        raise Failed(f"the function must be {rules.signature}; it is {rules.function}({given})")


@CHECKS.add("parses")
def equality(file: FileUnderTest) -> None:
    """Texts and numbers are compared by ==, not by `is`."""
    if found := file.parse()["identities"]:
        text = ", ".join(f"{text} (line {line})" for line, text in found[:_EXAMPLES])
        raise Advice(
            f"the file compares by `is`: {text}",
            "use ==: `is` asks whether two objects are the same one, and equal texts need not be",
            "compares_by_is",
        )


@KERAS.add("parses")
def keras(file: FileUnderTest) -> None:
    """The file uses only the part of tf.keras that the task allows."""
    allowed = (file.rules.keras, file.rules.keras.rpartition(".")[0])  # `k = tf.keras.initializers` is allowed too
    if wrong := [(line, name) for line, name in file.parse()["keras"] if name not in allowed]:
        text = ", ".join(f"{name} (line {line})" for line, name in wrong[:_EXAMPLES])
        raise Failed(f"the task allows only {file.rules.keras}; the file has {text}")


def _complaint(text: str, count: int, places: list[tuple[int, int]]) -> str:
    """Return the words for a complaint of pycodestyle, with the lines where it occurs."""
    if count == 1:
        return f"line {places[0][0]}, column {places[0][1]}: {text}"
    lines = list(dict.fromkeys(str(line) for line, _ in places))[:_LINES]
    more = count - len(lines)
    return f"{text}: lines {', '.join(lines)}" + (f" and {more} more" if more else "")


def _quoted(line: bytes) -> str:
    """Return a line in quotes, in printable characters, shortened if it is long."""
    text = line[:_SHOWN].decode(errors="backslashreplace")
    return repr(text + ("…" if len(line) > _SHOWN else ""))
