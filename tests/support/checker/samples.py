"""Right and wrong coursework files for the tests of the checker, and how to make a submission from them."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.places import CHECKER

FOLDER = CHECKER / "submissions"
FILES = ("0-conv_forward.py", "1-pool_forward.py", "2-conv_backward.py", "3-pool_backward.py")
# The submissions, and how each file with padding halves an odd number of zeros: "floor" and "ceil" pad equally on
# both sides, with one zero too few or too many; "top" and "bottom" put the odd zero at the top and left, or at the
# bottom and right, so that the output has the size of the input.
READINGS = {
    "loops": {"0-conv_forward.py": "ceil", "2-conv_backward.py": "ceil"},
    "windows": {"0-conv_forward.py": "floor", "2-conv_backward.py": "ceil"},
    "einsum": {"0-conv_forward.py": "top", "2-conv_backward.py": "top"},
    "im2col": {"0-conv_forward.py": "bottom", "2-conv_backward.py": "bottom"},
    "cells": {"0-conv_forward.py": "floor", "2-conv_backward.py": "floor"},
    "singles": {"0-conv_forward.py": "top", "2-conv_backward.py": "ceil"},
}
BASES = tuple(READINGS)


@dataclass(frozen=True)
class Mutant:
    """A wrong variant of a correct file.

    base, file: the correct file; mistake: the name of the mistake; name: what is wrong here, in a few words; old: text
    that occurs `count` times in the file; new: its replacement.
    """

    base: str
    file: str
    mistake: str
    name: str
    old: str
    new: str
    count: int = 1

    def __str__(self):
        return f"{self.file.removesuffix('.py')}, {self.base}, {self.mistake}: {self.name}"


@dataclass(frozen=True)
class Form:
    """A correct file with a wrong form.

    check: the check that must fail; name: what is wrong, in a few words; spoil: a function that changes the file.
    """

    base: str
    file: str
    check: str
    name: str
    spoil: Callable[[Path], None]

    def __str__(self):
        return f"{self.file.removesuffix('.py')}, {self.base}, {self.check}: {self.name}"


def source(base: str, file: str) -> str:
    """The text of a correct file."""
    return (FOLDER / base / file).read_text()


def mutated(mutant: Mutant) -> str:
    """The text of a wrong file. Raise AssertionError unless the text to replace occurs `count` times."""
    text = source(mutant.base, mutant.file)
    found = text.count(mutant.old)
    assert found == mutant.count, f"{mutant}: {mutant.old!r} must occur {mutant.count} times; it occurs {found} times"
    return text.replace(mutant.old, mutant.new)


def place(tmp_path: Path, base: str, file: str | None = None, text: str | None = None) -> Path:
    """Copy the submission `base` into a new folder of tmp_path; return the folder.

    If `file` is given, it gets the text `text`, or is removed if `text` is None. Files keep their modes.
    """
    folder = tmp_path / base
    folder.mkdir()
    for name in FILES:
        shutil.copy(FOLDER / base / name, folder / name)
    if file is not None:
        if text is None:
            (folder / file).unlink()
        else:
            (folder / file).write_text(text)
    return folder


def spoilt(tmp_path: Path, form: Form) -> Path:
    """Copy a submission and give one file its wrong form; return the folder."""
    folder = place(tmp_path, form.base)
    form.spoil(folder / form.file)
    return folder
