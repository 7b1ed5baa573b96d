"""Find and end a process and all its descendants with /proc, even if they try to hide."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import NamedTuple

__all__ = ["Clock", "Process", "children", "descendants", "end", "find", "outer_id"]

_TICKS = os.sysconf("SC_CLK_TCK")
_STAT = 4096  # bytes, more than a file /proc/PID/stat has


class Process(NamedTuple):
    """A process. pid: process ID; born: start in clock ticks, which differs for a later process with the same ID."""

    pid: int
    born: int


class Clock:
    """The processor time of one process. Its file stays open, since it is read twice for each call."""

    def __init__(self, pid: int) -> None:
        """Raise OSError if there is no such process, or the system does not tell."""
        self._file = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)

    def seconds(self) -> float | None:
        """Return the processor time with all threads and ended children, None after the end of the process."""
        try:
            text = os.pread(self._file, _STAT, 0)
        except OSError:
            return None
        fields = text[text.rindex(b")") + 2 :].split()
        return sum(int(field) for field in fields[11:15]) / _TICKS

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def find(pid: int) -> Process | None:
    """Return the process with this ID, None if there is none or it has ended and waits for its parent."""
    status = _status(pid)
    return None if status is None or status[2] else Process(pid, status[1])


def children(pid: int) -> list[int]:
    """Return the IDs of the children of a process, [] if the kernel does not tell."""
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def outer_id(parents: list[int], inner: int) -> int | None:
    """Return the ID of the process that has the ID `inner` in its own namespace and one of these parents."""
    for parent in parents:
        for pid in children(parent):
            with contextlib.suppress(OSError):
                status = Path(f"/proc/{pid}/status").read_text()
                ids = next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [str(pid)])
                if ids[-1] == str(inner):
                    return pid
    return None


def descendants(root: int, mark: bytes = b"") -> list[Process]:
    """Return all living descendants of the process `root`, without `root` itself.

    mark: an environment variable. Every process that was started with it counts as a descendant.
    """
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    table = {pid: status for pid in pids if (status := _status(pid))}
    found: list[Process] = []
    family = {root}
    while True:
        more = {pid for pid, (parent, _, _) in table.items() if parent in family} - family
        if not more:
            break
        family |= more
    me = os.getpid()
    for pid, (_, born, ended) in table.items():
        if pid in (root, me) or ended:
            continue
        if pid in family or (mark and mark in _environment(pid)):
            found.append(Process(pid, born))
    return found


def end(root: int, mark: bytes = b"", *, itself: bool = False, patience: float = 10.0) -> bool:
    """Kill all descendants (see `descendants`), and with `itself` the process `root`. Return False if some survive.

    patience: seconds after which the attempt ends. All descendants are stopped before any is killed, so that none can
    start another one meanwhile.
    """
    until = time.monotonic() + patience
    pause = 0.001
    while True:
        seen: set[Process] = set()
        while (found := set(descendants(root, mark))) - seen and time.monotonic() < until:
            for process in found - seen:
                send(process, signal.SIGSTOP)
            seen |= found
        for process in found:
            send(process, signal.SIGKILL)
        if not found:
            break
        if time.monotonic() > until:
            return False
        time.sleep(pause)
        pause = min(0.05, 2 * pause)
    last = find(root) if itself else None
    if last:
        send(last, signal.SIGKILL)
    return True


def send(process: Process, number: int) -> None:
    """Send a signal to this process, and never to a later process with the same ID."""
    with contextlib.suppress(OSError):
        if not hasattr(os, "pidfd_open"):  # some builds of Python do not have it
            if find(process.pid) == process:
                os.kill(process.pid, number)
            return
        handle = os.pidfd_open(process.pid)
        try:
            if find(process.pid) == process:
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)


def _status(pid: int) -> tuple[int, int, bool] | None:
    """Return the parent's ID, the start in clock ticks, and whether the process has ended; None without a process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = text[text.rindex(b")") + 2 :].split()
    return int(fields[1]), int(fields[19]), fields[0] in (b"Z", b"X")


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""
