"""The host process of a sandbox: it loads slow packages once, and forks a guest for each submitted file.

The host itself runs no submitted code. Its parent sends orders over a socket: first which packages to load, then for
each file to start a guest with a given socket, and to end this guest. When the parent is gone, the host ends with all
its descendants. `sandbox.host` is the parent's side.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convlens.checker.sandbox.guest_side import leftovers, processes, seal, wire
else:  # inside the sandbox this folder is on the path, and there is no convlens
    import leftovers
    import processes
    import seal
    import wire

CONTROL = 2**18  # bytes of an order: the settings list every readable path
_LONGEST = 500  # characters of an exception's text
_SUBREAPER, _DUMPABLE, _PDEATHSIG = 36, 4, 1  # PR_SET_... of prctl(2)
_PATIENCE = 5.0  # seconds for one attempt to end the processes that a guest left

Json = dict[str, Any]


class OrphanedError(BaseException):
    """The parent is gone. `except Exception` does not catch it, since a signal may raise it anywhere."""


def main(handle: int) -> None:
    """Serve the parent on the socket with this file descriptor, until the parent closes it."""
    control = socket.socket(fileno=handle)
    settings = json.loads(control.recv(CONTROL))
    sys.argv = [""]
    with contextlib.suppress(OrphanedError):
        with contextlib.suppress(OSError):
            _serve(control, settings)
        signal.signal(signal.SIGCONT, signal.SIG_IGN)  # from here on, nothing raises OrphanedError
    _end_all(settings["guests"])
    if settings["own"]:
        leftovers.empty(settings["own"])


def _serve(control: socket.socket, settings: Json) -> None:
    """Answer orders until the socket closes."""
    answer: Json = {"ready": True}
    try:
        _prepare(settings)
    except Exception as error:
        answer = {"error": _error_text(error)}
    control.send(json.dumps(answer).encode())
    while "ready" in answer:
        text, handles, _, _ = socket.recv_fds(control, CONTROL, 1)
        if not text:
            break
        control.send(json.dumps(_run_order(json.loads(text), handles, control, settings)).encode())


def _prepare(settings: Json) -> None:
    """Prepare this process for forking guests: tie it to its parent, load packages, compute limits."""
    parent = os.getppid()

    def orphaned(*_: object) -> None:
        if os.getppid() != parent:
            signal.signal(signal.SIGCONT, signal.SIG_IGN)
            raise OrphanedError

    # The system sends SIGCONT when the parent's thread that started this process ends. The signal also wakes up a
    # stopped process. Waiting for the socket to close is not enough: another process may have a copy of its other end.
    signal.signal(signal.SIGCONT, orphaned)
    seal.prctl(_PDEATHSIG, signal.SIGCONT)
    seal.prctl(_SUBREAPER, 1)
    seal.prctl(_DUMPABLE, 0)
    for name in settings["packages"]:
        importlib.import_module(name)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nothing, standard)
    os.close(nothing)
    _count_processes(settings["limits"], settings["user"])
    gc.collect()
    gc.freeze()


def _count_processes(limits: Json, other: int | None) -> None:
    """Add the user's present number of processes and threads to the limit NPROC: the system counts all of them.

    other: the user that guests become, None if they stay this process's user
    """
    more = limits.pop("NPROC", 0)
    user = os.getuid() if other is None else other
    if not more or not user:  # the limit does not bind root
        return
    now = 0
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdecimal() and process.stat().st_uid == user:
                now += sum(1 for _ in (process / "task").iterdir())
    limits["NPROC"] = now + more


def _run_order(order: Json, handles: list[int], control: socket.socket, settings: Json) -> Json:
    """Fork a guest, or end one; return the answer to the parent."""
    if "end" in order:
        return _end(int(order["end"]), float(order["grace"]), settings["guests"])
    try:
        job = importlib.import_module(order["job"])
        folder = Path(settings["guests"], f"{time.monotonic_ns()}")
        folder.mkdir(0o700)
        if settings["user"] is not None:
            folder.chmod(0o777)  # the guest becomes another user, who owns no folder
    except Exception as error:
        for handle in handles:
            os.close(handle)
        return {"error": _error_text(error)}
    host = os.getpid()
    pid = os.fork()
    if not pid:
        try:
            control.close()
            _run_guest(handles[0], job, settings, str(folder), host)
        finally:
            os._exit(0)
    os.close(handles[0])
    return {"pid": pid}


def _end(pid: int, grace: float, place: str) -> Json:
    """Wait `grace` seconds for a guest to end, kill it and all its descendants, and empty the folder `place`.

    Return {"status": the guest's exit status}, None if it had to be killed.
    """
    status: int | None = None
    until = time.monotonic() + grace
    while status is None:
        try:
            ended, found = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            break
        if ended:
            status = found
        elif time.monotonic() > until:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            break
        else:
            time.sleep(0.002)
    _end_all(place)
    return {"status": status}


def _end_all(place: str) -> None:
    """Kill all descendants of this process, and empty the folder `place`."""
    # ChildProcessError means that no children are left. Orphans become children of this process, so no descendants are
    # left either.
    with contextlib.suppress(ChildProcessError):
        while True:
            if not os.waitpid(-1, os.WNOHANG)[0]:
                processes.end(os.getpid(), patience=_PATIENCE)
                time.sleep(0.001)
    leftovers.clear(place)  # the whole folder, since a guest may have written outside its own folder


def _run_guest(handle: int, job: Any, settings: Json, folder: str, host: int) -> None:
    """Seal this process, then read the submitted file and answer requests about it."""
    signal.signal(signal.SIGCONT, signal.SIG_DFL)
    os.dup2(handle, 3)
    os.closerange(4, 65536)
    for standard in range(3):  # new files, since a lock on a shared file would outlive the guest
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, standard)
        os.close(nothing)

    def read(count: int) -> bytearray:
        data = bytearray()
        while len(data) < count:
            part = os.read(3, min(count - len(data), 2**20))
            if not part:
                raise EOFError
            data += part
        return data

    def write(number: int, message: Json, arrays: Any = ()) -> None:
        try:
            data = wire.dump(number, message, arrays)
        except wire.TooMuchError as error:
            data = wire.refusal(error.size)
        left = memoryview(data)
        while left:
            left = left[os.write(3, left) :]

    os.chdir(folder)
    os.environ["HOME"] = os.environ["TMPDIR"] = folder
    try:
        limits = settings["limits"]
        readable, user = settings["read"], settings["user"]
        seal.seal(settings["tier"], limits, readable, settings["listed"], folder, host, user)
    except Exception as error:
        write(0, {"unsealed": _error_text(error)})
        return
    write(0, {"sealed": True})
    _, options, arrays = wire.load(read)
    file = str(options.get("file", ""))
    handler: Any = None
    raised: Json = {}
    try:
        handler = job.start(arrays[0].tobytes(), options)
    except BaseException as error:
        raised = _raised(error, file)
    while True:
        number, request, arrays = wire.load(read)
        if handler is None:
            write(number, raised)
            continue
        try:
            answer, results = handler(request, arrays)
            write(number, answer, results)
        except BaseException as error:
            write(number, _raised(error, file))


def _raised(error: BaseException, file: str) -> Json:
    """Return the type and text of an exception, and the innermost line of the submitted file in its traceback."""
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == file else None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return {"raised": {"type": type(error).__name__[:100], "message": _message(error), "line": line}}


def _message(error: BaseException) -> str:
    try:
        return str(error)[:_LONGEST]
    except BaseException as worse:  # __str__ of the submission's own exception class may do anything
        return f"(its text cannot be read: {type(worse).__name__[:100]})"


def _error_text(error: Exception) -> str:
    return f"{type(error).__name__}: {_message(error)}"
