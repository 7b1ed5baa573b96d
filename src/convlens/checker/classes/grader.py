"""A process that grades one submission after another: `python -m convlens.checker.classes.grader MODULE:FUNCTION`.

A line of JSON comes in for each, a line of JSON goes out: {"report": …}, or {"trouble": why there is none}. It ends
when its standard input does, even in the middle of a submission: so it never outlives the process that started it,
however that one ends. `classes.graders` is the other side.
"""

from __future__ import annotations

import base64
import functools
import importlib
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import asdict
from typing import Any

from convlens.checker.options import Options
from convlens.checker.submission import File, Submission
from convlens.checker.verdict import Report

__all__ = ["CHECK", "Check", "pack", "refuse_weak", "safe_tier", "serve", "unpack"]

Check = Callable[[Submission, Options], Report]
CHECK = "convlens.checker.check:checker"  # what grades: a context that gives a `Check`
_GRACE = 5  # seconds to clean up, when our standard input ends


def pack(submission: Submission, options: Options, unsafe: bool) -> bytes:
    """The line that asks for a report; `unsafe` lets code run in a sandbox that does not hold."""
    files = {
        name: asdict(file) | {"content": None if file.content is None else base64.b64encode(file.content).decode()}
        for name, file in submission.files.items()
    }
    job = {"name": submission.name, "files": files, "options": asdict(options), "unsafe": unsafe}
    return json.dumps(job).encode() + b"\n"


def unpack(line: bytes) -> tuple[Submission, Options, bool]:
    """What `pack` was given"""
    job: Mapping[str, Any] = json.loads(line)
    files = {
        name: File(**file | {"content": None if file["content"] is None else base64.b64decode(file["content"])})
        for name, file in job["files"].items()
    }
    options = Options(**job["options"] | {"tasks": tuple(job["options"]["tasks"])})
    return Submission(job["name"], files), options, job["unsafe"]


def safe_tier(asked: str | None, *, unsafe: bool = False) -> str:
    """The sandbox's tier, the best there is unless one is asked for; ValueError as `refuse_weak` has it"""
    from convlens.checker.sandbox.tiers import choose

    tier = choose(asked)
    refuse_weak(tier, unsafe=unsafe)
    return tier


def refuse_weak(tier: str, *, unsafe: bool) -> None:
    """ValueError for a tier that is unknown, or too weak for a class; unsafe: that one will do, too"""
    from convlens.checker.sandbox.tiers import TIERS, WEAKEST

    if tier not in TIERS:
        raise ValueError(f"the tier must be one of {', '.join(TIERS)}; got {tier!r}")
    if tier == WEAKEST and not unsafe:
        raise ValueError(
            f"a class must be graded in a sandbox that holds, {' or '.join(TIERS[:-1])}; this is {tier}, which keeps "
            "code from none of your files, your processes and the network; --unsafe takes it all the same"
        )


def serve(check: str = CHECK) -> None:
    """Answer each line of standard input, until it ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever else is printed in this process is no answer
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where Ctrl-C is ignored, as after `nohup`
    jobs: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    idle = threading.Event()
    threading.Thread(target=_listen, args=(jobs, idle), daemon=True).start()
    with suppress(KeyboardInterrupt, BrokenPipeError), ExitStack() as stack:  # nobody waits for the answer any more

        @functools.cache
        def grade() -> Check:
            module, _, name = check.partition(":")
            context: AbstractContextManager[Check] = getattr(importlib.import_module(module), name)()
            return stack.enter_context(context)

        idle.set()
        while line := jobs.get():
            idle.clear()
            answers.write(json.dumps(_answer(line, grade)).encode() + b"\n")
            answers.flush()
            idle.set()


def _listen(jobs: queue.SimpleQueue[bytes], idle: threading.Event) -> None:
    """Hand on each line; when there are no more, see to it that the process ends, sandboxes first."""
    for line in sys.stdin.buffer:
        jobs.put(line)
    jobs.put(b"")
    if not idle.is_set():
        os.kill(os.getpid(), signal.SIGINT)
    time.sleep(_GRACE)
    os.kill(os.getpid(), signal.SIGKILL)


def _answer(line: bytes, grade: Callable[[], Check]) -> dict[str, Any]:
    try:
        submission, options, unsafe = unpack(line)
        if options.tier is None:
            safe_tier(None, unsafe=unsafe)
        else:
            refuse_weak(options.tier, unsafe=unsafe)
        return {"report": grade()(submission, options).as_json()}
    except Exception as error:  # whatever it is, the class goes on
        return {"trouble": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    serve(*sys.argv[1:])
