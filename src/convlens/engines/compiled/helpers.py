"""Threads that play tapes together, and spin for a moment before they sleep.

To wake a thread that sleeps takes as long as a small convolution does. So a helper that has done its part looks into
its box again and again for about half a millisecond, in machine code without Python's lock, before it goes to sleep
(spin, then block: Karlin, Li, Manasse, Owicki 1991, "Empirical Studies of Competitive Spinning for a Shared-Memory
Multiprocessor").

A box is two whole numbers that one helper and the caller share: the helper's state, and the place of its job.

    caller: box = (AT_WORK, job)          helper asleep?  then release its lock, which wakes it
    helper: AT_WORK -> takes pieces of the job until none is left -> AWAKE -> looks … -> ASLEEP, waits for its lock
"""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from convlens.arrays import Array
from convlens.engines.compiled.kernel import address, compiled, intrinsic
from convlens.engines.compiled.tape import play, table
from convlens.machine.memory import aligned
from convlens.machine.threads import usable_threads

_ASLEEP, _AWAKE, _AT_WORK = 0, 1, 2
_LOOKS = 20_000  # about half a millisecond: several times what it takes to wake a thread, less than a time slice
_BOX = 16  # numbers from one box to the next: 128 bytes, so that no two share a cache line or a prefetched pair of them
_HAS_PAUSE = platform.machine().lower() in ("x86_64", "amd64")


@intrinsic
def _pause(typing):
    """Let the core's other thread go first."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        if _HAS_PAUSE:
            pause = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, pause, "llvm.x86.sse2.pause"), [])
        return context.get_dummy_value()

    return types.void(), code


@intrinsic
def _state(typing, box):
    """box[0], as the other threads left it"""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load_atomic(values[0], "seq_cst", 8)

    return types.int64(box), code


@intrinsic
def _set_state(typing, box, state):
    """box[0] = state; whoever sees it also sees all that was written before"""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.store_atomic(values[1], values[0], "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(box, types.int64), code


@intrinsic
def _swap_state(typing, box, old, new):
    """box[0] = new if it is old; whether it was"""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.extract_value(builder.cmpxchg(*values, "seq_cst", "seq_cst"), 1)

    return types.boolean(box, types.int64, types.int64), code


@intrinsic
def _next_piece(typing, job):
    """job[0], which is one more from then on"""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.atomic_rmw("add", values[0], ir.IntType(64)(1), "seq_cst")

    return types.int64(job), code


@compiled
def _take(job, thread):
    """Play pieces of the job until none is left."""
    j = table(job)
    k = _next_piece(j)
    while k < j[1]:
        for at in range(j[2 + k], j[3 + k], 2):
            play(table(j[at])[thread], j[at + 1])
        k = _next_piece(j)


@compiled
def _serve(box, thread, looks):
    """Do the jobs that come into the box; go to sleep after `looks` looks at nothing."""
    b = table(box)
    left = looks
    state = _state(b)
    while state != _ASLEEP and (left > 0 or not _swap_state(b, _AWAKE, _ASLEEP)):
        if state == _AT_WORK:
            _take(b[1], thread)
            _set_state(b, _AWAKE)
            left = looks
        else:
            _pause()
            left -= 1
        state = _state(b)


@compiled
def _give(boxes, helpers, job):
    """The job to each of the first `helpers` boxes; returns 1 << k summed over the helpers that sleep"""
    sleepers = 0
    for k in range(helpers):
        b = table(boxes + k * _BOX)
        b[1] = job
        if not _swap_state(b, _AWAKE, _AT_WORK):
            _set_state(b, _AT_WORK)
            sleepers |= 1 << k
    return sleepers


@compiled
def _done(boxes, helpers, looks):
    """Whether all of them are done, after at most `looks` looks"""
    for k in range(helpers):
        b = table(boxes + k * _BOX)
        while _state(b) == _AT_WORK:
            if looks <= 0:
                return False
            _pause()
            looks -= 1
    return True


class Job:
    """Pieces for any thread to take: a piece is tapes, to be played in order, each with the places in its slots.

    Piece k is the calls starts[k] … starts[k + 1]. A call is two places: of a table of tapes, one for each thread,
    since a tape's buffers are one thread's at a time; and of its slots. `kept` is what all this needs to exist.
    Layout: the next piece, the number of pieces, for each piece where its calls begin, the end, the calls.
    """

    def __init__(self, starts: Sequence[int], calls: Sequence[int], kept: Any) -> None:
        self.pieces, head = len(starts) - 1, 2 + len(starts)
        self.numbers = np.array([0, self.pieces, *(head + 2 * start for start in starts), *calls], np.int64)
        self._kept = kept


class Helpers:
    """The calling thread and `threads - 1` helper threads. One job at a time."""

    def __init__(self, threads: int) -> None:
        self._helpers = threads - 1
        self._looks = _LOOKS if threads <= usable_threads() else 0
        self._boxes = aligned(_BOX * max(1, self._helpers), np.dtype(np.int64))
        self._boxes[...] = _ASLEEP
        self._place = address(self._boxes)
        self._sleep = [threading.Lock() for _ in range(self._helpers)]
        self._free = threading.Lock()
        self._kept: Any = None
        for k, sleep in enumerate(self._sleep):
            sleep.acquire()
            threading.Thread(target=self._help, args=(k,), name=f"convlens-helper-{k + 1}", daemon=True).start()

    def _help(self, k: int) -> None:
        while self._sleep[k].acquire():
            _serve(self._place + k * _BOX, k + 1, self._looks)

    def run(self, job: Job, *arrays: Array) -> None:
        """Do the job's pieces; alone if another thread keeps the helpers busy. The arrays are those in the slots."""
        numbers = address(job.numbers)
        job.numbers[0] = 0
        helpers = min(self._helpers, job.pieces - 1)
        if helpers < 1 or not self._free.acquire(blocking=False):
            _take(numbers, 0)
            return
        try:
            self._wait(self._helpers)  # a helper whom Ctrl-C did not wait for may still be at work
            self._kept = (job, arrays)
            sleepers = _give(self._place, helpers, numbers)
            for k in range(helpers):
                if sleepers >> k & 1:
                    self._wake(k)
            _take(numbers, 0)
            self._wait(helpers)
        finally:
            self._free.release()

    def states(self) -> list[str]:
        """What each helper does at the moment: asleep, awake or at work"""
        return [("asleep", "awake", "at work")[state] for state in self._boxes[::_BOX][: self._helpers]]

    def _wait(self, helpers: int) -> None:
        while not _done(self._place, helpers, self._looks):
            for k in range(helpers):
                self._wake(k)  # Ctrl-C may have come between the box and the wake-up; to be woken twice is harmless
            time.sleep(1e-4)

    def _wake(self, k: int) -> None:
        if self._sleep[k].locked():
            self._sleep[k].release()


@cache
def helpers(threads: int) -> Helpers:
    """The helpers for that many threads, there from the first job on"""
    return Helpers(threads)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=helpers.cache_clear)  # threads do not come along
