"""What a process gives up for ever before it looks at the first byte of somebody's code."""

from __future__ import annotations

import ctypes
import functools
import os
import signal
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convlens.checker.sandbox.guest_side import landlock, seccomp
else:  # inside, this folder is on the path and convlens is not there
    import landlock
    import seccomp

__all__ = ["prctl", "seal"]

_PDEATHSIG, _DUMPABLE, _DROP_BOUND, _NO_NEW_PRIVS = 1, 4, 24, 38
_VERSION = 0x20080522  # of capset's arguments
_CAPABILITIES = 64  # more than there are


class _Head(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def seal(
    tier: str, limits: Mapping[str, int], read: Sequence[str], listed: Sequence[str], write: str, parent: int
) -> None:
    """Give up what that tier can take away. OSError or NotImplementedError if it cannot: then run nothing.

    limits: of resources, by the names of `resource` without RLIMIT_; read, listed, write: what stays within reach
    where Landlock decides it, see `landlock.restrict`; parent: the process with which this one shall die
    """
    os.setsid()
    prctl(_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise OSError("the process that started this one is gone")
    _limit(limits)
    _drop_capabilities()
    prctl(_DUMPABLE, 1)
    prctl(_NO_NEW_PRIVS, 1)
    if tier == "landlock":
        landlock.restrict(read, listed, [write])
        seccomp.install()
    elif tier == "bubblewrap":
        try:
            seccomp.install()
        except (OSError, NotImplementedError):  # the namespaces do without it
            return


def prctl(option: int, value: int) -> None:
    """The system call of that name; OSError if it fails"""
    zero = ctypes.c_ulong(0)
    if _library().prctl(option, ctypes.c_ulong(value), zero, zero, zero):
        raise OSError(ctypes.get_errno(), f"prctl {option}: {os.strerror(ctypes.get_errno())}")


@functools.cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _limit(limits: Mapping[str, int]) -> None:
    import resource

    for name, value in limits.items():
        which = getattr(resource, f"RLIMIT_{name}")
        _, hard = resource.getrlimit(which)
        later = value + 5 if name == "CPU" else value  # a signal that says so comes before the one that ends it
        most = later if hard == resource.RLIM_INFINITY else min(later, hard)
        resource.setrlimit(which, (min(value, most), most))


def _drop_capabilities() -> None:
    """None that a program started later could get back, none that this process has"""
    for capability in range(_CAPABILITIES):
        try:
            prctl(_DROP_BOUND, capability)
        except OSError:  # not ours to drop, or no such capability
            break
    if _library().capset(ctypes.byref(_Head(_VERSION, 0)), (ctypes.c_uint32 * 6)()):
        raise OSError(ctypes.get_errno(), f"capset: {os.strerror(ctypes.get_errno())}")
