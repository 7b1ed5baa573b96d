"""Was the machine ours while something was measured? What other programs took of it, as a row beside the figures."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.table import Row

AT_MOST = 0.05  # of the cores
_STAT = Path("/proc/stat")


class Clock(NamedTuple):
    """Seconds since some moment: by the wall, of all cores at work or lent to other machines, and of our processes."""

    wall: float
    busy: float
    own: float


def clock() -> Clock | None:
    """Now; None where there is no /proc/stat. Children count once they have ended and were waited for."""
    if not _STAT.is_file():
        return None
    user, nice, system, _, _, irq, soft_irq, steal = map(int, _STAT.read_text().split()[1:9])
    busy = (user + nice + system + irq + soft_irq + steal) / os.sysconf("SC_CLK_TCK")
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return Clock(time.perf_counter(), busy, sum(one.ru_utime + one.ru_stime for one in used))


def others(since: Clock | None, now: Clock | None) -> list[Row]:
    """A row: the share of the cores that others took, `ok` None if it is so much that the figures mean little"""
    if since is None or now is None:
        return []
    busy, own, wall = now.busy - since.busy, now.own - since.own, now.wall - since.wall
    share = max(0.0, busy - own) / wall / (os.cpu_count() or 1)
    note = "" if share <= AT_MOST else "the machine was not ours alone: measure again"
    return [Row("other programs meanwhile", f"at most {AT_MOST:.0%}", share * 100, "%", share <= AT_MOST or None, note)]
