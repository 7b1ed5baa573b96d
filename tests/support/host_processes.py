"""Processes `convlens train --trainer keras` on one or several hosts of this machine."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from tests.support import small

EPOCHS = 8
RATE = 0.01
BATCH = 15  # one process gets 8 of 15, the other 7; the last batch has one digit, so one process gets none


class Process:
    """A process `convlens ARGUMENTS` in its own session; its output goes to files. report: whether it can write one"""

    def __init__(self, folder, name, *arguments, report=False):
        self._paths = folder / f"{name}.out", folder / f"{name}.err"
        command = [sys.executable, "-m", "convlens", *map(str, arguments)]
        with self._paths[0].open("wb") as out, self._paths[1].open("wb") as err:
            self._child = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=small.framework_environment(plots=report),
                start_new_session=sys.platform != "win32",
            )

    @property
    def out(self):
        return self._paths[0].read_text()

    @property
    def err(self):
        return self._paths[1].read_text()

    @property
    def last(self):
        """The last line on standard error."""
        return self.err.splitlines()[-1]

    def wait(self, seconds=60):
        """The exit code."""
        try:
            return self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it has not ended after {seconds} s: {self.err}") from None

    def begun(self):
        """Wait until an epoch is done."""
        end = time.monotonic() + 60
        while "epoch 1" not in self.err:
            assert self._child.poll() is None, self.err
            assert time.monotonic() < end, self.err
            time.sleep(0.02)

    def kill(self):
        """Kill only this process."""
        self._child.kill()
        assert self._child.wait(10) == -signal.SIGKILL, self.err

    def interrupt(self):
        """Send Ctrl-C to the process group, as a terminal does."""
        os.killpg(self._child.pid, signal.SIGINT)

    def living(self):
        """The processes of the session that still run: this process and the processes that it started."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                state, _, _, session = path.read_text().rpartition(")")[2].split()[:4]
                if int(session) == self._child.pid and state not in "ZX":
                    found.append(int(path.parent.name))
        return found

    def ends_whole(self, seconds=5):
        """Wait until no process of the session runs."""
        if not Path("/proc/self/stat").exists():
            return
        end = time.monotonic() + seconds
        while left := self.living():
            assert time.monotonic() < end, f"the processes {left} are left: {self.err}"
            time.sleep(0.05)

    def end(self):
        if sys.platform == "win32":
            self._child.kill()
        else:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)
            for left in self.living():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(left, signal.SIGKILL)
        self._child.wait(10)


def starter(folder, processes=None):
    """Return a function that starts `convlens train` in the folder and adds the process to `processes`."""

    def begin(name, *arguments):
        process = Process(folder, name, "train", *arguments)
        if processes is not None:
            processes.append(process)
        return process

    return begin


@contextlib.contextmanager
def starting(folder):
    """Yield a function that starts processes in `folder`. At the end, all processes are killed."""
    processes: list[Process] = []
    try:
        yield starter(folder, processes)
    finally:
        for process in processes:
            process.end()


def free_hosts(count=2):
    """Addresses of this machine on which no process listens."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return ",".join(f"127.0.0.1:{one.getsockname()[1]}" for one in sockets)


class Pair(NamedTuple):
    leader: Process
    follower: Process

    def wait(self):
        codes = self.leader.wait(), self.follower.wait()
        return codes, self.leader.err + self.follower.err


def asked(place, out, *more):
    network = ["--model", f"{place}/small.py:net", "--engine", "numpy", "--learning-rate", RATE]
    return ["--trainer", "keras", *network, "--data", place / "few.npz", "--batch-size", BATCH, "--out", out, *more]


def pair(start, leading, following=()):
    hosts = free_hosts()
    leader = start("leader", *leading, "--hosts", hosts, "--rank", 0)
    return Pair(leader, start("follower", *following, "--hosts", hosts, "--rank", 1))


def one_sentence(process):
    """The message of a process that ends with exit code 2."""
    assert process.out == ""
    assert "Traceback" not in process.err
    assert process.err.count("convlens: ") == 1, process.err
    assert process.last.startswith("convlens: "), process.err
    return process.last.removeprefix("convlens: ")
