"""Landlock: a process gives up access to all files and folders except the ones that it names.

Landlock has versions ("ABI"), and each can forbid more. Everything that the kernel's version can forbid is forbidden.
"""

from __future__ import annotations

import ctypes
import functools
import os
import stat
from collections.abc import Sequence

__all__ = ["restrict", "version"]

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # system calls, with the same numbers on every machine
_EXECUTE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 2, 1 << 3
_WRITE_FILE, _TRUNCATE = 1 << 1, 1 << 14  # _TRUNCATE since ABI 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG, _MAKE_SYM = 1 << 4, 1 << 5, 1 << 7, 1 << 8, 1 << 12
_READ = _READ_FILE | _READ_DIR | _EXECUTE
_WRITE = _READ_FILE | _READ_DIR | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _MAKE_SYM
_FOR_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("handle", ctypes.c_int32))


def version() -> int:
    """Return the ABI of Landlock in this kernel, 0 if the kernel has no Landlock."""
    found = _library().syscall(_CREATE, None, ctypes.c_size_t(0), 1)
    return max(0, int(found))


def restrict(read: Sequence[str], listed: Sequence[str], write: Sequence[str]) -> None:
    """Give up access to all paths except these, for ever.

    read: files and folders to read and execute; listed: folders whose entries may be listed; write: folders to read and
    write. A path that does not exist is ignored. TCP, abstract Unix sockets and signals to other processes are
    forbidden too, if the kernel's version can forbid them. The process must have no_new_privs. Raise OSError if the
    kernel refuses.
    """
    abi = version()
    if not abi:
        raise OSError("this kernel has no Landlock")
    files = (1 << 13) - 1  # the 13 rights of ABI 1
    for since, right in ((2, 1 << 13), (3, _TRUNCATE), (5, 1 << 15)):
        files |= right if abi >= since else 0
    rules = _Ruleset(files, 0b11 if abi >= 4 else 0, 0b11 if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = _call(_CREATE, ctypes.byref(rules), ctypes.c_size_t(size), 0)
    try:
        for rights, paths in ((_READ, read), (_READ_DIR, listed), (files & (_WRITE | _TRUNCATE), write)):
            for path in paths:
                _allow(ruleset, path, rights)
        _call(_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            rights &= _FOR_FILES
        if rights:
            _call(_ADD, ruleset, 1, ctypes.byref(_Beneath(rights, handle)), 0)
    finally:
        os.close(handle)


@functools.cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(number: int, *arguments: object) -> int:
    result = _library().syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"Landlock: {os.strerror(ctypes.get_errno())}")
    return int(result)
