"""Read a hand-in: find the folder that has the files of the tasks, and read these files."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from convlens.checker.hand_ins.archives import REFUSED, in_archive, is_archive
from convlens.checker.hand_ins.entries import LINK, Entry, in_folder, on_disk, read_file
from convlens.checker.hand_ins.notebooks import code_of, defines
from convlens.checker.rules import RULES
from convlens.checker.submission import MISSING, SUMMARY, TASKS, File, Submission

__all__ = ["EmptyError", "read", "read_files"]

# A misspelt name is searched for only among the first _FEW files with names of at most _LONGEST characters: the time
# to compare two names is proportional to the product of their lengths
_LONGEST, _FEW = 80, 200
# The smallest ratio of difflib at which a name counts as misspelt: convfoward and convforward have 0.95, poolforward
# and convforward only 0.73
_SIMILAR = 0.85
_ARCHIVES = 5  # archives or notebooks inside a folder that are opened, and links that are told


class EmptyError(ValueError):
    """Nothing is handed in."""


def read(place: Path, tasks: Sequence[int] = tuple(range(len(TASKS))), name: str | None = None) -> Submission:
    """Return the files of these tasks in a hand-in: a folder, a zip or tar file, a notebook, or one file of a task.

    The files may lie some folders down, or in an archive inside the folder. `notes` says where they were found. If a
    file cannot be read, its `problem` says why. Raise OSError if the place does not exist, EmptyError if there is
    nothing in it, ValueError if it cannot be read at all.
    """
    entries = list(_entries(place))
    if not entries:
        raise EmptyError(f"a submission must have files; {os.fspath(place)!r} is empty")
    return _read_entries(entries, tasks, name or _title(place))


def read_files(files: Sequence[tuple[str, Path]], tasks: Sequence[int], name: str) -> Submission:
    """Return the same as `read` for files that lie among those of other students.

    files: the name under which each was handed in, and its path; name: the student's name
    """
    return _read_entries([on_disk(path, own) for own, path in files], tasks, name)


def _title(place: Path) -> str:
    name = place.resolve().name
    return name if place.is_dir() else re.sub(r"(\.tar)?\.\w+$", "", name) or name


def _entries(place: Path) -> list[Entry]:
    if place.is_dir():
        return list(in_folder(place))
    if not place.exists():
        raise FileNotFoundError(f"a submission must be a folder, an archive or a notebook; there is no {str(place)!r}")
    if is_archive(place.name):
        return in_archive(place)
    if place.name in TASKS or place.suffix == ".ipynb":
        return [on_disk(place, place.name)]
    kind = REFUSED.get(place.suffix.lower(), "another file")
    raise NotADirectoryError(
        f"a submission must be a folder, a zip or tar file, or a notebook; {str(place)!r} is {kind}"
    )


def _read_entries(entries: Sequence[Entry], tasks: Sequence[int], name: str) -> Submission:
    """Return the files of these tasks among the entries of a hand-in. name: the student's name"""
    entries, notes = _opened(entries)
    folder = _folder(entries)
    if folder:
        notes.append(f"the files are in {folder!r}")
    notes += [
        f"{entry.path!r} is a link: hand in the files themselves"
        for entry in entries
        if entry.problem == LINK and entry.name not in TASKS
    ][:_ARCHIVES]
    here = {entry.name: entry for entry in entries if entry.folder == folder}
    others = [one.name for one in here.values() if not one.problem and one.name not in TASKS]
    files = {}
    for task in tasks:
        wanted = TASKS[task]
        found = here.get(wanted) or (_summary(here) if wanted == SUMMARY else None)
        files[wanted] = read_file(found) if found else _missing(wanted, entries, folder, others)
        if files[wanted].missing and wanted != SUMMARY:
            files[wanted] = _in_notebook(task, entries) or files[wanted]
    return Submission(name, files, tuple(notes))


def _opened(entries: Sequence[Entry]) -> tuple[Sequence[Entry], list[str]]:
    """Return the entries, and those of the archives among them if no file of a task lies beside these archives."""
    if any(entry.name in TASKS for entry in entries):
        return entries, []
    more: list[Entry] = []
    notes: list[str] = []
    for entry in [one for one in entries if is_archive(one.name) and not one.problem][:_ARCHIVES]:
        if entry.disk is None:
            notes.append(f"{entry.path!r} is an archive inside an archive: hand in the files themselves")
            continue
        try:
            more += [one._replace(path=f"{entry.path}/{one.path}") for one in in_archive(entry.disk)]
        except (OSError, ValueError) as error:
            notes.append(str(error))
    notes += [
        f"{entry.path!r} is {kind}, which cannot be opened here: hand in the files themselves"
        for entry in entries
        if (kind := REFUSED.get(PurePosixPath(entry.name.lower()).suffix))
    ]
    return [*entries, *more], notes


def _folder(entries: Sequence[Entry]) -> str:
    """Return the folder with most files of the tasks: the uppermost, then the first by name; "" without any."""
    counts: dict[str, int] = {}
    for entry in entries:
        if entry.name in TASKS:
            counts[entry.folder] = counts.get(entry.folder, 0) + 1
    return min(counts, key=lambda one: (-counts[one], one.count("/") if one else -1, one), default="")


def _summary(here: Mapping[str, Entry]) -> Entry | None:
    names = sorted(name for name in here if name.startswith("6-") and name.endswith(".md"))
    return here[names[0]] if names else None


def _missing(wanted: str, entries: Sequence[Entry], folder: str, others: Sequence[str]) -> File:
    """Return a missing file, with the name of the file that is probably meant."""
    elsewhere = [entry.path for entry in entries if entry.name == wanted and entry.folder != folder]
    if elsewhere:
        said = f"; there is {elsewhere[0]}: put all files into one folder"
    elif meant := _misspelt(wanted, [other for other in others if len(other) <= _LONGEST][:_FEW]):
        said = f"; there is {meant}: rename it to {wanted}"
    else:
        said = ""
    return File(None, problem=f"{MISSING}{said}", missing=True)


def _misspelt(wanted: str, names: Sequence[str]) -> str | None:
    """Return the name that is probably a misspelling of `wanted`, for example `0-Conv_forward.py`; None if none is.

    The number in front must be the right one or absent, and the letters nearly the same. The files are not opened.
    """
    number, letters = _parts(wanted)
    near = {}
    for name in names:
        its_number, its_letters = _parts(name)
        similarity = difflib.SequenceMatcher(None, letters, its_letters).ratio()
        if its_number in ("", number) and similarity >= _SIMILAR and name.isprintable():
            near[name] = similarity
    return max(near, key=lambda name: near[name], default=None)


def _parts(name: str) -> tuple[str, str]:
    """Return the number in front and the letters before the first dot: "0-Conv_forward.py" -> ("0", "convforward")."""
    stem = name.partition(".")[0].lower()
    number = re.match(r"[0-9]*", stem)
    return number[0] if number else "", re.sub(r"[^a-z]", "", stem)


def _in_notebook(task: int, entries: Sequence[Entry]) -> File | None:
    """Return the definitions of a notebook that has the task's function, None without such a notebook.

    A notebook with the name of the task counts before others.
    """
    notebooks = [entry for entry in entries if entry.name.endswith(".ipynb") and not entry.problem]
    notebooks.sort(key=lambda entry: _parts(entry.name) != _parts(TASKS[task]))
    for entry in notebooks[:_ARCHIVES]:
        found = read_file(entry)
        if found.content is None:
            continue
        try:
            text = defines(code_of(found.content), RULES[task].function)
        except ValueError:
            continue
        if text:
            return replace(found, content=text.encode(), runs=False, notebook=entry.path)
    return None
