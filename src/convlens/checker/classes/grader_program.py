"""The program of a grading process: `python -m convlens.checker.classes.grader_program MODULE:FUNCTION`.

For each line of JSON on its standard input it writes a line of JSON (see `messages`). It ends when its standard input
ends, even in the middle of a submission. So it ends with the process that started it, even if that process is killed.
`grader_processes` is the other side.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import Any

from convlens.checker.classes.messages import unpack
from convlens.checker.classes.tier_policy import refuse_weak, safe_tier
from convlens.checker.options import Options
from convlens.checker.submission import Submission
from convlens.checker.verdict import Report

__all__ = ["CHECKER", "SubmissionCheck", "serve"]

SubmissionCheck = Callable[[Submission, Options], Report]
CHECKER = "convlens.checker.check:class_checker"  # a function that returns a context manager of a SubmissionCheck
_GRACE = 5  # seconds to end the sandboxes when the standard input has ended; then the process kills itself


def serve(check: str = CHECKER) -> None:
    """Answer each line of standard input until it ends. check: like CHECKER."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # everything else that this process prints goes to standard error
    signal.signal(signal.SIGINT, signal.default_int_handler)  # even if Ctrl-C is ignored, for example after `nohup`
    jobs: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    idle = threading.Event()
    threading.Thread(target=_listen, args=(jobs, idle), daemon=True).start()
    # Both exceptions mean that nobody reads answers any more
    with suppress(KeyboardInterrupt, BrokenPipeError), ExitStack() as stack:

        @functools.cache
        def grade() -> SubmissionCheck:
            module, _, name = check.partition(":")
            context: AbstractContextManager[SubmissionCheck] = getattr(importlib.import_module(module), name)()
            return stack.enter_context(context)

        idle.set()
        while line := jobs.get():
            idle.clear()
            answers.write(json.dumps(_answer(line, grade)).encode() + b"\n")
            answers.flush()
            idle.set()


def _listen(jobs: queue.SimpleQueue[bytes], idle: threading.Event) -> None:
    """Put each line into `jobs`. At the end of the input, end the process, its sandboxes first."""
    for line in sys.stdin.buffer:
        jobs.put(line)
    jobs.put(b"")
    if not idle.is_set():
        os.kill(os.getpid(), signal.SIGINT)
    time.sleep(_GRACE)
    os.kill(os.getpid(), signal.SIGKILL)


def _answer(line: bytes, grade: Callable[[], SubmissionCheck]) -> dict[str, Any]:
    """Return the answer to one line: a report, or why there is none."""
    try:
        submission, options, unsafe = unpack(line)
        if options.tier is None:
            safe_tier(None, unsafe=unsafe)
        else:
            refuse_weak(options.tier, unsafe=unsafe)
        return {"report": grade()(submission, options).as_json()}
    except Exception as error:  # any exception: the class goes on
        return {"trouble": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    serve(*sys.argv[1:])
