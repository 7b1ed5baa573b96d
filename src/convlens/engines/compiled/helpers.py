"""Helpers: worker threads that play tapes together. They spin for a short time before they sleep.

To wake a sleeping thread takes as long as a small convolution. So a helper that has finished its work does not sleep at
once. It reads its mailbox again and again for about half a millisecond, in machine code without Python's lock, and then
sleeps (spin, then block: Karlin, Li, Manasse, Owicki 1991, "Empirical Studies of Competitive Spinning for a
Shared-Memory Multiprocessor").

A mailbox (`box` in the code) is two integers that one helper and the caller share: the helper's state, and the place of
its job.

    caller: box = (CALLED, job); if the helper was asleep, release its lock, which wakes it
    helper: CALLED -> AT_WORK -> takes pieces of the job until none is left -> AWAKE -> spins … -> ASLEEP, waits

A helper may be late, because it is still waking or because another program has its core. The caller does not wait for
it: when no piece is left, the caller turns CALLED back into AWAKE. It waits only for helpers that are at work.
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

from convlens.arrays import Array
from convlens.engines.compiled.kernel import address, compiled, intrinsic
from convlens.engines.compiled.later import cgutils, types
from convlens.engines.compiled.tape import play, table
from convlens.machine.memory import aligned
from convlens.machine.threads import usable_threads

_ASLEEP, _AWAKE, _CALLED, _AT_WORK = range(4)
_SPINS = 20_000  # about half a millisecond: several times as long as waking a thread takes, but less than a time slice
_BOX = 16  # numbers from one box to the next: 128 bytes, so that two boxes share no cache line and no prefetched pair
_HAS_PAUSE = platform.machine().lower() in ("x86_64", "amd64")


@intrinsic
def _pause(typing):
    """Tell the processor that this thread is spinning, so that the core's other hardware thread gets more time."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        if _HAS_PAUSE:
            pause = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, pause, "llvm.x86.sse2.pause"), [])
        return context.get_dummy_value()

    return types.void(), code


@intrinsic
def _state(typing, box):
    """Read box[0] atomically."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load_atomic(values[0], "seq_cst", 8)

    return types.int64(box), code


@intrinsic
def _set_state(typing, box, state):
    """Set box[0] = state atomically. A thread that reads the new state also sees everything written before it."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.store_atomic(values[1], values[0], "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(box, types.int64), code


@intrinsic
def _swap_state(typing, box, old, new):
    """Set box[0] = new if it equals `old`, atomically; return whether it did."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.extract_value(builder.cmpxchg(*values, "seq_cst", "seq_cst"), 1)

    return types.boolean(box, types.int64, types.int64), code


@intrinsic
def _next_piece(typing, job):
    """Return job[0] and add one to it, atomically."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.atomic_rmw("add", values[0], ir.IntType(64)(1), "seq_cst")

    return types.int64(job), code


@compiled
def _take(job: int, thread: int) -> None:
    """Play pieces of the job until none is left."""
    j = table(job)
    k = _next_piece(j)
    while k < j[1]:
        for at in range(j[2 + k], j[3 + k], 2):
            play(table(j[at])[thread], j[at + 1])
        k = _next_piece(j)


@compiled
def _serve(box: int, thread: int, spins: int) -> None:
    """Do the jobs that arrive in the box; return after `spins` reads without a job, so that the thread can sleep."""
    b = table(box)
    left = spins
    state = _state(b)
    while state != _ASLEEP and (left > 0 or not _swap_state(b, _AWAKE, _ASLEEP)):
        if state == _CALLED:
            if _swap_state(b, _CALLED, _AT_WORK):
                _take(b[1], thread)
                _set_state(b, _AWAKE)
                left = spins
        else:
            _pause()
            left -= 1
        state = _state(b)


@compiled
def _give(boxes: int, helpers: int, job: int) -> int:
    """Put the job into the first `helpers` boxes; return the sum of 1 << k over the helpers k that sleep."""
    sleepers = 0
    for k in range(helpers):
        b = table(boxes + k * _BOX)
        b[1] = job
        if not _swap_state(b, _AWAKE, _CALLED):
            _set_state(b, _CALLED)
            sleepers |= 1 << k
    return sleepers


@compiled
def _done(boxes: int, helpers: int, spins: int) -> bool:
    """Tell those of the first `helpers` helpers that have not begun that they are not needed; wait for the others.

    Return whether all have finished, after at most `spins` reads.
    """
    for k in range(helpers):
        _swap_state(table(boxes + k * _BOX), _CALLED, _AWAKE)
    for k in range(helpers):
        b = table(boxes + k * _BOX)
        while _state(b) == _AT_WORK:
            if spins <= 0:
                return False
            _pause()
            spins -= 1
    return True


class Job:
    """A job: pieces that any thread may take. A piece is a sequence of tapes with their slots, played in order.

    Piece k is the calls from starts[k] to starts[k + 1]. A call is two places: the place of a table of tapes, and the
    place of the slots. The table has one tape for each thread, because only one thread at a time may use a tape's
    buffers. `kept` are all objects with memory that the calls use: after Ctrl-C nobody else may hold them. Layout of
    `numbers`: the next piece; the number of pieces; for each piece the index where its calls begin; the index of the
    end; the calls.
    """

    def __init__(self, starts: Sequence[int], calls: Sequence[int], kept: Any) -> None:
        self.pieces, head = len(starts) - 1, 2 + len(starts)
        self.numbers = np.array([0, self.pieces, *(head + 2 * start for start in starts), *calls], np.int64)
        self.place, self._kept = address(self.numbers), kept

    def run(self) -> None:
        """Do all pieces on the calling thread."""
        self.numbers[0] = 0
        _take.foreign(self.place, 0)


class Helpers:
    """The calling thread and `threads - 1` helper threads. One job at a time."""

    def __init__(self, threads: int) -> None:
        self._helpers = threads - 1
        self._spins = _SPINS if threads <= usable_threads() else 0
        self._boxes = aligned(_BOX * max(1, self._helpers), np.dtype(np.int64))
        self._boxes[...] = _ASLEEP
        self._place = address(self._boxes)
        self._sleep = [threading.Lock() for _ in range(self._helpers)]
        self._free = threading.Lock()
        self._kept: Any = None
        self._interrupted = False
        for k, sleep in enumerate(self._sleep):
            sleep.acquire()
            threading.Thread(target=self._help, args=(k,), name=f"convlens-helper-{k + 1}", daemon=True).start()

    def _help(self, k: int) -> None:
        while self._sleep[k].acquire():
            _serve(self._place + k * _BOX, k + 1, self._spins)

    def run(self, job: Job, *arrays: Array) -> None:
        """Do the job's pieces. The calling thread does them alone if another thread is using the helpers.

        arrays: the arrays in the slots, which must stay alive meanwhile
        """
        helpers = min(self._helpers, job.pieces - 1)
        if helpers < 1 or not self._free.acquire(blocking=False):
            job.run()
            return
        try:
            if self._interrupted:  # by Ctrl-C in the last job: a helper may be at work, or asleep and called awake
                self._wait(self._helpers)
                for k in range(self._helpers):
                    self._wake(k)
            self._interrupted = True
            self._kept = (job, arrays)
            job.numbers[0] = 0
            sleepers = _give(self._place, helpers, job.place)
            for k in range(helpers):
                if sleepers >> k & 1:
                    self._wake(k)
            _take(job.place, 0)
            self._wait(helpers)
            self._interrupted = False
        except BaseException:
            self._wait(self._helpers)  # so that nobody uses this job's memory meanwhile, unless Ctrl-C comes again
            raise
        finally:
            self._free.release()

    def states(self) -> list[str]:
        """Return the state of each helper: "asleep", "awake", "called" or "at work"."""
        return [("asleep", "awake", "called", "at work")[state] for state in self._boxes[::_BOX][: self._helpers]]

    def _wait(self, helpers: int) -> None:
        while not _done(self._place, helpers, self._spins):
            time.sleep(1e-4)

    def _wake(self, k: int) -> None:
        """Wake a helper that sleeps; one that does not sleeps a little later."""
        if self._sleep[k].locked():
            self._sleep[k].release()


@cache
def helpers(threads: int) -> Helpers:
    """Return the helpers for `threads` threads; the first call starts them."""
    return Helpers(threads)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=helpers.cache_clear)  # a forked process has no threads
