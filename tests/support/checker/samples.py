"""Right and wrong coursework files for the tests of the checker, and how to make a submission from them."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.places import CHECKER

FOLDER = CHECKER / "submissions"
FILES = ("0-conv_forward.py", "1-pool_forward.py", "2-conv_backward.py", "3-pool_backward.py")
# The submissions, and how each file with padding halves an odd number of zeros: "floor" and "ceil" pad equally on
# both sides, with one zero too few or too many; "top" and "bottom" put the odd one there (and at the left or right),
# so that the output has the size of the input.
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

    base, file: which one; mistake: its name; name: what is wrong here, in a few words; old: text that stands `count`
    times in the file, new: put in its place
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
    """A correct file spoilt in its form.

    check: what must fail; name: what is wrong, in a few words; spoil: changes the file at that path
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
    """The text of a wrong file; AssertionError if the text to replace does not stand there as often as it must."""
    text = source(mutant.base, mutant.file)
    found = text.count(mutant.old)
    assert found == mutant.count, f"{mutant}: {mutant.old!r} must stand {mutant.count} times; it stands {found} times"
    return text.replace(mutant.old, mutant.new)


def place(tmp_path: Path, base: str, file: str | None = None, text: str | None = None) -> Path:
    """A copy of the submission `base` in a new folder of tmp_path; with `file`, that one has `text`, or is not there.

    Files keep their modes.
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
    """A copy of a submission, with one file spoilt."""
    folder = place(tmp_path, form.base)
    form.spoil(folder / form.file)
    return folder
