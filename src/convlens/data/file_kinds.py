"""What a file is, by its first bytes, and the sentence for each kind of file that is no data set."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from pathlib import Path

__all__ = ["HEAD", "PICTURES", "REFUSED", "ROUND", "kind_of", "kind_of_file"]

HEAD = 4096  # bytes that are read to tell the kind of a file

PICTURES = ("PNG", "JPEG", "GIF", "BMP", "WebP", "TIFF")

ROUND = "write its arrays with numpy.savez as x_train, y_train, x_valid, y_valid"
_RECORDS = (
    "read it with records = numpy.fromfile(FILE, numpy.uint8).reshape(-1, {}), labels = records[:, {}], "
    "images = records[:, {}:].reshape(-1, 3, 32, 32)"
)
REFUSED = {
    "pickle": f"is a pickle, which can run any code when it is read: load it where you trust it and {ROUND}",
    "npy": f"is an .npy file, one array without labels: {ROUND}",
    "mat": f"is a MATLAB file: read it with scipy.io.loadmat and {ROUND}",
    "hdf5": f"is an HDF5 file (.h5, .mat of version 7.3, or Keras): read it with h5py and {ROUND}",
    "parquet": "is a Parquet file: read it with pandas and write it with to_csv(..., index=False)",
    "arrow": "is an Arrow file: read it with pandas and write it with to_csv(..., index=False)",
    "sqlite": f"is an SQLite database: {ROUND}",
    "xlsx": "is an Excel or other office file: save the table as CSV",
    "archive": "is an archive: unpack it and give its folder",
    "idx": "is one IDX file: give the folder that holds images and labels",
    "pdf": "is a PDF: a data set is a folder with a folder of pictures for each class",
    "heic": "is a HEIC or AVIF picture: convert it to PNG or JPEG, and put it into the folder of its class",
    "svg": "is an SVG or other XML file: save it as PNG, and put it into the folder of its class",
    "json": f"is a JSON file: {ROUND}",
    "CIFAR-10": f"is CIFAR-10's binary file: {_RECORDS.format(3073, 0, 1)}, and {ROUND}",
    "CIFAR-100": f"is CIFAR-100's binary file: {_RECORDS.format(3074, 1, 2)}, and {ROUND}",
    "empty": "is empty",
} | {
    kind: f"is one {kind} picture: a data set is a folder with a folder of pictures for each class" for kind in PICTURES
}


def kind_of_file(path: Path) -> str:
    """Return the kind of the file at `path`: a key of REFUSED, "zip", "csv", "csv.gz" or "unknown"."""
    with path.open("rb") as file:
        head = file.read(HEAD)
        kind = kind_of(head)
        if kind == "zip":
            return _kind_of_zip(path)
    if kind == "unknown":
        return _cifar(path) or kind
    if kind != "gzip":
        return kind
    try:
        inside = kind_of(gzip.GzipFile(fileobj=io.BytesIO(head)).read1(HEAD))
    except (OSError, EOFError, zlib.error):
        inside = "unknown"
    return "csv.gz" if inside == "csv" else inside if inside in REFUSED else "unknown"


def kind_of(head: bytes) -> str:
    """Return what a file is that begins with `head`: a key of REFUSED, "zip", "gzip", "csv" or "unknown"."""
    if not head:
        return "empty"
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp":
        return "heic"
    if head[257:262] == b"ustar":
        return "archive"
    if head[:2] == b"\0\0" and head[2:3] in b"\x08\x09\x0b\x0c\x0d\x0e" and 0 < head[3:4][0] < 9:
        return "idx"
    if head[:1] == b"\x80" and 0 < head[1] < 6:
        return "pickle"
    if re.match(rb"[(\]}c]\S*\n?.*\n", head) and re.match(rb"(\(lp|\(dp|c[a-z_.]+\n)", head):
        return "pickle"
    return _kind_of_text(head)


_MAGIC = (
    (b"PK\3\4", "zip"),
    (b"PK\5\6", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"\x93NUMPY", "npy"),
    (b"MATLAB ", "mat"),
    (b"\x89HDF\r\n", "hdf5"),
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"SQLite format 3", "sqlite"),
    (b"BZh", "archive"),
    (b"\xfd7zXZ", "archive"),
    (b"7z\xbc\xaf", "archive"),
    (b"Rar!", "archive"),
    (b"%PDF", "pdf"),
    (b"\x89PNG\r\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
)


def _kind_of_text(head: bytes) -> str:
    text = head.removeprefix(b"\xef\xbb\xbf")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "csv"  # UTF-16; the reader says what it needs
    try:
        letters = text.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(text) - error.start > 3:  # else: a letter that the end of `head` cuts
            return "unknown"
        letters = text[: error.start].decode("utf-8")
    if any(ord(letter) < 32 and letter not in "\t\n\r\f" for letter in letters):
        return "unknown"
    begin = letters.lstrip()
    if begin.startswith("<"):
        return "svg"
    if begin.startswith(("{", "[")):
        return "json"
    first = letters.splitlines()[0] if letters.strip() else ""
    return "csv" if any(mark in first for mark in ",;\t") else "unknown"


def _cifar(path: Path) -> str | None:
    """Return which CIFAR a file of records is: labels, then 3,072 pixels. None if its labels or its size differ."""
    for kind, tops in (("CIFAR-10", (9,)), ("CIFAR-100", (19, 99))):
        record = len(tops) + 3072
        if not path.stat().st_size % record:
            content = path.read_bytes()
            if all(max(content[place::record]) <= top for place, top in enumerate(tops)):
                return kind
    return None


def _kind_of_zip(path: Path) -> str:
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception:  # on damaged bytes zipfile raises almost any exception
        return "zip"
    if not names or any(name.endswith(".npy") for name in names):
        return "zip"
    if "[Content_Types].xml" in names or "mimetype" in names:
        return "xlsx"
    return "hdf5" if "model.weights.h5" in names else "archive"
