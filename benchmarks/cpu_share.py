"""The share of the CPU that other programs used during a measurement. A high share makes the figures doubtful."""

from __future__ import annotations

import os
import resource
import statistics
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.table import Row

AT_MOST = 0.05  # the largest share of all cores that other programs may use
OTHERS = "others"  # the key of this share in the answer of a worker
_STAT = Path("/proc/stat")


class CpuTimes(NamedTuple):
    """Seconds since some moment.

    wall: by the clock. busy: the sum over all cores of the time in which they worked or were lent to other virtual
    machines. own: the processor time of our processes.
    """

    wall: float
    busy: float
    own: float


def cpu_times(workers: Iterable[int] = ()) -> CpuTimes | None:
    """Return the times now, or None on a system without /proc/stat.

    Our processes are this process, its children that have ended, and the processes with the ids `workers`.
    """
    if not _STAT.is_file():
        return None
    tick: int = os.sysconf("SC_CLK_TCK")
    user, nice, system, _, _, irq, soft_irq, steal = map(int, _STAT.read_text().split()[1:9])
    own = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        used = resource.getrusage(who)
        own += used.ru_utime + used.ru_stime
    for worker in workers:
        fields = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()
        own += sum(map(int, fields[11:15])) / tick  # user and system time of the worker and of its children
    return CpuTimes(time.perf_counter(), (user + nice + system + irq + soft_irq + steal) / tick, own)


def others_share(since: CpuTimes | None, now: CpuTimes | None) -> float:
    """Return the share of all cores that other programs used between two times; 0 if it is unknown."""
    if since is None or now is None:
        return 0.0
    busy, own, wall = now.busy - since.busy, now.own - since.own, now.wall - since.wall
    return max(0.0, busy - own) / wall / (os.cpu_count() or 1)


def others_row(since: CpuTimes | None, now: CpuTimes | None) -> list[Row]:
    """Return one row with the share of other programs, or no row if it is unknown.

    `ok` is None if the share is so large that the figures of the benchmark are doubtful.
    """
    if since is None or now is None:
        return []
    share = others_share(since, now)
    note = "" if share <= AT_MOST else "figures that were not measured in rounds may be wrong: measure again"
    return [Row("other programs meanwhile", f"at most {AT_MOST:.0%}", share * 100, "%", share <= AT_MOST or None, note)]


def mark_disturbed(rows: list[Row], answers: dict[str, list[dict[str, Any]]]) -> list[Row]:
    """Return the rows unchanged, unless other programs disturbed most of the rounds that gave the answers.

    In that case `ok` becomes None and the note names the share of the other programs.
    """
    share = statistics.median(answer[OTHERS] for rounds in answers.values() for answer in rounds) if answers else 0
    if share <= AT_MOST:
        return rows
    return [row._replace(ok=None, note=f"other programs used {share:.0%} of the cores; {row.note}") for row in rows]
