"""Threads that share one process's work, with BLAS kept to one thread of its own meanwhile."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

_lock = threading.RLock()
_users: set[object] = set()
_limits: Any = None  # BLAS has one setting for the whole process, so what it was is kept here


def usable_threads() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def workers(threads: int) -> Iterator[Executor]:
    """A pool of threads; BLAS keeps to one thread inside, since its own would spin in the way of ours."""
    with _one_blas_thread(), ThreadPoolExecutor(threads) as pool:
        yield pool


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    """From the first user's beginning to the last one's end; then BLAS is as it was."""
    from threadpoolctl import threadpool_limits

    global _limits
    user = object()
    with _lock:
        _users.add(user)
        if _limits is None:
            _limits = threadpool_limits(1, user_api="blas")
    try:
        yield
    finally:
        with _lock:
            _users.discard(user)
            if not _users and _limits is not None:
                _limits.restore_original_limits()
                _limits = None
