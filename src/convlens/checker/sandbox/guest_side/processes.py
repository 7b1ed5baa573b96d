"""Finding and ending a process and all that it started, however it tries to hide, by way of /proc."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import NamedTuple

__all__ = ["Process", "descendants", "end", "find"]


class Process(NamedTuple):
    """pid: its number; born: its start in clock ticks, by which another of the same number is told apart"""

    pid: int
    born: int


def find(pid: int) -> Process | None:
    """That process, None if there is none or it has ended (and waits for its parent to see it)"""
    status = _status(pid)
    return None if status is None or status[2] else Process(pid, status[1])


def descendants(root: int, mark: bytes = b"") -> list[Process]:
    """All processes that live and were started by that one, or by one that was; the process itself is not among them

    With a mark, also those that have it in the environment that they were started with, wherever they come from.
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
    """Kill all descendants (see there), with `itself` that process at last; whether they are gone within `patience`

    They are stopped before they are killed, so that none can start another while the rest is found.
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
    """That signal, to that process and to no other that has its number by now"""
    with contextlib.suppress(OSError):
        if not hasattr(os, "pidfd_open"):  # some builds of Python do without
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
    """The parent, the start, and whether it has ended"""
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
