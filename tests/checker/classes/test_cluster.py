"""classes.cluster: two Dask workers on this machine grade a class, and one of them is killed."""

import contextlib
import importlib.metadata
import importlib.util
import operator
import re
import signal
import socket
import subprocess
import sys

import pytest
from tests.support import small
from tests.support.checker import classes

from convlens.checker.classes import cluster as cluster_module

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="needs dask.distributed"),
    pytest.mark.skipif(sys.platform == "win32", reason="the signals are POSIX"),
]


class Cluster:
    """A scheduler and workers, each in its own process."""

    def __init__(self, folder):
        self.folder, self.processes, self.workers = folder, [], []
        log = self.start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show")

        def addresses():
            return re.findall(r"Scheduler at: +(tcp://\S+)", log.read_text())

        classes.until(addresses)
        self.address = addresses()[0]

    def start(self, what, *words):
        log = self.folder / f"{what}-{len(self.processes)}.log"
        with log.open("wb") as file:
            command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *words]
            environment = classes.environment(self.folder / "calls")
            self.processes.append(subprocess.Popen(command, stdout=file, stderr=file, env=environment))
        return log

    def add(self, number):
        """Start `number` more workers."""
        words = (self.address, "--no-nanny", "--no-dashboard", "--nthreads", "1", "--host", "127.0.0.1")
        logs = [self.start("worker", *words, "--local-directory", str(self.folder)) for _ in range(number)]
        self.workers += self.processes[-number:]
        classes.until(lambda: all("Registered to" in log.read_text() for log in logs))

    def end(self):
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait(30)


@pytest.fixture
def cluster(tmp_path):
    one = Cluster(tmp_path)
    try:
        yield one
    finally:
        one.end()


def run(cluster, place, out, *more):
    return classes.start(place, "--out", out, "--dask", cluster.address, *more)


def test_one_of_two_workers_is_killed_during_the_run(cluster, tmp_path):
    cluster.add(2)
    words = {f"s{k:02d}": f"sleep {0.08 + k / 10_000}" for k in range(30)}
    place, out = (
        classes.make(tmp_path / "class", **words, twin="sleep 0.08", bad="fail why", dead="die"),
        tmp_path / "r",
    )
    process = run(cluster, place, out, "--csv", tmp_path / "marks.csv")
    classes.until(lambda: classes.count(out) >= 8)
    cluster.workers[0].send_signal(signal.SIGKILL)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 1, stderr
    head, entries = classes.lines(out)
    status = {entry["name"]: entry["report"]["status"] for entry in entries}
    assert len(entries) == len(status) == 33
    assert {name for name in status if status[name] != "pass"} == {"bad", "dead"}
    seconds = {entry["report"]["files"][classes.FILE]["seconds"] for entry in entries}
    assert seconds == {0.5 + head["seed"], None}
    dead = next(entry for entry in entries if entry["name"] == "dead")
    assert dead["trouble"] and "ended (exit code 3)" in dead["report"]["files"][classes.FILE]["checks"][0]["message"]
    assert "33 submissions: 31 pass, 1 fail, 1 could not be checked" in stdout
    # An indented line says what a tier cannot stop
    lines = [line for line in stderr.splitlines() if not line.startswith("  ")]
    assert lines == [
        "sandbox rlimits; what it cannot stop:",
        f"33 submissions, tasks 0; results in {out}",
        "submissions: 32 graded, 1 equal to another, 0 done before",
        f"written: {tmp_path / 'marks.csv'}",
    ]


def refused(address):
    """Return the error text for a cluster that cannot grade."""
    from convlens.checker.classes.cluster import Cluster

    with pytest.raises(ConnectionError) as error:
        Cluster(address, timeout=1)
    return str(error.value)


def test_a_cluster_without_workers_is_an_error(cluster):
    assert refused(cluster.address) == f"the Dask cluster at '{cluster.address}' must have a worker; it has none"


class OtherVersion:
    """Replaces importlib.metadata.version: another version here, the true one on a worker."""

    def __call__(self, package):
        return "9.9"

    def __reduce__(self):
        return operator.attrgetter("version"), (importlib.metadata,)


def test_workers_of_another_version_are_an_error(cluster, monkeypatch):
    cluster.add(1)
    monkeypatch.setattr("convlens.checker.classes.cluster.version", OtherVersion())
    theirs = importlib.metadata.version("convlens")
    said = f"the workers of the Dask cluster at '{cluster.address}' must have convlens 9.9; one has {theirs}"
    assert refused(cluster.address) == said


def test_the_scheduler_is_lost_during_the_run(cluster, tmp_path):
    cluster.add(1)
    place = classes.make(tmp_path / "class", **{f"s{k}": f"sleep {0.2 + k / 1000}" for k in range(30)})
    process = run(cluster, place, tmp_path / "r")
    classes.until(lambda: classes.count(tmp_path / "r") >= 2)
    cluster.processes[0].kill()
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (2, "")
    assert stderr.splitlines()[-1].startswith(
        f"convlens: the Dask scheduler at '{cluster.address}' must answer; it no longer answers"
    )
    kept = classes.count(tmp_path / "r")
    assert 2 <= kept < 30
    done = classes.start(place, "--out", tmp_path / "r").communicate(timeout=60)
    assert f"{kept} done before" in done[1]
    assert "30 submissions: 30 pass" in done[0]


def test_ctrl_c_ends_the_run(cluster, tmp_path):
    cluster.add(1)
    place = classes.make(tmp_path / "class", **{f"s{k}": f"sleep {0.2 + k / 1000}" for k in range(30)})
    process = run(cluster, place, tmp_path / "r")
    classes.until(lambda: classes.count(tmp_path / "r") >= 2)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (130, "")
    assert (
        stderr.splitlines()[-1] == f"stopped; finished results are in {tmp_path / 'r'}, and the same command continues"
    )
    assert "Traceback" not in stderr


def test_no_scheduler_answers_at_the_address():
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        assert refused(address) == f"a Dask scheduler must answer at '{address}'; none does: no answer in 1 s"
    assert refused(address) == f"a Dask scheduler must answer at '{address}'; none does: no answer in 1 s"
    assert "none does: unknown address scheme" in refused("http://127.0.0.1:1")


def test_the_command_reports_a_wrong_cluster_and_leaves_no_file(tmp_path):
    place, out = classes.make(tmp_path / "class", a="pass"), tmp_path / "r"
    for address, said in (
        ("nonsense", "a Dask cluster's address must be like tcp://HOST:PORT; got 'nonsense'"),
        ("http://127.0.0.1:1", "a Dask scheduler must answer at 'http://127.0.0.1:1'; none does: "),
    ):
        done = small.run("check", "--class", place, "--dask", address, "--out", out)
        assert (done.code, done.out) == (2, "")
        (told,) = done.err.splitlines()
        assert told.startswith(f"convlens: {said}")
    assert not out.exists()


@pytest.mark.smoke
def test_the_package_distributed_is_needed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    place = classes.make(tmp_path / "class", a="pass")
    done = small.run("check", "--class", place, "--dask", "tcp://127.0.0.1:1", "--out", tmp_path / "r")
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[-1] == (
        "convlens: grading on a Dask cluster needs distributed, which is not installed: pip install 'convlens[cluster]'"
    )


def test_after_close_no_answer_is_awaited():
    class Never:
        def result(self, timeout=None):
            assert timeout, "Dask would wait for ever: its client is closed"
            raise TimeoutError

    one = object.__new__(cluster_module.Cluster)
    one._closed = True
    with pytest.raises(TimeoutError):
        one._fetch(Never())
