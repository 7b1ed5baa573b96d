"""A folder with a folder of pictures for each class, read as a data set."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convlens.data.class_tree import Tree, find_classes
from convlens.data.digits import PARTS, Digits, noticed
from convlens.data.picture_reader import PictureReader, Progress
from convlens.data.pixels import COURSE_SCALE
from convlens.data.split import split_by_class
from convlens.data.together import Hosts

__all__ = ["read"]


def read(
    folder: str | os.PathLike[str],
    *,
    size: tuple[int, int] | None = None,
    skip_broken: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
    hosts: Callable[[], Hosts | None] | None = None,
) -> Digits:
    """Read Digits from the pictures in `folder`, laid out as `class_tree.find_classes` says.

    Without a validation folder, a fifth of the training pictures of each class validates, drawn with `seed`. Pictures
    are PNG, JPEG, GIF (first frame), BMP, WebP or TIFF. They are kept in colour if one of them shows colour.
    size: (h, w) to which they are scaled; without it, all must have one size. skip_broken: leave out pictures that
    cannot be decoded. progress(done, total) is called after each step; each picture counts three times: it is read,
    measured and decoded. hosts: a function that returns the hosts that read the same pictures together, or None. It is
    called when the classes are found, before the pictures are read. Each host then decodes only its part, and all
    return the same as a host alone (`picture_reader`).

    Decoded pictures are kept in the user's cache (`picture_cache`). The memory that they need is known, and refused if
    it is not there, before the first one is decoded.

    Raises ValueError with the folder or picture, the rule and what was found.
    """
    folder = Path(folder)
    tree = find_classes(folder)
    files, labels, counts, notes = _in_order(tree, folder, seed)
    together = hosts() if hosts else None
    reader = PictureReader(folder, [path for path, _ in files], size, skip_broken, progress, together)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd files; a filter counts for all threads
        pixels, broken = reader.pixels()
    if broken:
        notes.append(f"broken and left out ({len(broken):,} of {len(files):,} pictures): {reader.told(broken)}")
        whole = np.ones(len(files), bool)
        whole[list(broken)] = False
        ends = np.cumsum(counts)
        counts = [int(part.sum()) for part in np.split(whole, ends[:-1])]
        labels = labels[whole]
        for name, count in zip(
            tree.classes, np.bincount(labels[: counts[0]], minlength=len(tree.classes)), strict=True
        ):
            if not count:
                raise ValueError(f"{folder} must hold whole training pictures of each class; {name} has none")
        if not counts[1]:
            raise ValueError(f"{folder} must hold at least one whole picture to validate; all of them are broken")
    if reader.grey_in_colour:
        notes.append("the pictures are stored in colour but show only grey: one channel is kept")
    parts = np.split(pixels, np.cumsum(counts)[:-1])
    kinds = np.split(labels, np.cumsum(counts)[:-1])
    return noticed(
        Digits(
            parts[0], kinds[0], parts[1], kinds[1], parts[2], kinds[2], str(folder), COURSE_SCALE, tree.classes,
            notes=tuple(notes),
        )
    )  # fmt: skip


def _in_order(
    tree: Tree, folder: Path, seed: int
) -> tuple[list[tuple[Path, int]], NDArray[np.int64], list[int], list[str]]:
    """Return the pictures as (path, label), their labels, and the sizes of the parts: training, validation, test."""
    parts, notes = dict(tree.parts), list(tree.notes)
    if "valid" not in parts:
        train = parts["train"]
        held = split_by_class(np.array([label for _, label in train]), seed, str(folder))
        parts["train"] = [file for file, out in zip(train, held, strict=True) if not out]
        parts["valid"] = [file for file, out in zip(train, held, strict=True) if out]
        notes.append(
            f"{held.sum():,} of {len(held):,} pictures are held back to validate, drawn by class with seed {seed}"
        )
    files = [file for part in PARTS for file in parts.get(part, [])]
    return files, np.array([label for _, label in files], np.int64), [len(parts.get(part, [])) for part in PARTS], notes
