"""Threads that share one process's work, with BLAS kept to one thread of its own meanwhile."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

_lock = threading.RLock()
_users: set[object] = set()
_limits: Any = None  # BLAS has one setting for the whole process, so what it was is kept here


def usable_threads() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Workers:
    """The calling thread and `threads - 1` others, which take pieces of work as they come."""

    def __init__(self, threads: int) -> None:
        self._others = threads - 1
        self._pool = ThreadPoolExecutor(self._others) if self._others else None

    def map(self, work: Callable[[int], T], pieces: int) -> list[T]:
        """[work(0), …, work(pieces - 1)], in that order whoever did them; the first exception, if there is one"""
        results: list[Any] = [None] * pieces
        left = iter(range(pieces))  # one piece to whoever asks first: Python's lock makes that safe

        def take() -> None:
            for k in left:
                results[k] = work(k)

        helpers = []
        if self._pool is not None:
            helpers = [self._pool.submit(take) for _ in range(min(self._others, pieces - 1))]
        try:
            take()
        finally:
            wait(helpers)
        for helper in helpers:
            helper.result()
        return results

    def close(self) -> None:
        """End the other threads."""
        if self._pool is not None:
            self._pool.shutdown()


@contextmanager
def workers(threads: int) -> Iterator[Workers]:
    """So many threads; BLAS keeps to one thread inside, since its own would spin in the way of ours."""
    with _one_blas_thread():
        crew = Workers(threads)
        try:
            yield crew
        finally:
            crew.close()


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
