"""Processes that grade, as those see them who give them submissions. `classes.grader` is the other side."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import Future, ThreadPoolExecutor

from convlens.checker.classes import grader
from convlens.checker.options import Options
from convlens.checker.submission import Submission
from convlens.checker.verdict import Report

__all__ = ["Grader", "Graders", "Trouble", "read_answer"]

_GRACE = 7  # seconds for a process to end by itself, a little more than it takes itself
_TRIES = 2
_PATIENCE = 600  # seconds; with the most that calls may take, longer than any submission does
_ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Trouble(Exception):  # noqa: N818 — something went wrong with the grading, not with what was graded
    """There is no report, through no fault of the submission; the text says why."""


def read_answer(text: str | bytes) -> Report:
    """The report that a line of a grader holds; Trouble if it holds none"""
    try:
        found = json.loads(text)
        if "trouble" in found:
            raise Trouble(found["trouble"])
        return Report.from_json(found["report"])
    except (ValueError, KeyError, TypeError) as error:
        raise Trouble(f"the process that graded it sent no report: {error!r}") from None


class _Late(Trouble):
    """Not worth another try"""


class Grader:
    """One process, started when it is needed and again when it has died. One submission at a time.

    check: the context that gives what grades, as "module:name"
    """

    def __init__(self, check: str | None = None) -> None:
        self._check = check or grader.CHECK
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._lock = threading.Lock()  # of the two above: `dismiss` comes from another thread

    def grade(self, submission: Submission, options: Options, *, unsafe: bool = False) -> Report:
        """The report; Trouble if twice there is none, or the process takes far longer than code may."""
        line = grader.pack(submission, options, unsafe)
        patience = _PATIENCE + 60 * options.seconds
        for remaining in reversed(range(_TRIES)):
            try:
                return self._ask(line, patience)
            except Trouble as trouble:
                self._end()
                if not remaining or self._closed or isinstance(trouble, _Late):
                    raise
        raise AssertionError("unreachable")

    def _ask(self, line: bytes, patience: float) -> Report:
        with self._lock:
            if self._closed:
                raise Trouble("the class run was stopped")
            try:
                process = self._process = self._process or self._start()
            except OSError as error:
                raise Trouble(f"a process that grades cannot be started: {error.strerror}") from None
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
        except (OSError, ValueError):  # the pipe is broken, or closed by `close`
            answer = b""
        finally:
            timer.cancel()
        if late.is_set():
            raise _Late(f"grading took more than {patience:g} s in all and was stopped")
        if not answer.endswith(b"\n"):
            raise Trouble(f"the process that graded it ended ({self._how_it_ended(process)})")
        return read_answer(answer)

    def _start(self) -> subprocess.Popen[bytes]:
        said = tempfile.TemporaryFile()  # noqa: SIM115 — lives as long as the process
        try:
            # -P: no module of the folder we are in, which may be a student's. A group of its own: Ctrl-C comes through
            # us.
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", grader.__name__, self._check],
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
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
        code = process.returncode
        how = "silent" if code is None else f"signal {-code}" if code < 0 else f"exit code {code}"
        self._said.seek(max(0, self._said.tell() - 2000))
        lines = self._said.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"{how}: {last[:300]}" if last else how

    def _end(self) -> None:
        """Let it go: first by the end of its input, then by force."""
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
        """From another thread: what is being graded is not needed any more, and nothing will be."""
        with self._lock:
            self._closed, process = True, self._process
        if process is not None:
            # Not through its pipe: the thread that grades may be inside a call on that.
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
    """It and whatever it left in its group"""
    if process.returncode is None:  # not waited for: the number is still its own
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


class Graders:
    """So many processes that grade at the same time, each with a thread that waits for it. A context manager.

    jobs: how many; unsafe: let code run in a sandbox that does not hold; check: the function, as for `Grader`
    """

    def __init__(self, jobs: int, *, unsafe: bool = False, check: str | None = None) -> None:
        self.width = 2 * jobs  # how many submissions to have in hand: none waits for us
        self._unsafe = unsafe
        self._all = [Grader(check) for _ in range(jobs)]
        self._free: queue.SimpleQueue[Grader] = queue.SimpleQueue()
        for one in self._all:
            self._free.put(one)
        self._threads = ThreadPoolExecutor(jobs, "grader")

    def submit(self, submission: Submission, options: Options) -> Future[Report]:
        """The report, later; its exception is Trouble."""
        return self._threads.submit(self._grade, submission, options)

    def watch(self) -> None:
        """Nothing to watch: each thread sees to its own process."""

    def _grade(self, submission: Submission, options: Options) -> Report:
        one = self._free.get()
        try:
            return one.grade(submission, options, unsafe=self._unsafe)
        finally:
            self._free.put(one)

    def __enter__(self) -> Graders:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for one in self._all:
            one.dismiss()
        self._threads.shutdown(wait=True)
        for one in self._all:
            one.close()
