"""The results of a class: a file to which each is added as it comes, so that a kill at any moment loses none.

JSON, a line each. The first line says what the file is and how its submissions are checked; every other one is a
result. The last one of a name counts. A last line that a kill cut off is taken away when the file is opened again. One
process at a time writes a file.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convlens.checker.verdict import Report
from convlens.storage.atomic import atomic_write
from convlens.storage.journal import add_line, locked

__all__ = ["FORMAT", "VERSION", "Entry", "Results", "open_results"]

FORMAT, VERSION = "convlens class results", 1
_BEGINNING = json.dumps({"format": FORMAT, "version": VERSION})[:-1].encode()


@dataclass(frozen=True)
class Entry:
    """A result. digest: of what was checked; cached: it is that of an equal submission; trouble: there is no verdict
    through no fault of the submission, which is to be tried again
    """

    name: str
    digest: str
    report: Report
    cached: bool = False
    trouble: bool = False


class Results:
    """The results so far, by name, and how they are to be got. Made by `open_results`."""

    def __init__(self, path: Path, handle: int, settings: Mapping[str, Any], entries: dict[str, Entry]) -> None:
        self.path, self.settings, self.entries = path, settings, entries
        self._handle = handle
        self._reports = {entry.digest: entry.report for entry in entries.values() if not entry.trouble}

    def find(self, name: str, digest: str) -> Entry | None:
        """The result of that name, if it is of that content and there is no reason to try again"""
        entry = self.entries.get(name)
        return entry if entry and entry.digest == digest and not entry.trouble else None

    def twin(self, digest: str) -> Report | None:
        """The report of a submission with that content, whoever's it is"""
        return self._reports.get(digest)

    def append(self, entry: Entry) -> None:
        """Add a result; when this returns, it is on the disk. OSError when there is no room, and nothing is added"""
        fields = {"name": entry.name, "digest": entry.digest, "cached": entry.cached, "trouble": entry.trouble}
        add_line(self._handle, self.path, {**fields, "report": entry.report.as_json()})
        self.entries[entry.name] = entry
        if not entry.trouble:
            self._reports[entry.digest] = entry.report


@contextmanager
def open_results(path: Path, settings: Mapping[str, Any], again: bool = False) -> Iterator[Results]:
    """The results in that file, or a new file. Nobody else writes it meanwhile.

    settings: what the submissions are checked with, by name; it must be what the file says. A seed of None is that of
    the file, or drawn for a new one. again: start the file anew, in one step. Raises ValueError for a file that has
    other settings, another version or no results, BlockingIOError if another process writes it.
    """
    settings = json.loads(json.dumps(settings))  # as the file has them
    handle = locked(path, "class run")
    try:
        head, entries = _read(path, handle, lenient=again)
        if again and head is not None:
            os.close(handle)
            handle, head, entries = _anew(path), None, {}
        if head is None:
            os.ftruncate(handle, 0)
            if settings.get("seed", 0) is None:
                settings = {**settings, "seed": secrets.randbelow(2**31)}
            add_line(handle, path, {"format": FORMAT, "version": VERSION, **settings})
        else:
            settings = _agree(path, head, settings)
        yield Results(path, handle, settings, entries)
    finally:
        os.close(handle)


def _anew(path: Path) -> int:
    """An empty file in its place"""
    with atomic_write(path):
        pass
    return locked(path, "class run")


def _read(path: Path, handle: int, *, lenient: bool) -> tuple[dict[str, Any] | None, dict[str, Entry]]:
    """The first line, None if there is none yet, and the results; what a kill left half-written is cut off.

    lenient: whatever is in it but other people's text
    """
    entries: dict[str, Entry] = {}
    head: dict[str, Any] | None = None
    good = 0  # bytes of whole lines
    with open(os.dup(handle), "rb") as file:  # noqa: PTH123 — this very file, whatever has its name now
        file.seek(0)
        for number, line in enumerate(file, start=1):
            if number == 1:
                head = _head(path, line, lenient)
                if head is None:
                    return None, {}
                if lenient:
                    return head, {}
            else:
                try:
                    entry = _entry(line)
                except (ValueError, KeyError, TypeError, RecursionError) as error:
                    if file.read(1):
                        raise ValueError(
                            f"each line of {str(path)!r} must be a result; line {number} is damaged: {error!r}; "
                            "--again starts the file anew"
                        ) from None
                    os.ftruncate(handle, good)
                    break
                entries[entry.name] = entry
            good += len(line)
    return head, entries


def _head(path: Path, line: bytes, lenient: bool) -> dict[str, Any] | None:
    if not line.endswith(b"\n") and (line.startswith(_BEGINNING) or _BEGINNING.startswith(line)):
        return None  # killed in the first line
    try:
        head = json.loads(line)
        if head["format"] != FORMAT:
            raise ValueError
        version = head["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError(
            f"{str(path)!r} must be a file of {FORMAT}, or not be there; it is something else, and stays as it is"
        ) from None
    if version != VERSION and not lenient:
        raise ValueError(
            f"{str(path)!r} must be {FORMAT} of version {VERSION}; it has version {version!r}: name another file with "
            "--out, or start this one anew with --again"
        )
    return dict(head)


def _entry(line: bytes) -> Entry:
    value = json.loads(line)
    if not line.endswith(b"\n"):
        raise ValueError("the line has no end")
    report = Report.from_json(value["report"])
    return Entry(str(value["name"]), str(value["digest"]), report, bool(value["cached"]), bool(value["trouble"]))


def _agree(path: Path, head: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    agreed = {}
    for name, wanted in settings.items():
        found = head.get(name)
        any_seed = name == "seed" and wanted is None and isinstance(found, int)
        if found != wanted and not any_seed:
            raise ValueError(
                f"results in one file must be of the same {name}; {str(path)!r} has {found!r}, asked for is "
                f"{wanted!r}: name another file with --out, or start this one anew with --again"
            )
        agreed[name] = found
    return agreed
