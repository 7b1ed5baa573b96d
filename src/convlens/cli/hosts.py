"""`convlens train --hosts`: the leading host, the other hosts, and the message when a host is lost."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import typer

from convlens.cli.shared import sentence, tell

if TYPE_CHECKING:
    from convlens.data import Digits
    from convlens.interop.hosts import Hosts
    from convlens.training.events import Event
    from convlens.training.run import Run
    from convlens.training.settings import Settings

_WATCHED = "CONVLENS_WATCHED"
TIMEOUT = 60.0  # seconds to connect all hosts


class Asked(NamedTuple):
    """The options of --hosts: all addresses, the rank of this host, and the time limit to connect in seconds."""

    hosts: list[str]
    rank: int
    timeout: float


def asked(hosts: str | None, rank: int | None, timeout: float | None) -> Asked | None:
    """Return the checked options; None without --hosts. ValueError for a wrong option."""
    if hosts is None:
        if rank is not None:
            raise ValueError(f"--rank needs --hosts; got rank {rank} and no hosts")
        if timeout is not None:
            raise ValueError(f"--host-timeout needs --hosts; got {timeout:g} and no hosts")
        return None
    from convlens.interop.frameworks import check_installed
    from convlens.interop.hosts import check_rank, parse_hosts

    addresses = parse_hosts(hosts)
    rank = check_rank(rank, addresses)
    timeout = TIMEOUT if timeout is None else timeout
    if not 1 <= timeout < math.inf:
        raise ValueError(f"--host-timeout must be a number of seconds from 1; got {timeout:g}")
    check_installed("jax", "training on several hosts")
    return Asked(addresses, rank, timeout)


def watch(out: Path | None) -> bool:
    """Run the same command in a child process and exit with its exit code. In the child process, return False.

    When a host is lost, JAX may abort the child process. Then the parent process prints the reason.
    """
    if _WATCHED in os.environ:
        _end_with_the_watcher()
        _keep_standard_output()
        return False
    command, environment = [sys.executable, *sys.orig_argv[1:]], os.environ | {_WATCHED: "1"}
    # In a group of its own, the child gets each Ctrl-C once: from the parent.
    group = None if sys.platform == "win32" else 0
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, process_group=group) as child:
        while True:
            try:
                code = child.wait()
                break
            except KeyboardInterrupt:
                child.send_signal(signal.SIGINT)
    if code < 0:
        tell(f"convlens: one of the hosts is lost, or does not answer{_go_on(out)}")
        code = 2
    raise typer.Exit(code)


def _end_with_the_watcher() -> None:
    """End this child process when the parent ends, since its end closes the standard input of the child."""

    def wait() -> None:
        while os.read(0, 1):
            pass
        os._exit(2)

    Thread(target=wait, daemon=True).start()


def _keep_standard_output() -> None:
    """Keep standard output for convlens. What Gloo writes to file descriptor 1 is discarded."""
    sys.stdout.flush()
    ours = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    sys.stdout = os.fdopen(ours, "w", encoding=sys.stdout.encoding, errors="backslashreplace")


def leave(code: int) -> NoReturn:
    """End the process at once. A normal exit would make JAX wait for the other hosts."""
    sys.stdout.flush()
    os._exit(code)


class Meeting:
    """The leader's connection to the other hosts, if there are any. It joins them when they are first needed.

    asked: None for a training on this host alone. folder: the folder of the run, as soon as there is one.
    """

    def __init__(self, asked: Asked | None, folder: Path | None) -> None:
        self.asked, self.folder = asked, folder
        self._hosts: Hosts | None = None
        self._joined = ExitStack()

    @property
    def joined(self) -> bool:
        """Whether the hosts have been joined."""
        return self._hosts is not None

    def to_decode(self, settings: Settings) -> Callable[[], Hosts | None] | None:
        """Return the function `hosts` of `convlens.load`, with which all hosts decode pictures; None for one host."""
        asked = self.asked
        if asked is None or len(asked.hosts) == 1:
            return None

        def meet() -> Hosts | None:
            tell(f"joining {len(asked.hosts)} hosts, which decode the pictures together")
            hosts, together = self._join(settings, pictures=True)
            return hosts if together else None

        return meet

    def hosts(self, settings: Settings) -> Hosts | None:
        """Return the hosts; None for one host alone."""
        if self._hosts is None and self.asked is not None:
            self._join(settings, pictures=False)
        return self._hosts

    def _join(self, settings: Settings, *, pictures: bool) -> tuple[Hosts, bool]:
        from convlens.interop.hosts import join
        from convlens.interop.keras_run import begin

        assert self.asked is not None
        self._hosts = self._joined.enter_context(join(*self.asked))
        return self._hosts, begin(self._hosts, settings, pictures=pictures)

    @contextmanager
    def agreeing(self) -> Iterator[None]:
        """When the body raises an error after the hosts are joined, tell it to all of them."""
        try:
            yield
        except Exception:
            if self._hosts is None:
                raise
            with self._hosts.agreeing():
                raise

    def close(self) -> None:
        """Leave the other hosts, which leave, too."""
        self._joined.close()

    def __enter__(self) -> Meeting:
        return self

    def __exit__(self, *error: Any) -> None:
        self._joined.__exit__(*error)


@contextmanager
def meeting(asked: Asked | None, folder: Path | None) -> Iterator[Meeting]:
    """Yield the meeting of the hosts. When one is lost, or at Ctrl-C, print so and end at once."""
    found = Meeting(asked, folder)
    with _unless_lost(lambda: found.folder), found:
        try:
            yield found
        except KeyboardInterrupt:
            if not found.joined:
                raise
            tell(f"stopped before the training began{_go_on(found.folder)}")
            leave(130)


@contextmanager
def events(run: Run, digits: Digits, threads: int | None, meeting: Meeting) -> Iterator[Iterator[Event]]:
    """Yield the events of training the run, with the trainer that its settings name."""
    from convlens.training.settings import KERAS

    if run.settings.trainer != KERAS:
        yield run.train(digits, threads)
        return
    from convlens.interop.keras_run import lead

    hosts = meeting.hosts(run.settings)
    yield _until_ctrl_c(run.train(digits, trainer=lead(run, digits, hosts)))
    meeting.close()


def _until_ctrl_c(events: Iterator[Event]) -> Iterator[Event]:
    """Yield the events, and raise KeyboardInterrupt between two of them: Keras may lose one that it gets itself."""
    asked = False

    def stop(*_: object) -> None:
        nonlocal asked
        if asked:  # a second Ctrl-C stops at once
            raise KeyboardInterrupt
        asked = True

    before = signal.signal(signal.SIGINT, stop)
    try:
        for event in events:
            yield event
            if asked:
                raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGINT, before)


def follow(asked: Asked, given: dict[str, Any]) -> None:
    """Train with the settings of the leading host."""
    from convlens.interop.hosts import join
    from convlens.interop.keras_run import follow
    from convlens.training.events import Epoch

    with _unless_lost(lambda: None), join(*asked) as hosts:
        tell(f"rank {hosts.rank} of {hosts.size} hosts; the leading host has the run's folder")
        try:
            for event in _until_ctrl_c(follow(hosts, given)):
                if isinstance(event, Epoch):
                    tell(f"epoch {event.epoch}  loss {event.loss:.4f}  val_accuracy {event.val_accuracy:.4f}")
        except KeyboardInterrupt:
            tell("stopped; the other hosts end as well")
            leave(130)


@contextmanager
def _unless_lost(folder: Callable[[], Path | None]) -> Iterator[None]:
    """When another host is lost, print so and end at once. Otherwise JAX would wait for that host and then abort."""
    from convlens.interop.hosts import HostLostError

    try:
        yield
    except HostLostError as error:
        tell(f"convlens: {sentence(error)}{_go_on(folder())}")
        leave(2)


def _go_on(folder: Path | None) -> str:
    from convlens.training.run import CHECKPOINT

    begun = folder is not None and (folder / CHECKPOINT).exists()
    return f"; go on with: convlens train --resume --run {folder}" if begun else ""
