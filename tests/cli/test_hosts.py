"""Training with Keras on JAX, in one process and in several that share each batch, also when one is lost."""

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from tests.support import small

from convlens.cli import hosts as cli_hosts
from convlens.data import load
from convlens.engines import ENGINES
from convlens.training import Run, Settings, load_model

EPOCHS = 8
BATCH = 15  # one process gets 8 of 15, the other 7; the last batch has one digit, so one process gets none
PATIENCE = ("--early-stopping", 1, "--learning-rate", 0.02)

frameworks = pytest.mark.frameworks
two_processes = pytest.mark.skipif(sys.platform == "win32", reason="the signals are POSIX")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with two sets of digits."""
    folder = tmp_path_factory.mktemp("place")
    small.npz(folder / "few.npz", train=91, valid=41)
    small.npz(folder / "other.npz", train=90, valid=41)
    return folder


# Processes -----------------------------------------------------------------------------------------------------------


class Process:
    """A process `convlens ARGUMENTS` in its own session; its output goes to files."""

    def __init__(self, folder, name, *arguments):
        self._paths = folder / f"{name}.out", folder / f"{name}.err"
        command = [sys.executable, "-m", "convlens", *map(str, arguments)]
        with self._paths[0].open("wb") as out, self._paths[1].open("wb") as err:
            self._child = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=small.environment(),
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


@pytest.fixture
def start(tmp_path):
    """A function that starts processes in tmp_path. After the test, all processes are killed."""
    processes: list[Process] = []
    try:
        yield starter(tmp_path, processes)
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
    return ["--trainer", "keras", "--data", place / "few.npz", "--batch-size", BATCH, "--out", out, *more]


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


# What a run has ------------------------------------------------------------------------------------------------------


def history(folder):
    return json.loads((folder / "history.json").read_text())


def figures(folder):
    names = ("loss", "accuracy", "val_loss", "val_accuracy")
    return np.array([[epoch[name] for name in names] for epoch in history(folder)["epochs"]])


def same_run(one, other, tolerance):
    """Assert that two runs have the same losses, accuracies and weights."""
    assert figures(one).shape == figures(other).shape
    np.testing.assert_allclose(figures(one), figures(other), rtol=0, atol=tolerance)
    np.testing.assert_allclose(load_model(one).flat, load_model(other).flat, rtol=0, atol=tolerance)


@pytest.fixture(scope="module")
def whole(place):
    """An undisturbed run in one process."""
    pytest.importorskip("jax")
    process = Process(place, "whole", "train", *asked(place, place / "whole", "--epochs", EPOCHS))
    try:
        assert process.wait() == 0, process.err
    finally:
        process.end()
    assert process.out == ""
    return place / "whole"


# Alone ---------------------------------------------------------------------------------------------------------------


@frameworks
def test_a_run_by_keras_has_what_every_run_has(place, whole):
    files = {"checkpoint.safetensors", "history.json", "model.safetensors"}
    if importlib.util.find_spec("matplotlib"):
        files.add("report.html")
    assert {path.name for path in whole.iterdir()} == files
    settings = Run.open(whole).settings
    assert (settings.trainer, settings.batch_size, settings.epochs) == ("keras", BATCH, EPOCHS)
    told = history(whole)
    assert told["trainer"] == "keras"
    assert [epoch["epoch"] for epoch in told["epochs"]] == list(range(1, EPOCHS + 1))
    first, last = told["epochs"][0], told["epochs"][-1]
    assert last["loss"] < first["loss"] / 2
    assert last["val_loss"] < first["val_loss"]
    assert last["val_accuracy"] > first["val_accuracy"]
    err = (place / "whole.err").read_text()
    assert "; Keras on JAX, all cores; in " in err.splitlines()[0]
    assert f"\n{EPOCHS} of {EPOCHS} epochs done; weights in {whole}\n" in err


@frameworks
def test_what_keras_trained_is_evaluated_without_it(whole):
    done = small.run("evaluate", "--run", whole, "--json")
    assert (done.code, done.err) == (0, "")
    scores, last = json.loads(done.out), history(whole)["epochs"][-1]
    assert scores["images"] == 41
    assert scores["loss"] == pytest.approx(last["val_loss"], abs=1e-4)
    assert scores["accuracy"] == pytest.approx(last["val_accuracy"], abs=1e-6)


@frameworks
def test_keras_learns_as_numpy_does(place, whole, tmp_path):
    digits = load(str(place / "few.npz"))
    run = Run.start(tmp_path / "run", Settings(engine="numpy", batch_size=BATCH, epochs=2), digits)
    list(run.train(digits))
    np.testing.assert_allclose(figures(whole)[:2], figures(tmp_path / "run"), rtol=0, atol=1e-3)


@frameworks
def test_a_run_by_keras_goes_on(place, whole, start, tmp_path):
    assert start("first", *asked(place, "run", "--epochs", 1)).wait() == 0
    assert len(history(tmp_path / "run")["epochs"]) == 1
    again = start("again", "--out", "run", "--resume", "--epochs", EPOCHS)
    assert again.wait() == 0, again.err
    assert "Keras on JAX" in again.err
    same_run(tmp_path / "run", whole, 1e-6)


# Two processes -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two(place):
    """An undisturbed run in two processes."""
    pytest.importorskip("jax")
    folder = place / "two"
    folder.mkdir()
    shutil.copy(place / "few.npz", folder / "same.npz")
    both = pair(starter(folder), asked(place, "run", "--epochs", EPOCHS, "--json"), ["--data", "same.npz"])
    try:
        codes, err = both.wait()
    finally:
        both.leader.end()
        both.follower.end()
    assert codes == (0, 0), err
    return folder, both


@frameworks
@two_processes
def test_two_processes_train_as_one(whole, two):
    folder, both = two
    same_run(folder / "run", whole, 1e-4)
    assert "; Keras on 2 hosts; in run\n" in both.leader.err
    assert both.follower.err.count("\nepoch ") == EPOCHS
    names = {"run", "same.npz", *(f"{name}.{end}" for name in ("leader", "follower") for end in ("out", "err"))}
    assert {path.name for path in folder.iterdir()} == names  # the follower makes no folder


@frameworks
@two_processes
def test_the_standard_output_of_two_is_json_alone(two):
    folder, both = two
    assert json.loads(both.leader.out) == history(folder / "run")
    assert both.follower.out == ""


@frameworks
@two_processes
def test_two_processes_stop_early(place, start, tmp_path):
    codes, err = pair(start, asked(place, "run", "--epochs", 500, *PATIENCE)).wait()
    assert codes == (0, 0), err
    run = Run.open(tmp_path / "run")
    assert 2 <= len(run.epochs) < 500
    assert len(run.epochs) == run.best + 1
    assert f"\nstopped early, no lower validation loss since epoch {run.best}, whose weights are kept" in err


# A host is lost ------------------------------------------------------------------------------------------------------


@frameworks
@two_processes
def test_when_the_follower_is_killed_the_leader_ends_and_the_run_goes_on(place, whole, start, tmp_path):
    leader, follower = pair(start, asked(place, "run", "--epochs", EPOCHS))
    leader.begun()
    follower.kill()
    assert leader.wait() == 2
    follower.ends_whole()
    leader.ends_whole()
    assert "Traceback" not in leader.err
    assert " lost" in leader.last, leader.err
    assert leader.last.endswith("; go on with: convlens train --resume --run run"), leader.err
    done = len(history(tmp_path / "run")["epochs"])
    assert 1 <= done < EPOCHS
    shutil.copytree(tmp_path / "run", tmp_path / "alone")
    alone = start("alone", "--out", "alone", "--resume")
    codes, err = pair(start, ["--out", "run", "--resume"]).wait()
    assert codes == (0, 0), err
    assert alone.wait() == 0, alone.err
    assert "\nepoch 1/" not in alone.err + err
    for name in ("run", "alone"):
        same_run(tmp_path / name, whole, 1e-4)


@frameworks
@two_processes
def test_when_the_leader_is_killed_the_follower_ends(place, start):
    leader, follower = pair(start, asked(place, "run", "--epochs", 500))
    follower.begun()
    leader.kill()
    leader.ends_whole()
    assert follower.wait() == 2
    follower.ends_whole()
    assert "Traceback" not in follower.err
    assert follower.last.startswith("convlens: one of the "), follower.err
    assert " lost" in follower.last, follower.err


@frameworks
@two_processes
def test_ctrl_c_at_the_leader_is_one_sentence_and_exit_130(place, start, tmp_path):
    leader, follower = pair(start, asked(place, "run", "--epochs", 500))
    leader.begun()
    leader.interrupt()
    codes, err = Pair(leader, follower).wait()
    assert codes == (130, 2), err
    assert "Traceback" not in err
    done = len(history(tmp_path / "run")["epochs"])
    assert leader.last == f"stopped, {done} of 500 epochs done; go on with: convlens train --resume --run run"
    assert follower.last.startswith("convlens: one of the "), follower.err
    leader.ends_whole()
    follower.ends_whole()


@frameworks
@two_processes
def test_hosts_that_never_come(place, start):
    began = time.monotonic()
    hosts = free_hosts()
    follower = start("follower", "--hosts", hosts, "--rank", 1, "--host-timeout", 2)
    leader = start("leader", *asked(place, "run"), "--hosts", free_hosts(), "--rank", 0, "--host-timeout", 2)
    assert follower.wait(20) == 2
    assert follower.err.count("\n") == 1
    first = hosts.split(",")[0]
    assert one_sentence(follower).startswith(f"the first host must answer within 2 s; {first} does not: ")
    assert leader.wait(30) == 2
    assert time.monotonic() - began > 2
    assert one_sentence(leader).endswith("; go on with: convlens train --resume --run run")
    assert leader.err.count("\n") == 2  # the line about the run, and the error
    follower.ends_whole()
    leader.ends_whole()


@frameworks
@two_processes
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--data", "other.npz"], "the data must be the leader's, sha256 "),
        (["--data", "nowhere.npz"], "nowhere.npz"),
        (["--batch-size", 16], "batch_size must be the leader's value, 15; got 16"),
    ],
    ids=["other data", "no data", "another batch size"],
)
def test_what_differs_is_named_on_both_sides(place, start, tmp_path, options, reason):
    shutil.copy(place / "other.npz", tmp_path)
    both = pair(start, asked(place, "run"), options)
    codes, err = both.wait()
    assert codes == (2, 2), err
    for process in both:
        said = process.last
        assert "Traceback" not in process.err
        assert process.err.count("\n") == 2, process.err  # the line about the host, and the error
        assert reason in said, said
    assert both.leader.last == f"convlens: rank 1: {both.follower.last.removeprefix('convlens: ')}"
    assert not (tmp_path / "run" / "report.html").exists()


# Mistakes ------------------------------------------------------------------------------------------------------------


HOSTS = "127.0.0.1:9000,127.0.0.1:9001"
BAD_OPTIONS = {
    f"--trainer keras --hosts {HOSTS} --rank 2": "rank must be from 0 to 1, for 2 hosts; got 2",
    f"--trainer keras --hosts {HOSTS} --rank -1": "rank must be from 0 to 1, for 2 hosts; got -1",
    f"--trainer keras --hosts {HOSTS}": "rank must be from 0 to 1, for 2 hosts; got None",
    "--trainer keras --rank 0": "--rank needs --hosts; got rank 0 and no hosts",
    "--trainer keras --hosts 127.0.0.1,127.0.0.1:9001 --rank 0": (
        "hosts must be HOST:PORT,HOST:PORT,… with ports from 1 to 65535; got '127.0.0.1'"
    ),
    "--trainer keras --hosts 127.0.0.1:9000,127.0.0.1:0 --rank 0": (
        "hosts must be HOST:PORT,HOST:PORT,… with ports from 1 to 65535; got '127.0.0.1:0'"
    ),
    "--trainer keras --hosts a:1,b:1,a:1 --rank 0": "hosts must differ from each other; got a:1 2 times",
    f"--engine numpy --hosts {HOSTS} --rank 0": "--hosts needs --trainer keras; got convlens",
    "--trainer keras --threads 2": "--threads is not for --trainer keras, which uses all cores; got 2",
    f"--trainer keras --threads 2 --hosts {HOSTS} --rank 0": (
        "--threads is not for --trainer keras, which uses all cores; got 2"
    ),
    f"--trainer keras --hosts {HOSTS} --rank 1": "--out and --resume are for the leading host, rank 0; got rank 1",
    f"--trainer keras --hosts {HOSTS} --rank 0 --host-timeout 0": (
        "--host-timeout must be a number of seconds from 1; got 0"
    ),
    f"--trainer keras --hosts {HOSTS} --rank 0 --host-timeout nan": (
        "--host-timeout must be a number of seconds from 1; got nan"
    ),
    f"--trainer keras --hosts {HOSTS} --rank 0 --host-timeout inf": (
        "--host-timeout must be a number of seconds from 1; got inf"
    ),
    "--engine foo": f"engine must be one of auto, {', '.join(ENGINES)}; got 'foo'",
}


@pytest.fixture
def here(place, tmp_path, monkeypatch):
    """An empty working folder; training runs in this process, not in a child process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli_hosts, "watch", lambda out: False)
    monkeypatch.setattr("os.fsync", lambda handle: None)
    return tmp_path


@pytest.mark.smoke
@pytest.mark.parametrize("options", BAD_OPTIONS)
def test_bad_options_leave_nothing_behind(place, here, options):
    pytest.importorskip("jax")
    said = small.fails("train", "--data", place / "few.npz", "--out", "bad", *options.split())
    assert said == BAD_OPTIONS[options]
    assert list(here.iterdir()) == []


def test_a_follower_has_nothing_to_resume(here):
    pytest.importorskip("jax")
    said = small.fails("train", "--resume", "--hosts", HOSTS, "--rank", 1)
    assert said == "--out and --resume are for the leading host, rank 0; got rank 1"


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("missing", "options", "sentence"),
    [
        ("keras", [], "--trainer keras needs Keras"),
        ("jax", [], "--trainer keras needs JAX"),
        ("jax", ["--hosts", HOSTS, "--rank", 0], "training on several hosts needs JAX"),
    ],
)
def test_without_a_framework_the_extra_is_named(place, here, lacking, missing, options, sentence):
    lacking(missing)
    said = small.fails("train", "--trainer", "keras", "--data", place / "few.npz", "--out", "bad", *options)
    assert said == f"{sentence}: pip install 'convlens[keras]'"
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(("began", "asked"), [("convlens", "keras"), ("keras", "convlens")])
def test_a_run_goes_on_with_its_own_trainer(place, here, began, asked):
    digits = load(str(place / "few.npz"))
    Run.start(here / "run", Settings(trainer=began, data=place / "few.npz"), digits)
    said = small.fails("train", "--resume", "--run", "run", "--trainer", asked)
    assert said == f"trainer must be the run's value, {began!r}; got {asked!r}"


def test_a_run_by_another_engine_does_not_go_on_with_hosts(place, here):
    pytest.importorskip("jax")
    Run.start(here / "run", Settings(engine="numpy", data=place / "few.npz"), load(str(place / "few.npz")))
    said = small.fails("train", "--resume", "--run", "run", "--hosts", HOSTS, "--rank", 0)
    assert said == "--hosts needs --trainer keras; got convlens"


@frameworks
def test_the_old_name_of_the_trainer_goes_on_working_with_a_word(place, start, tmp_path):
    process = start("old", "--engine", "keras", "--data", place / "few.npz", "--epochs", 1, "--out", "run")
    assert process.wait() == 0, process.err
    assert "; Keras on JAX, all cores; in run\n--engine keras is now --trainer keras\n" in process.err
    assert Run.open(tmp_path / "run").settings == Settings(trainer="keras", data=place / "few.npz", epochs=1)


def test_a_run_of_the_first_version_opens(place, here):
    """In the first version, Keras was an engine."""
    assert Settings(engine="keras") == Settings(trainer="keras", engine="auto")
