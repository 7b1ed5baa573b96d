"""Archives: the entries of a zip or tar file, which is never unpacked to the disk.

Zip and tar files come from students, so every bound is checked before work is done: the bytes of the archive, the
entries of its table, the bytes that unpacking a tar file gives, and the bytes of each file that is read. Entries with
absolute paths, with .. in their paths, and links are told and not read.
"""

from __future__ import annotations

import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from convlens.checker.hand_ins.entries import LINK, MOST, OTHER, Entry, ignored
from convlens.checker.submission import LARGEST

__all__ = ["ARCHIVES", "REFUSED", "in_archive", "is_archive"]

_ZIP, _TAR = (".zip",), (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
ARCHIVES = _ZIP + _TAR
REFUSED = {".rar": "a RAR archive", ".7z": "a 7-Zip archive"}  # readers of these need other programs
_LARGEST_ARCHIVE = 2**26  # bytes of an archive: hand-ins are some kilobytes, with the course's data 12 MB
_UNPACKED = 2**28  # bytes that unpacking a tar file may give: a tar file is read from its start to the last entry
_TABLE = 2**20  # bytes of a zip file's table: about 10,000 entries
_OUTSIDE = "its path leads out of the archive; hand in the file under its own name"


def is_archive(name: str) -> bool:
    """Return whether a file's name is that of an archive that can be read."""
    return name.lower().endswith(ARCHIVES)


def in_archive(path: Path) -> list[Entry]:
    """Return the entries of an archive, the upper folders first. Raise ValueError if it cannot be read."""
    with path.open("rb") as file:
        data = file.read(_LARGEST_ARCHIVE + 1)
    if len(data) > _LARGEST_ARCHIVE:
        raise ValueError(f"an archive must have at most {_LARGEST_ARCHIVE:,} bytes; {path.name!r} has more")
    reader = _in_zip if data[:2] == b"PK" else _in_tar
    try:
        entries = [entry for entry in reader(data) if not any(map(ignored, PurePosixPath(entry.path).parts))]
    except _BROKEN as error:
        raise ValueError(f"{path.name!r} must be a zip or tar file; it cannot be read: {error}") from None
    return sorted(entries, key=lambda entry: (entry.path.count("/"), entry.path))


_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
    UnicodeError,
    struct.error,
    OverflowError,
)


def _problem(path: str) -> str:
    pure = PurePosixPath(path)
    return _OUTSIDE if pure.is_absolute() or ".." in pure.parts or "\\" in path or ":" in path[:3] else ""


def _in_zip(data: bytes) -> Iterator[Entry]:
    end = data.rfind(b"PK\5\6", max(0, len(data) - 2**16 - 22))
    if end < 0 or len(data) < end + 22:
        raise zipfile.BadZipFile("its end is missing")
    count, table = struct.unpack("<HI", data[end + 10 : end + 16])
    if count > MOST or table > _TABLE:
        raise ValueError(f"an archive must have at most {MOST:,} entries; this one says that it has {count:,} or more")
    archive = zipfile.ZipFile(io.BytesIO(data))
    for info in archive.infolist():
        if info.is_dir():
            continue
        mode = info.external_attr >> 16
        kind = stat.S_IFMT(mode)
        problem = _problem(info.filename) or (LINK if kind == stat.S_IFLNK else "")
        if kind not in (0, stat.S_IFREG, stat.S_IFLNK):
            problem = problem or OTHER
        if info.flag_bits & 1:
            problem = problem or "it is encrypted"
        # An archive made on Windows knows no run bit, so nothing is said about it
        runs = bool(mode & stat.S_IXUSR) or info.create_system == 0
        yield Entry(info.filename, problem, info.file_size, runs, partial(_from_zip, archive, info))


def _from_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return a file of a zip archive; ValueError if it is larger than its entry says, or damaged."""
    try:
        with archive.open(info) as file:
            content = file.read(LARGEST + 1)
    except _BROKEN as error:
        raise ValueError(f"its bytes in the archive are damaged: {error}") from None
    if len(content) > LARGEST:
        raise ValueError(f"it has more than {LARGEST:,} bytes")
    return content


class _Bounded(io.RawIOBase):
    """The bytes of a compressed file, at most `most` of them: more raise ValueError."""

    def __init__(self, inner: Any, most: int) -> None:
        self._inner, self._left, self._most = inner, most, most

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer."""
        found = self._inner.read(len(buffer))
        self._left -= len(found)
        if self._left < 0:
            raise ValueError(f"an archive must unpack to at most {self._most:,} bytes; this one gives more")
        buffer[: len(found)] = found
        return len(found)


def _in_tar(data: bytes) -> Iterator[Entry]:
    stream = io.BufferedReader(_Bounded(_unpacked(data), _UNPACKED))
    count = 0
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for info in archive:
            count += 1
            if count > MOST:
                raise ValueError(f"an archive must have at most {MOST:,} entries; this one has more")
            if info.isdir():
                continue
            problem = _problem(info.name) or (LINK if info.issym() or info.islnk() else "" if info.isfile() else OTHER)
            content = b""
            if not problem and info.size <= LARGEST:
                file = archive.extractfile(info)
                content = file.read(LARGEST + 1) if file else b""
            name = info.name.removeprefix("./")
            yield Entry(name, problem, info.size, bool(info.mode & stat.S_IXUSR), partial(bytes, content))


def _unpacked(data: bytes) -> Any:
    """Return the bytes of a tar file, unpacked while they are read."""
    import bz2
    import gzip

    raw = io.BytesIO(data)
    if data[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=raw)
    if data[:3] == b"BZh":
        return bz2.BZ2File(raw)
    if data[:6] == b"\xfd7zXZ\0":
        return lzma.LZMAFile(raw)
    return raw
