"""Starts processes that grade, gives them submissions and reads their reports. `grader_program` is their program."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import Future, ThreadPoolExecutor

from convlens.checker.classes import grader_program
from convlens.checker.classes.messages import Trouble, pack, read_answer
from convlens.checker.options import Options
from convlens.checker.submission import Submission
from convlens.checker.verdict import Report

__all__ = ["GraderPool", "GraderProcess"]

_GRACE = 7  # seconds for a process to end by itself: it kills itself after 5, see `grader_program._GRACE`
_TRIES = 2  # a process may die by chance, for want of memory; twice is no chance
# The longest time for one submission is the first, in seconds, plus the second times the limit for one call. The checks
# end before: four files may take 1 s and 6 calls at their limit each, two files 180 s or 6 calls, six forms 10 s.
_PATIENCE, _PATIENCE_CALLS = 600, 60
_LAST_BYTES, _LONGEST = 2000, 300  # what a process wrote before it died: bytes that are read, characters that are told
_ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class _LateError(Trouble):
    """Grading took too long; another try would take as long."""


class GraderProcess:
    """One process that grades one submission at a time. It is started when it is needed, and again when it has died."""

    def __init__(self, check: str | None = None) -> None:
        """check: "module:function" as in `grader_program.CHECKER`, the default."""
        self._check = check or grader_program.CHECKER
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._lock = threading.Lock()  # guards _process and _closed: `dismiss` is called from another thread

    def grade(self, submission: Submission, options: Options, *, unsafe: bool = False) -> Report:
        """Return the report; Trouble if there is none in two tries, or if grading takes far longer than code may."""
        line = pack(submission, options, unsafe)
        patience = _PATIENCE + _PATIENCE_CALLS * options.seconds
        for remaining in reversed(range(_TRIES)):
            try:
                return self._ask(line, patience)
            except Trouble as trouble:
                self._end()
                if not remaining or self._closed or isinstance(trouble, _LateError):
                    raise
        raise AssertionError("unreachable")

    def _ask(self, line: bytes, patience: float) -> Report:
        """Send a line to the process, and read the report; Trouble if none comes within `patience` seconds."""
        with self._lock:
            if self._closed:
                raise Trouble("the class run was stopped")
            try:
                process = self._process = self._process or self._start()
            except OSError as error:
                raise Trouble(f"a grading process cannot be started: {error.strerror}") from None
        assert process.stdin and process.stdout
        late = threading.Event()

        def stop() -> None:
            late.set()
            _kill(process)

        timer = threading.Timer(patience, stop)
        timer.daemon = True
        timer.start()
        try:
            process.stdin.write(line)
            process.stdin.flush()
            answer = process.stdout.readline()
        except (OSError, ValueError):  # the pipe is broken, or `close` has closed it
            answer = b""
        finally:
            timer.cancel()
        if late.is_set():
            raise _LateError(f"grading took more than {patience:g} s in all and was stopped")
        if not answer.endswith(b"\n"):
            raise Trouble(f"the grading process ended ({self._how_it_ended(process)})")
        return read_answer(answer)

    def _start(self) -> subprocess.Popen[bytes]:
        said = tempfile.TemporaryFile()  # noqa: SIM115 — lives as long as the process
        try:
            # -P: no module is imported from the present folder, which may be a student's. process_group: Ctrl-C on the
            # terminal reaches this process only, which passes it on.
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", grader_program.__name__, self._check],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                env=os.environ | _ONE_THREAD,
                process_group=0,
            )
        except BaseException:
            said.close()
            raise
        self._said = said
        return process

    def _how_it_ended(self, process: subprocess.Popen[bytes]) -> str:
        """The exit code or signal of a process, and the last line that it wrote."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
        code = process.returncode
        how = "silent" if code is None else f"signal {-code}" if code < 0 else f"exit code {code}"
        self._said.seek(max(0, self._said.tell() - _LAST_BYTES))
        lines = self._said.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"{how}: {last[:_LONGEST]}" if last else how

    def _end(self) -> None:
        """End the process: by closing its input, then by force."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError, ValueError):
            process.stdin.close()  # type: ignore[union-attr]
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            _kill(process)
            process.wait()
        process.stdout.close()  # type: ignore[union-attr]
        self._said.close()

    def dismiss(self) -> None:
        """Stop what is being graded, and grade nothing more. To be called from another thread."""
        with self._lock:
            self._closed, process = True, self._process
        if process is not None:
            # By a signal, not by closing its pipe: the thread that grades may be inside a call on the pipe
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            timer = threading.Timer(_GRACE, _kill, [process])
            timer.daemon = True
            timer.start()

    def close(self) -> None:
        """End the process."""
        self._closed = True
        self._end()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it left in its process group."""
    if process.returncode is None:  # it has not been waited for, so its number is still its own
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


class GraderPool:
    """Several processes that grade at the same time, each with a thread that waits for it. A context manager.

    A `grading.GradingBackend`.
    """

    def __init__(self, jobs: int, *, unsafe: bool = False, check: str | None = None) -> None:
        """jobs: the number of processes; unsafe: whether a sandbox that does not hold is accepted; check: as for
        `GraderProcess`"""
        self.width = 2 * jobs  # submissions in hand: the next one is there when a process has done the last one
        self._unsafe = unsafe
        self._all = [GraderProcess(check) for _ in range(jobs)]
        self._free: queue.SimpleQueue[GraderProcess] = queue.SimpleQueue()
        for one in self._all:
            self._free.put(one)
        self._threads = ThreadPoolExecutor(jobs, "grader")

    def submit(self, submission: Submission, options: Options) -> Future[Report]:
        """Return the report to come; its exception is Trouble if there is none."""
        return self._threads.submit(self._grade, submission, options)

    def watch(self) -> None:
        """Do nothing: each thread starts its own process again."""

    def _grade(self, submission: Submission, options: Options) -> Report:
        one = self._free.get()
        try:
            return one.grade(submission, options, unsafe=self._unsafe)
        finally:
            self._free.put(one)

    def __enter__(self) -> GraderPool:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for one in self._all:
            one.dismiss()
        self._threads.shutdown(wait=True)
        for one in self._all:
            one.close()
