"""IDX, the file format of MNIST: a magic number, the dimensions, then the bytes."""

from __future__ import annotations

import math
import os
import struct
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from convlens.data.digits import Digits, from_arrays, same_count

__all__ = ["TYPES", "held_back", "parse", "read_folder", "read_idx"]

_UBYTE = 0x08
TYPES = {
    code: np.dtype(name)
    for code, name in zip(b"\x08\x09\x0b\x0c\x0d\x0e", ("u1", "i1", ">i2", ">i4", ">f4", ">f8"), strict=True)
}
_CHUNK = 1 << 20


def read_idx(path: str | os.PathLike[str], rank: int) -> NDArray[Any]:
    """Read the array of `rank` dimensions from the IDX file at `path`.

    The file may be packed with gzip. Numbers of more than one byte are big-endian, as the file has them.

    Raises FileNotFoundError, or ValueError for a file that is damaged, cut off, too long, or of another type or rank.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    with path.open("rb") as file:
        return parse(file, str(path), rank)


def parse(file: IO[bytes], name: str, rank: int) -> NDArray[Any]:
    """Read the array of `rank` dimensions from an open, seekable IDX file. Errors call the file `name`.

    The header is two zero bytes, the type (0x08, unsigned byte, or another one of TYPES), the rank, and `rank`
    big-endian uint32 dimensions. The first two bytes show whether the file is packed with gzip.
    """
    import gzip
    import zlib

    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    try:
        return _unpacked(gzip.GzipFile(fileobj=file) if packed else file, name, rank)  # type: ignore[arg-type]
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{name} must be a whole gzip file; {error}") from None


def _unpacked(file: IO[bytes], name: str, rank: int) -> NDArray[Any]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES or magic[3] != rank:
        expected = f"{_UBYTE << 8 | rank:#010x}"
        raise ValueError(f"{name} must begin with {expected} (IDX, uint8, rank {rank}); got 0x{magic.hex()}")
    dtype = TYPES[magic[2]]
    header = file.read(4 * rank)
    if len(header) < 4 * rank:
        raise ValueError(f"{name} must have a header of {4 + 4 * rank} bytes; got {4 + len(header)}")
    shape = struct.unpack(f">{rank}I", header)
    size = math.prod(shape) * dtype.itemsize
    content = bytearray()
    while len(content) <= size and (chunk := file.read(_CHUNK)):
        content += chunk
    if len(content) != size:
        got = f"more than {size}" if len(content) > size else str(len(content))
        raise ValueError(f"{name} must hold {size} bytes for its dimensions {shape}; got {got}")
    return np.frombuffer(content, dtype).reshape(shape)


def read_folder(folder: str | os.PathLike[str], *, source: str | None = None) -> Digits:
    """Read Digits from the four IDX files of MNIST in `folder`: train and t10k, images and labels.

    A file is called `train-images-idx3-ubyte` or `train-images.idx3-ubyte`, with or without `.gz`. The last 10,000
    training images become the validation part, or the last sixth if there are fewer than 60,000.

    Raises FileNotFoundError for a missing file, and ValueError like `read_idx` and `from_arrays`.
    """
    folder = Path(folder)
    files = {
        field: _find(folder, stem)
        for field, stem in (
            ("x_train", "train-images-idx3"),
            ("y_train", "train-labels-idx1"),
            ("x_test", "t10k-images-idx3"),
            ("y_test", "t10k-labels-idx1"),
        )
    }
    arrays = {field: read_idx(path, 3 if field.startswith("x") else 1) for field, path in files.items()}
    x, y = arrays["x_train"], arrays["y_train"]
    same_count(x, y, str(files["x_train"]), str(files["y_train"]))
    valid = held_back(len(x), str(files["x_train"]))
    names = {field: str(path) for field, path in files.items()}
    return from_arrays(
        x[:-valid],
        y[:-valid],
        x[-valid:],
        y[-valid:],
        arrays["x_test"],
        arrays["y_test"],
        source=source or str(folder),
        names=names | {"x_valid": names["x_train"], "y_valid": names["y_train"]},
    )


def held_back(n: int, name: str) -> int:
    """Return how many of n training images validate, the last ones: 10,000, or a sixth of fewer than 60,000."""
    valid = min(10_000, n // 6)
    if not valid:
        raise ValueError(f"{name} must hold at least 6 images, the last sixth to validate; got {n}")
    return valid


def _find(folder: Path, stem: str) -> Path:
    dotted = ".".join(stem.rsplit("-", 1))
    candidates = [folder / f"{name}-ubyte{suffix}" for name in (stem, dotted) for suffix in ("", ".gz")]
    for path in candidates:
        if path.is_file():
            return path
    raise FileNotFoundError(f"{folder} must hold {stem}-ubyte, with or without .gz; there is no such file")
