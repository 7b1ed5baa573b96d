"""`load` reads a data set by name or from a path."""

from __future__ import annotations

import os
from pathlib import Path

from convlens.data import course_npz, idx
from convlens.data.digits import Digits

__all__ = ["load"]


def load(data: str | os.PathLike[str]) -> Digits:
    """Load a data set. `data` is `"embedded"`, `"mnist"`, or a path.

    - `"embedded"`: 5,000 real MNIST digits in the package; 4,000 to train, 1,000 to validate, no test part;
    - `"mnist"`: all of MNIST (50,000 / 10,000 / 10,000), from the cache or by a checked download (`download.fetch`);
    - a file: an .npz file in the layout of the course (`course_npz.read`);
    - a folder: the four IDX files of MNIST or of a similar data set (`idx.read_folder`).

    Raises FileNotFoundError if there is no such file, and ValueError for a file that is damaged or whose content breaks
    a rule. The text names the file, the rule and what was found.
    """
    if data == "embedded":
        from convlens.data.embedded import embedded

        return embedded()
    if data == "mnist":
        from convlens.data import download

        return idx.read_folder(download.fetch(), source="mnist")
    path = Path(data)
    if path.is_dir():
        return idx.read_folder(path)
    if path.is_file():
        return course_npz.read(path)
    if path.exists():
        raise ValueError(f"data must be an .npz file or a folder of IDX files; {str(path)!r} is neither")
    raise FileNotFoundError(
        f"data must be 'embedded', 'mnist', or the path of an .npz file or of a folder of IDX files; "
        f"there is no {str(path)!r}"
    )
