"""`convlens train --hosts`: who leads, who follows, and what is said when a host is lost."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import typer

from convlens.cli.shared import sentence, tell

if TYPE_CHECKING:
    from convlens.data import Digits
    from convlens.training.events import Event
    from convlens.training.run import Run

_WATCHED = "CONVLENS_WATCHED"


class Asked(NamedTuple):
    """Which hosts, which of them this is, and how long to wait for them"""

    hosts: list[str]
    rank: int
    timeout: float


def asked(hosts: str | None, rank: int | None, timeout: float) -> Asked | None:
    """What the options say; None without --hosts"""
    if hosts is None:
        if rank is not None:
            raise ValueError(f"--rank is for training on several --hosts; got {rank} and no hosts")
        return None
    from convlens.interop.frameworks import check_installed
    from convlens.interop.hosts import check_rank, parse_hosts

    addresses = parse_hosts(hosts)
    rank = check_rank(rank, addresses)
    if not 1 <= timeout < math.inf:
        raise ValueError(f"--host-timeout must be a number of seconds from 1; got {timeout:g}")
    check_installed("jax", "training on several hosts")
    return Asked(addresses, rank, timeout)


def watch(out: Path | None) -> bool:
    """Do what was asked in a process of its own, and end as it ends; False if this is that process

    When a host is lost, JAX may abort the process, and someone must say why.
    """
    if _WATCHED in os.environ:
        _end_with_the_watcher()
        _keep_standard_output()
        return False
    command, environment = [sys.executable, *sys.orig_argv[1:]], os.environ | {_WATCHED: "1"}
    group = None if sys.platform == "win32" else 0  # of its own: Ctrl-C comes through us, once
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, process_group=group) as child:
        while True:
            try:
                code = child.wait()
                break
            except KeyboardInterrupt:
                child.send_signal(signal.SIGINT)
    if code < 0:
        tell(f"convlens: another of the hosts is lost, or does not answer{_go_on(out)}")
        code = 2
    raise typer.Exit(code)


def _end_with_the_watcher() -> None:
    """Its end closes our standard input."""

    def wait() -> None:
        while os.read(0, 1):
            pass
        os._exit(2)

    Thread(target=wait, daemon=True).start()


def _keep_standard_output() -> None:
    """For what we print: Gloo writes there, too, and that goes nowhere."""
    sys.stdout.flush()
    ours = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    sys.stdout = os.fdopen(ours, "w", encoding=sys.stdout.encoding, errors="backslashreplace")


def leave(code: int) -> NoReturn:
    """End at once: at a usual end JAX would wait for the other hosts"""
    sys.stdout.flush()
    os._exit(code)


@contextmanager
def events(run: Run, digits: Digits, threads: int | None, asked: Asked | None) -> Iterator[Iterator[Event]]:
    """The events of the run's training, by whoever does it"""
    from convlens.training.settings import KERAS

    if run.settings.trainer != KERAS:
        yield run.train(digits, threads)
        return
    from convlens.interop.hosts import join
    from convlens.interop.keras_trainer import lead

    with _unless_lost(run.folder), join(*asked) if asked else nullcontext() as hosts:
        yield _until_ctrl_c(run.train(digits, trainer=lead(run, hosts)))


def _until_ctrl_c(events: Iterator[Event]) -> Iterator[Event]:
    """The events; KeyboardInterrupt comes between them, since Keras loses one that comes while it reads a result"""
    asked = False

    def stop(*_: object) -> None:
        nonlocal asked
        if asked:  # and asked again: whatever it is doing
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
    """Train as the leader says"""
    from convlens.interop.hosts import join
    from convlens.interop.keras_trainer import follow
    from convlens.training.events import Epoch

    with _unless_lost(None), join(*asked) as hosts:
        tell(f"rank {hosts.rank} of {hosts.size} hosts; the run's folder is the leader's")
        try:
            for event in _until_ctrl_c(follow(hosts, given)):
                if isinstance(event, Epoch):
                    tell(f"epoch {event.epoch}  loss {event.loss:.4f}  val_accuracy {event.val_accuracy:.4f}")
        except KeyboardInterrupt:
            tell("stopped; the others end, too")
            leave(130)


@contextmanager
def _unless_lost(folder: Path | None) -> Iterator[None]:
    """When another host is lost, say so and end at once: JAX would wait for it in vain, and then abort."""
    from convlens.interop.hosts import HostLostError

    try:
        yield
    except HostLostError as error:
        tell(f"convlens: {sentence(error)}{_go_on(folder)}")
        leave(2)


def _go_on(folder: Path | None) -> str:
    return f"; go on with: convlens train --resume --run {folder}" if folder else ""
