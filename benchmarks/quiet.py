"""Was the machine ours while something was measured? What other programs took of it, as a row beside the figures."""

from __future__ import annotations

import os
import resource
import statistics
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.table import Row

AT_MOST = 0.05  # of the cores
OTHERS = "others"  # the key of that share in a side's answer
_STAT = Path("/proc/stat")


class Clock(NamedTuple):
    """Seconds since some moment: by the wall, of all cores at work or lent to other machines, and of our processes."""

    wall: float
    busy: float
    own: float


def clock(sides: Iterable[int] = ()) -> Clock | None:
    """Now; None where there is no /proc/stat. Our own: this process, its children that have ended, and those ids"""
    if not _STAT.is_file():
        return None
    tick: int = os.sysconf("SC_CLK_TCK")
    user, nice, system, _, _, irq, soft_irq, steal = map(int, _STAT.read_text().split()[1:9])
    own = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        used = resource.getrusage(who)
        own += used.ru_utime + used.ru_stime
    for side in sides:
        fields = Path(f"/proc/{side}/stat").read_text().rpartition(")")[2].split()
        own += sum(map(int, fields[11:15])) / tick  # its own and that of its children, user and system
    return Clock(time.perf_counter(), (user + nice + system + irq + soft_irq + steal) / tick, own)


def share(since: Clock | None, now: Clock | None) -> float:
    """Of the cores, what others took; 0 where that cannot be known"""
    if since is None or now is None:
        return 0.0
    busy, own, wall = now.busy - since.busy, now.own - since.own, now.wall - since.wall
    return max(0.0, busy - own) / wall / (os.cpu_count() or 1)


def others(since: Clock | None, now: Clock | None) -> list[Row]:
    """A row: that share, `ok` None if it is so much that the figures mean little"""
    if since is None or now is None:
        return []
    taken = share(since, now)
    note = "" if taken <= AT_MOST else "what was not taken in rounds may be off: measure again"
    return [Row("other programs meanwhile", f"at most {AT_MOST:.0%}", taken * 100, "%", taken <= AT_MOST or None, note)]


def judged(rows: list[Row], answers: dict[str, list[dict[str, Any]]]) -> list[Row]:
    """The rows of these rounds; neither reached nor missed if the machine was not ours in most of them"""
    taken = statistics.median(answer[OTHERS] for rounds in answers.values() for answer in rounds) if answers else 0
    if taken <= AT_MOST:
        return rows
    return [row._replace(ok=None, note=f"others took {taken:.0%} of the cores; {row.note}") for row in rows]
