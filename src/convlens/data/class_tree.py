"""Find pictures by class on the disk: a folder for each class, possibly inside folders for training and validation."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from convlens.data.file_kinds import HEAD, PICTURES, REFUSED, kind_of, kind_of_file

__all__ = ["Tree", "find_classes"]

_PARTS = {
    "train": ("train", "training", "training_set", "train_set"),
    "valid": ("val", "valid", "validation", "validation_set", "valid_set", "val_set", "dev"),
    "test": ("test", "testing", "test_set"),
}
_PART = {name: part for part, names in _PARTS.items() for name in names}
_SUFFIXES = tuple(
    ".png .jpg .jpeg .jpe .jfif .gif .bmp .dib .webp .tif .tiff .ppm .pgm .pbm .pnm .heic .heif .avif".split()  # noqa: SIM905
)
_IGNORED = ("thumbs.db", "desktop.ini", "__macosx")
_DEEP = 3


class Tree(NamedTuple):
    """The names of the classes, and the pictures of each part as (path, label), sorted by class and name."""

    classes: tuple[str, ...]
    parts: dict[str, list[tuple[Path, int]]]
    notes: list[str]


def find_classes(folder: Path) -> Tree:
    """Return the classes and pictures in `folder`.

    It holds a folder for each class, or folders train, val (or valid, validation) and test that do. Hidden files are
    ignored; other files that are not pictures are left out, and a note says so. Class names may have any letters. Names
    that are all integers are sorted as numbers.

    Raises ValueError for another layout, one class, a class without pictures, and names that differ in case alone.
    """
    folder, parts = _parts(folder)
    if "train" not in parts:
        raise ValueError(f"{folder} must hold train beside {', '.join(path.name for path in parts.values())}")
    notes: list[str] = []
    found = {part: _classes(path, notes) for part, path in parts.items()}
    names = sorted(found["train"], key=_order(found["train"]))
    _check_names(parts["train"], names)
    labels = {name: label for label, name in enumerate(names)}
    for part, classes in found.items():
        if unknown := sorted(classes.keys() - labels.keys()):
            raise ValueError(
                f"{parts[part]} must have the classes of {parts['train']}; it also has {', '.join(unknown)}"
            )
        if part != "train" and (missing := [name for name in names if name not in classes]):
            notes.append(f"{parts[part].name} has no pictures of {_few(missing)}")
    return Tree(
        tuple(names),
        {
            part: [(path, labels[name]) for name in sorted(classes, key=labels.__getitem__) for path in classes[name]]
            for part, classes in found.items()
        },
        notes,
    )


def _parts(folder: Path) -> tuple[Path, dict[str, Path]]:
    """Return the folder that holds the data, and the folder of each part. Folders around the data are stepped into."""
    for _ in range(_DEEP):
        folders = [path for path in _entries(folder) if path.is_dir()]
        named = [path for path in folders if path.name.lower() in _PART]
        if any(_PART[path.name.lower()] == "train" and _holds_folders(path) for path in named):
            return folder, _by_part(folder, named)
        if named and len(named) == len(folders) > 1 and any(map(_holds_folders, named)):
            return folder, _by_part(folder, named)
        if len(folders) != 1 or not _holds_folders(folders[0]) or any(map(_is_picture, _files(folders[0]))):
            break
        folder = folders[0]
    return folder, {"train": folder}


def _by_part(folder: Path, named: Iterable[Path]) -> dict[str, Path]:
    parts: dict[str, Path] = {}
    for path in named:
        part = _PART[path.name.lower()]
        if part in parts:
            raise ValueError(f"{folder} must hold one folder for each part; got {parts[part].name} and {path.name}")
        parts[part] = path
    return dict(sorted(parts.items(), key=lambda item: ("train", "valid", "test").index(item[0])))


def _entries(folder: Path) -> list[Path]:
    """Return what lies in a folder, without hidden files, sorted by name."""
    return sorted(path for path in folder.iterdir() if path.name[0] != "." and path.name.lower() not in _IGNORED)


def _files(folder: Path) -> list[Path]:
    return [path for path in _entries(folder) if path.is_file()]


def _holds_folders(folder: Path) -> bool:
    return any(path.is_dir() for path in _entries(folder))


def _is_picture(path: Path) -> bool:
    if path.suffix.lower() in _SUFFIXES:
        return True
    with path.open("rb") as file:
        return kind_of(file.read(HEAD)) in (*PICTURES, "heic")


def _classes(folder: Path, notes: list[str]) -> dict[str, list[Path]]:
    """Return the pictures of each class in a folder. Raises ValueError for folders that are not a class each."""
    entries = _entries(folder)
    folders = [path for path in entries if path.is_dir()]
    loose = sum(_is_picture(path) for path in entries if path.is_file())
    if not folders:
        what = f"pictures ({loose:,})" if loose else "nothing that convlens reads"
        other = "" if loose else _refused(entries)
        raise ValueError(
            f"{folder} must hold a folder of pictures for each class; it holds {what} and no folders{other}"
        )
    if loose:
        notes.append(f"left out of {folder.name}, as they lie in no class folder: pictures ({loose:,})")
    found: dict[str, list[Path]] = {}
    for path in folders:
        inside = _entries(path)
        if deeper := [each.name for each in inside if each.is_dir()]:
            raise ValueError(f"{path} is a class and must hold pictures; it holds folders: {_few(deeper)}")
        is_picture = list(map(_is_picture, inside))
        pictures = [each for each, yes in zip(inside, is_picture, strict=True) if yes]
        if others := [each.name for each, yes in zip(inside, is_picture, strict=True) if not yes]:
            notes.append(f"left out of {path.name}, as no pictures ({len(others):,}): {_few(others)}")
        if not pictures:
            raise ValueError(f"{path} is a class and must hold pictures; it holds none")
        found[unicodedata.normalize("NFC", path.name)] = pictures
    if len(found) < len(folders):
        raise ValueError(f"{folder} must hold classes that differ; two names are the same text in two encodings")
    return found


def _refused(files: Iterable[Path]) -> str:
    """Say what the first file is whose kind is known; "" if there is none."""
    found = ((path, kind_of_file(path)) for path in files if path.is_file())
    return next((f"; {path.name} {REFUSED[kind]}" for path, kind in found if kind in REFUSED), "")


def _check_names(folder: Path, names: list[str]) -> None:
    if len(names) == 1:
        raise ValueError(f"{folder} must hold at least two classes; it holds one: {names[0]}")
    seen: dict[str, str] = {}
    for name in names:
        if (other := seen.setdefault(name.casefold(), name)) != name:
            raise ValueError(f"{folder} must hold classes that differ in more than case; got {other} and {name}")


def _order(names: Iterable[str]):  # type: ignore[no-untyped-def]
    numbers = all(name.isascii() and name.isdigit() for name in names)
    return (lambda name: (int(name), name)) if numbers else str


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
