"""The results file of a class. Each result is written at once, so that no result is lost if the process is killed.

Each line is JSON. The first line says what the file is and how the submissions are checked, and every other line is a
result. If a name has several results, the last one counts. If the last line is incomplete because the process was
killed, it is removed when the file is opened again. Only one process at a time writes the file.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from convlens.checker.verdict import Report
from convlens.storage.atomic import atomic_write
from convlens.storage.journal import add_line, locked

__all__ = ["FORMAT", "VERSION", "Entry", "Results", "open_results", "read_results"]

FORMAT, VERSION = "convlens class results", 1
_WRITER = "class run"  # the writer of the file, in messages of `storage.journal`
_SEEDS = 2**31  # number of possible random seeds: nobody can prepare the answers for all of them
_BEGINNING = json.dumps({"format": FORMAT, "version": VERSION})[:-1].encode()


@dataclass(frozen=True)
class Entry:
    """The result of one student.

    name: name of the student; digest: hash of the submission; cached: whether the report was made for an equal
    submission; trouble: whether the grading failed, so that it must be tried again
    """

    name: str
    digest: str
    report: Report
    cached: bool = False
    trouble: bool = False


class Results:
    """The results so far, by name, and the settings of the checks. `open_results` creates it.

    before: the results that the file had when it was opened, even if they were then discarded
    """

    def __init__(
        self,
        path: Path,
        handle: int,
        settings: Mapping[str, Any],
        entries: dict[str, Entry],
        before: Mapping[str, Entry] | None = None,
    ) -> None:
        self.path, self.settings, self.entries = path, settings, entries
        self.before = dict(entries if before is None else before)
        self._handle = handle
        self._reports = {entry.digest: entry.report for entry in entries.values() if not entry.trouble}

    def find(self, name: str, digest: str) -> Entry | None:
        """Return the result of a student, None if the submission has changed or must be graded again."""
        entry = self.entries.get(name)
        return entry if entry and entry.digest == digest and not entry.trouble else None

    def report_on(self, digest: str) -> Report | None:
        """Return the report on an equal submission, None if there is none."""
        return self._reports.get(digest)

    def append(self, entry: Entry) -> None:
        """Add a result. When this method returns, the result is on the disk. If the disk is full, raise OSError and add
        nothing."""
        fields = {"name": entry.name, "digest": entry.digest, "cached": entry.cached, "trouble": entry.trouble}
        add_line(self._handle, self.path, {**fields, "report": entry.report.as_json()})
        self.entries[entry.name] = entry
        if not entry.trouble:
            self._reports[entry.digest] = entry.report


@contextmanager
def open_results(path: Path, settings: Mapping[str, Any], again: bool = False) -> Iterator[Results]:
    """Open a results file, or create one. No other process can write it meanwhile.

    settings: settings of the checks, by name, which must agree with the settings in the file. A seed of None means the
    seed of the file, or a random seed for a new file. again: whether to replace the file, in one step, with an empty
    one. Raise ValueError if the file has other settings or another version, or is no results file, BlockingIOError if
    another process writes it.
    """
    settings = json.loads(json.dumps(settings))  # as they are in the file
    handle = locked(path, _WRITER)
    try:
        with open(os.dup(handle), "rb") as file:  # noqa: PTH123 — this file, even if the path names another file by now
            head = _read_head(path, file, any_version=again)
            before = {} if head is None else _read_before(path, file, head) if again else _read_entries(path, file)
        if again and head is not None:
            os.close(handle)
            handle, head = _replace_file(path), None
        settings = _start(path, handle, settings) if head is None else _check_settings(path, head, settings)
        yield Results(path, handle, settings, {} if again else dict(before), before)
    finally:
        os.close(handle)


def read_results(path: Path) -> dict[str, Entry]:
    """Return the results in a file, by name. The file is not changed, and may be in use by another process.

    Raise OSError if there is no file, ValueError if it is no results file.
    """
    with path.open("rb") as file:
        if _read_head(path, file, any_version=False) is None:
            raise ValueError(f"{str(path)!r} must be a file of {FORMAT}; it is empty")
        return _read_entries(path, file, mend=False)


def _read_before(path: Path, file: BinaryIO, head: Mapping[str, Any]) -> dict[str, Entry]:
    """Return the results that are discarded, {} if they cannot be read any more."""
    try:
        return _read_entries(path, file, mend=False) if head["version"] == VERSION else {}
    except ValueError:
        return {}


def _replace_file(path: Path) -> int:
    """Replace a file with an empty file, and return the handle of the new file."""
    with atomic_write(path):
        pass
    return locked(path, _WRITER)


def _start(path: Path, handle: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Write the first line of an empty file and return its settings. A missing seed is drawn at random."""
    os.ftruncate(handle, 0)
    if settings.get("seed", 0) is None:
        settings = {**settings, "seed": secrets.randbelow(_SEEDS)}
    add_line(handle, path, {"format": FORMAT, "version": VERSION, **settings})
    return dict(settings)


def _check_settings(path: Path, head: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the file. Raise ValueError if the command asks for others."""
    agreed = {}
    for name, wanted in settings.items():
        found = head.get(name)
        any_seed = name == "seed" and wanted is None and isinstance(found, int)
        if found != wanted and not any_seed:
            raise ValueError(
                f"all results in a file must have the same {name}; {str(path)!r} has {found!r}, the command asks for "
                f"{wanted!r}: name another file with --out, or start this one anew with --again"
            )
        agreed[name] = found
    return agreed


def _read_head(path: Path, file: BinaryIO, *, any_version: bool) -> dict[str, Any] | None:
    """Return the first line, None if it is missing or incomplete. Raise ValueError if this is no results file."""
    file.seek(0)
    line = file.readline()
    if not line or (not line.endswith(b"\n") and (line.startswith(_BEGINNING) or _BEGINNING.startswith(line))):
        return None
    try:
        head = json.loads(line)
        if head["format"] != FORMAT:
            raise ValueError
        version = head["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError(
            f"{str(path)!r} must be a file of {FORMAT}, or not exist; it is something else, and is not changed"
        ) from None
    if version != VERSION and not any_version:
        raise ValueError(
            f"{str(path)!r} must be {FORMAT} of version {VERSION}; it has version {version!r}: name another file with "
            "--out, or start this one anew with --again"
        )
    return dict(head)


def _read_entries(path: Path, file: BinaryIO, *, mend: bool = True) -> dict[str, Entry]:
    """Return the results after the first line, by name. An incomplete last line is left out.

    mend: whether to remove an incomplete last line from the file
    """
    entries: dict[str, Entry] = {}
    good = file.tell()  # bytes of whole lines
    for number, line in enumerate(file, start=2):
        try:
            entry = _entry(line)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            if file.read(1):
                raise ValueError(
                    f"each line of {str(path)!r} must be a result; line {number} is damaged: {error!r}; "
                    "--again starts the file anew"
                ) from None
            if mend:
                os.ftruncate(file.fileno(), good)
            break
        entries[entry.name] = entry
        good += len(line)
    return entries


def _entry(line: bytes) -> Entry:
    value = json.loads(line)
    if not line.endswith(b"\n"):
        raise ValueError("the line has no end")
    report = Report.from_json(value["report"])
    return Entry(str(value["name"]), str(value["digest"]), report, bool(value["cached"]), bool(value["trouble"]))
