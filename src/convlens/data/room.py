"""How much memory this process may still take, and the refusal of data that would need more."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["check_fits", "free_memory", "in_words"]

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def free_memory() -> int | None:
    """Return the bytes of memory that are available on this machine or in this container; None if it does not say."""
    found = []
    with suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                found.append(int(line.split()[1]) * 1024)
    for path in _LIMITS:
        with suppress(OSError, ValueError):
            found.append(int(Path(path).read_text(encoding="ascii")))
    if not found and hasattr(os, "sysconf"):
        with suppress(OSError, ValueError):
            found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min(found, default=None)


def check_fits(needed: int, name: str) -> None:
    """Raise ValueError if `needed` bytes are more than the memory that is free. The error calls the data `name`."""
    free = free_memory()
    if free is not None and needed > free:
        raise ValueError(f"{name} needs {in_words(needed)} of memory; this machine has {in_words(free)} free")


def in_words(size: int) -> str:
    """Return a number of bytes as text.

    >>> in_words(640), in_words(47_040_016), in_words(3 * 10**12)
    ('640 bytes', '47 MB', '3,000 GB')
    """
    if size < 1000:
        return f"{size} bytes"
    if size < 10**6:
        return f"{size / 1e3:.0f} kB"
    # whole numbers, since a size that nobody meant may be too large for a float
    return f"{(size + 500_000) // 10**6:,} MB" if size < 10**10 else f"{(size + 5 * 10**8) // 10**9:,} GB"
