"""`load` reads a data set by name or from a path. What is at the path is told by its content."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from convlens.data import course_npz, idx
from convlens.data.digits import Digits, check_classes, turned
from convlens.data.file_kinds import REFUSED, kind_of_file
from convlens.data.together import Hosts
from convlens.geometry import check_count, pair
from convlens.storage.paths import as_path

__all__ = ["UnusedOptionError", "holds_pictures", "load"]

Progress = Callable[[int, int], None]
Together = Callable[[], Hosts | None]

_NAMES = ("embedded", "mnist")


class UnusedOptionError(ValueError):
    """An option is given that cannot act on these data. The text names the option and what it needs."""

    def __init__(self, option: str, why: str, shown: str | None = None) -> None:
        super().__init__(f"{shown or option} {why}")
        self.option, self.why = option, why


_KINDS = "a folder of pictures, IDX or CSV files, an .npz or a CSV file"


def load(
    data: str | os.PathLike[str],
    *,
    size: tuple[int, int] | None = None,
    skip_broken: bool = False,
    transposed: bool | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    hosts: Together | None = None,
) -> Digits:
    """Load a data set. `data` is `"embedded"`, `"mnist"`, or a path.

    - `"embedded"`: 5,000 real MNIST digits in the package; 4,000 to train, 1,000 to validate, no test part;
    - `"mnist"`: all of MNIST (50,000 / 10,000 / 10,000), from the cache or by a checked download (`download.fetch`);
    - a folder with a folder of pictures for each class, or with such folders in train, val and test
      (`class_folders.read`);
    - a folder of IDX files, as MNIST, Fashion-MNIST, KMNIST and EMNIST have them (`idx_sets.read`);
    - a folder with CSV files for training and test, or a CSV file of pixels and labels, as Kaggle has it
      (`table.read`);
    - an .npz file in the layout of the course, of Keras or of MedMNIST (`course_npz.read`).

    size: (h, w) to which pictures of a folder are scaled; other data must have this size.
    skip_broken: leave out pictures that cannot be decoded, in place of an error. transposed: whether the images of a
    file or of IDX lie on their side, and rows and columns are exchanged; None: as it is known of EMNIST. seed: draws
    the validation part of data without one.
    progress(done, total): called while pictures are decoded.
    hosts: a function that returns the hosts that decode a folder of pictures together (`class_folders.read`). It is not
    called for other data.

    `notes` of the result say what was noticed and changed. Raises FileNotFoundError if there is no such file, and
    ValueError for data that break a rule, such as images of one class alone. The text names the file, the rule and
    what was found. An option that these data cannot use is an UnusedOptionError.
    """
    found = _load(data, size, skip_broken, transposed, seed, progress, hosts)
    if size is not None and found.pixels_train.shape[1:3] != tuple(size):
        (h, w), (own_h, own_w) = size, found.pixels_train.shape[1:3]
        raise UnusedOptionError(
            "size",
            f"is for folders of pictures: {found.source} has images of {own_w}x{own_h} (width x height); got {w}x{h}",
        )
    check_classes(found)
    return found


def holds_pictures(data: str | os.PathLike[str]) -> bool:
    """Return whether `load` reads `data` as a folder of pictures. FileNotFoundError if there is no such data."""
    from convlens.data import idx_sets, table

    path = as_path("data", data)
    if data in _NAMES:
        return False
    _check_exists(path)
    return path.is_dir() and not idx_sets.find(path) and not table.find(path)


def _load(
    data: str | os.PathLike[str],
    size: tuple[int, int] | None,
    skip_broken: bool,
    transposed: bool | None,
    seed: int,
    progress: Progress | None,
    hosts: Together | None,
) -> Digits:
    path = as_path("data", data)
    _check_options(size, skip_broken, transposed, seed)
    if data in _NAMES:
        _check_used(str(data), skip_broken=skip_broken, transposed=transposed)
    if data == "embedded":
        from convlens.data.embedded import embedded

        return embedded()
    if data == "mnist":
        from convlens.data import download

        return idx.read_folder(download.fetch(), source="mnist")
    if path.is_dir():
        return _folder(path, size, skip_broken, transposed, seed, progress, hosts)
    if path.is_file():
        _check_used(str(path), skip_broken=skip_broken)
        return _file(path, transposed, seed)
    _check_exists(path)
    raise ValueError(f"data must be {_KINDS}; {str(path)!r} is none of them")


def _check_exists(path: Path) -> None:
    if not path.exists():
        raise FileNotFoundError(f"data must be 'embedded', 'mnist', or the path of {_KINDS}; there is no {str(path)!r}")


def _check_used(source: str, *, skip_broken: bool = False, transposed: bool | None = None) -> None:
    """Raise UnusedOptionError if an option is given that acts only on other data."""
    if skip_broken:
        raise UnusedOptionError("skip_broken", f"is for folders of pictures; {source} is none")
    if transposed:
        raise UnusedOptionError("transposed", f"is for IDX, CSV and .npz files; {source} is none of them")


def _file(path: Path, transposed: bool | None, seed: int) -> Digits:
    kind = kind_of_file(path)
    if kind == "zip":
        digits = course_npz.read(path, seed=seed)
        return turned(digits, "") if transposed else digits
    if kind in ("csv", "csv.gz"):
        from convlens.data import table

        return table.turned_if_emnist(table.read(path, seed=seed), path.name, transposed)
    if kind in REFUSED:
        raise ValueError(f"{path} {REFUSED[kind]}")
    raise ValueError(f"{path} must be an .npz file (a zip of arrays) or CSV; it is something else, cut off or damaged")


def _check_options(size: object, skip_broken: object, transposed: object, seed: object) -> None:
    if size is not None:
        if not isinstance(size, tuple | list) or len(size) != 2:
            raise ValueError(f"size must be a pair (h, w); got {size!r}")
        pair("size", size, 1)
    for name, value in (("skip_broken", skip_broken), ("transposed", transposed)):
        if not isinstance(value, bool) and (value is not None or name == "skip_broken"):
            raise ValueError(f"{name} must be True or False; got {value!r}")
    check_count("seed", seed, 0)


def _folder(
    folder: Path,
    size: tuple[int, int] | None,
    skip_broken: bool,
    transposed: bool | None,
    seed: int,
    progress: Progress | None,
    hosts: Together | None,
) -> Digits:
    from convlens.data import class_folders, idx_sets, table

    files, tables = idx_sets.find(folder), table.find(folder)
    if files or tables:
        _check_used(str(folder), skip_broken=skip_broken)
    else:
        _check_used(str(folder), transposed=transposed)
    if files:
        return idx_sets.read(folder, files, transposed=transposed, seed=seed)
    if tables:
        digits = table.read_parts(tables, source=str(folder), seed=seed)
        return table.turned_if_emnist(digits, tables["train"].name, transposed)
    return class_folders.read(folder, size=size, skip_broken=skip_broken, seed=seed, progress=progress, hosts=hosts)
