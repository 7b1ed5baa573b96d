"""Files that are written whole or not at all: a temporary file takes the final name in one step."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["atomic_write"]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Yield a binary file for writing. It becomes `path` when the `with` block ends without an exception.

    Until then `path` does not change. After a crash or a kill at any moment, and for any reader, `path` holds the old
    content or the new, never a part. The steps: the bytes go to `.convlens-<random>.tmp` in the same folder; this file
    is flushed and synced; `os.replace` renames it to `path`; the folder is synced. An exception removes the temporary
    file; only a kill leaves it there. If `path` is a link, its target is replaced. A replaced file keeps its
    permissions.

    >>> import pathlib, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name, "weights.bin")
    >>> with atomic_write(path) as file:
    ...     _ = file.write(b"all of it")
    >>> path.read_bytes()
    b'all of it'
    >>> folder.cleanup()

    Raises ValueError if `path` is a folder or a device. Raises OSError, with `path` in it, if the system cannot write.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise ValueError(f"{os.fspath(path)} must be a regular file to be replaced; it is a folder or a device")
    temporary = target.with_name(f".convlens-{secrets.token_hex(8)}.tmp")
    try:
        file = temporary.open("xb")
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None
    try:
        with file:
            if target.exists():
                temporary.chmod(target.stat().st_mode & 0o7777)
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in _FULL and error.filename is None:
            error.filename = os.fspath(path)
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Sync the folder, so that the new name survives a crash. Windows cannot open a folder; there this does nothing."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
