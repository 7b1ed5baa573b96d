"""Seal a process: it gives up rights for ever, before it reads the first byte of submitted code."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import signal
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convlens.checker.sandbox.guest_side import landlock, seccomp
else:  # inside the sandbox this folder is on the path, and there is no convlens
    import landlock
    import seccomp

__all__ = ["prctl", "seal"]

_PDEATHSIG, _DUMPABLE, _DROP_BOUND, _NO_NEW_PRIVS = 1, 4, 24, 38  # PR_... of prctl(2)
_VERSION = 0x20080522  # _LINUX_CAPABILITY_VERSION_3 of capset(2)
_CAPABILITIES = 64  # bits of a capability set of version 3: Linux has fewer capabilities
_KILL_AFTER = 5  # seconds of processor time from the signal SIGXCPU to SIGKILL


class _Head(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def seal(
    tier: str,
    limits: Mapping[str, int],
    read: Sequence[str],
    listed: Sequence[str],
    write: str,
    parent: int,
    user: int | None = None,
) -> None:
    """Give up all rights that the tier takes away.

    limits: limits of resources, by their names in `resource` without RLIMIT_; read, listed, write: the paths that stay
    accessible with Landlock, see `landlock.restrict`; parent: ID of the process with which the sealed process ends;
    user: ID of the user to become, None to stay. Raise OSError or NotImplementedError if sealing fails: then no
    submitted code may run.
    """
    os.setsid()
    _limit(limits)
    _drop_bounds()
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    _drop_capabilities()
    # After the change of user, which clears both
    prctl(_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise OSError("the process that started this one is gone")
    prctl(_DUMPABLE, 1)
    prctl(_NO_NEW_PRIVS, 1)
    if tier == "landlock":
        landlock.restrict(read, listed, [write])
        seccomp.install()
    elif tier == "bubblewrap":
        # The namespaces isolate the process; Landlock and the filter are a second wall where the kernel has them
        if landlock.version():
            landlock.restrict(read, listed, [write])
        with contextlib.suppress(OSError, NotImplementedError):
            seccomp.install()


def prctl(option: int, value: int) -> None:
    """Make the system call prctl(2). Raise OSError if it fails."""
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
        # SIGXCPU comes first, since it shows why the process ends
        later = value + _KILL_AFTER if name == "CPU" else value
        most = later if hard == resource.RLIM_INFINITY else min(later, hard)
        resource.setrlimit(which, (min(value, most), most))


def _drop_bounds() -> None:
    """Drop every capability that a program started later could regain."""
    for capability in range(_CAPABILITIES):
        try:
            prctl(_DROP_BOUND, capability)
        except OSError:  # this process may not drop it, or there is no such capability
            break


def _drop_capabilities() -> None:
    """Drop every capability of this process."""
    if _library().capset(ctypes.byref(_Head(_VERSION, 0)), (ctypes.c_uint32 * 6)()):
        raise OSError(ctypes.get_errno(), f"capset: {os.strerror(ctypes.get_errno())}")
