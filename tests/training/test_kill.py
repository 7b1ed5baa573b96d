"""A run that is killed, interrupted or out of disk space, then resumed, gives the bits of an uninterrupted run."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from tests.support import small

from convlens.training import Run, Settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the signals exist only on POSIX systems")

DIGITS = small.digits()
STOPPING = Settings(batch_size=40, learning_rate=0.003, epochs=15, early_stopping=2)
LONG = Settings(batch_size=16, epochs=150)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The path of an .npz file with the digits."""
    return small.npz(tmp_path_factory.mktemp("data") / "few.npz")


@pytest.fixture(scope="module", autouse=True)
def without_sync_and_report():
    """In this process, do not sync files and do not write reports. The child processes do both."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda handle: None)
        patch.setattr("convlens.cli.train._report", lambda run, digits: None)
        yield


def whole(folder, settings):
    """Train a run without interruption."""
    run = Run.start(folder, settings, DIGITS)
    list(run.train(DIGITS))
    return run


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """An uninterrupted run that stops early."""
    return whole(tmp_path_factory.mktemp("stopped") / "run", STOPPING)


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """An uninterrupted run of 150 epochs."""
    return whole(tmp_path_factory.mktemp("long") / "run", LONG)


def options(settings, data, out):
    """The command that goes on with the run in `out`, or begins it if a kill left no checkpoint."""
    begun = (out / "checkpoint.safetensors").exists()
    words = ["--data", data, *(["--resume", "--run"] if begun else ["--out"]), out]
    words += ["--batch-size", settings.batch_size, "--epochs", settings.epochs]
    words += ["--learning-rate", settings.learning_rate]
    words += ["--early-stopping", settings.early_stopping] if settings.early_stopping else []
    return ["train", *map(str, words)]


def child(*arguments, program=("-m", "convlens")):
    """Start `convlens ARGUMENTS` as a process."""
    command, pipe = [sys.executable, *program, *map(str, arguments)], subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=small.environment())


def same_bits(one, two):
    return (one / "model.safetensors").read_bytes() == (two / "model.safetensors").read_bytes()


def leftovers(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


# Killed --------------------------------------------------------------------------------------------------------------


def test_killed_at_random_moments(long, data, tmp_path):
    out = tmp_path / "run"
    codes: list[int] = []
    epochs: list[int] = []
    rng = np.random.default_rng(0)
    while len(codes) < 6 or not epochs[-1]:  # a slow machine may need more kills for its first epoch
        with child(*options(LONG, data, out)) as process:
            assert process.stderr.readline().startswith("lenet5 (61,706 parameters) on ")
            time.sleep(rng.uniform(0, 0.9 + len(codes) / 5))
            process.kill()
        codes.append(process.returncode)
        epochs.append(len(Run.open(out).epochs))
    assert codes[0] == -signal.SIGKILL
    assert set(codes) <= {-signal.SIGKILL, 0}  # a fast machine may finish before the last kill
    assert epochs == sorted(epochs)
    list(Run.open(out).train(DIGITS))
    assert same_bits(out, long.folder)
    assert leftovers(out) == []


KILL_ITSELF = """
import os, pathlib, signal, sys
name, when, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
replace, calls = pathlib.Path.replace, []

def replace_or_die(self, target):
    calls.append(pathlib.Path(target).name)
    fatal = calls[-1] == name and calls.count(name) == number
    if fatal and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    replace(self, target)
    if fatal and when == "after":
        os.kill(os.getpid(), signal.SIGKILL)

pathlib.Path.replace = replace_or_die
os.fsync = lambda handle: None
sys.argv = ["convlens", *sys.argv[4:]]
import convlens.cli
convlens.cli.main()
"""


def killed_at(name, when, number, *command):
    """Run `convlens`; it kills itself before or after ("when") it writes file `name` for the `number`-th time."""
    with child(name, when, number, *command, program=("-c", KILL_ITSELF)) as process:
        _, stderr = process.communicate()
    assert process.returncode == -signal.SIGKILL, stderr


@pytest.mark.parametrize("number", ["at the start", "first epoch", "best epoch", "last epoch"])
@pytest.mark.parametrize(
    ("name", "when"),
    [
        pytest.param("checkpoint.safetensors", "before", id="checkpoint not yet in place"),
        pytest.param("checkpoint.safetensors", "after", id="checkpoint in place"),
        pytest.param("model.safetensors", "after", id="model in place"),
    ],
)
def test_killed_between_the_files_of_an_epoch(stopped, data, tmp_path, name, when, number):
    epochs = {"first epoch": 1, "best epoch": stopped.best, "last epoch": len(stopped.epochs)}
    # The files are written at the start, when training begins and after each epoch.
    number = 2 + epochs[number] if number in epochs else 1
    out = tmp_path / "run"
    killed_at(name, when, number, *options(STOPPING, data, out))
    assert len(leftovers(out)) == (when == "before")
    again = small.run(*options(STOPPING, data, out))
    assert again.code == 0, again.err
    assert same_bits(out, stopped.folder)
    assert leftovers(out) == []
    assert len(Run.open(out).epochs) == len(stopped.epochs)


NET = """
from convlens.nn import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D, Sequential

def net(input_shape, classes, seed):
    layers = [Conv2D(4, 3), BatchNormalization(), MaxPooling2D(4), Dropout(0.3), Flatten(), Dense(classes)]
    return Sequential(layers, input_shape, seed=seed)
"""


def test_a_network_of_ones_own_killed_at_several_points(data, tmp_path):
    """With batch statistics, dropout, augmentation and a schedule. The network's code is gone when the run goes on."""
    out, code = tmp_path / "run", tmp_path / "net.py"
    code.write_text(NET)
    words = ["train", "--data", data, "--model", f"{code}:net", "--epochs", 3, "--batch-size", 16]
    words += ["--optimizer", "rmsprop", "--schedule", "cosine", "--augment", "shift,crop", "--early-stopping", 3]
    assert small.run(*words, "--out", tmp_path / "whole").code == 0
    killed_at("checkpoint.safetensors", "after", 1, *words, "--out", out)
    code.unlink()
    for name, when, number in (("model.safetensors", "before", 2), ("checkpoint.safetensors", "before", 2)):
        killed_at(name, when, number, "train", "--resume", "--run", out)
    again = small.run("train", "--resume", "--run", out)
    assert again.code == 0, again.err
    assert same_bits(out, tmp_path / "whole")


def test_killed_while_the_report_is_written(stopped, data, tmp_path):
    pytest.importorskip("matplotlib")
    out = tmp_path / "run"
    killed_at("report.html", "before", 1, *options(STOPPING, data, out))
    assert not (out / "report.html").exists()
    assert same_bits(out, stopped.folder)
    with child(*options(STOPPING, data, out)) as process:
        stdout, stderr = process.communicate()
    assert (process.returncode, stdout) == (0, "")
    assert stderr.splitlines()[-1] == f"report: {out}/report.html"
    assert (out / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert leftovers(out) == []


# Interrupted ---------------------------------------------------------------------------------------------------------


def wait_for_epoch(process):
    """Wait until the process has finished an epoch."""
    lines: list[str] = []
    while not (lines and lines[-1].startswith("epoch 1/")):
        lines.append(process.stderr.readline())
        assert lines[-1], lines


def test_ctrl_c_prints_one_sentence_and_exits_with_130(long, data, tmp_path):
    out = tmp_path / "run"
    with child(*options(LONG, data, out)) as process:
        wait_for_epoch(process)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate()
    assert (process.returncode, stdout) == (130, "")
    assert "Traceback" not in stderr
    last = stderr.splitlines()[-1]
    epochs = len(Run.open(out).epochs)
    assert last == f"stopped, {epochs} of {LONG.epochs} epochs done; go on with: convlens train --resume --run {out}"
    list(Run.open(out).train(DIGITS))
    assert same_bits(out, long.folder)


def test_sigterm_ends_it_at_once(long, data, tmp_path):
    out = tmp_path / "run"
    with child(*options(LONG, data, out)) as process:
        wait_for_epoch(process)
        process.terminate()
    assert process.returncode == -signal.SIGTERM
    list(Run.open(out).train(DIGITS))
    assert same_bits(out, long.folder)


def test_a_second_process_is_refused_until_the_first_has_ended(long, data, tmp_path):
    out = tmp_path / "run"
    with child(*options(LONG, data, out)) as process:
        wait_for_epoch(process)
        process.send_signal(signal.SIGSTOP)
        refusal = f"only one process at a time may train in a folder; another one is training in {out}"
        done = small.run(*options(LONG, data, out))
        assert (done.code, done.err.splitlines()[-1]) == (2, f"convlens: {refusal}")
        process.kill()
    list(Run.open(out).train(DIGITS))
    assert same_bits(out, long.folder)


# Out of space --------------------------------------------------------------------------------------------------------


LIMIT = """
import resource, sys
size = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
import convlens.cli
convlens.cli.main()
"""


def trained_for(folder, settings, epochs):
    """Train the first `epochs` epochs of a run; return the bytes of its checkpoint."""
    run = Run.start(folder, replace(settings, epochs=epochs), DIGITS)
    list(run.train(DIGITS))
    return (folder / "checkpoint.safetensors").read_bytes()


@pytest.mark.parametrize("size", [1000, 300_000], ids=["no space for any file", "no space for a checkpoint"])
def test_a_run_goes_on_after_a_limit_on_the_size_of_files(stopped, data, tmp_path, size):
    out = tmp_path / "run"
    before = trained_for(out, STOPPING, 2)
    with child(size, *options(STOPPING, data, out), program=("-c", LIMIT)) as process:
        stdout, stderr = process.communicate()
    assert (process.returncode, stdout) == (2, "")
    assert stderr.splitlines()[-1] == f"convlens: {out}/checkpoint.safetensors: File too large"
    assert "Traceback" not in stderr
    assert (out / "checkpoint.safetensors").read_bytes() == before
    assert leftovers(out) == []
    assert small.run(*options(STOPPING, data, out)).code == 0
    assert same_bits(out, stopped.folder)


@contextlib.contextmanager
def small_disk(folder, size):
    """A file system of `size` bytes at `folder`."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "convlens-test", str(folder)]
    if os.geteuid() or not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_run_goes_on_after_a_full_disk(stopped, data, tmp_path):
    with small_disk(tmp_path / "disk", 4 << 20) as disk:
        before = trained_for(disk / "run", STOPPING, 2)
        filler = disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb") as file:
            for _ in range(2000):
                file.write(bytes(4096))
                file.flush()
        with child(*options(STOPPING, data, disk / "run")) as process:
            stdout, stderr = process.communicate()
        assert (process.returncode, stdout) == (2, "")
        assert stderr.splitlines()[-1] == f"convlens: {disk}/run/checkpoint.safetensors: No space left on device"
        assert (disk / "run" / "checkpoint.safetensors").read_bytes() == before
        filler.unlink()
        assert small.run(*options(STOPPING, data, disk / "run")).code == 0
        assert same_bits(disk / "run", stopped.folder)


def test_a_run_starts_again_after_no_space_from_the_beginning(stopped, data, tmp_path):
    out = tmp_path / "run"
    with child(1000, *options(STOPPING, data, out), program=("-c", LIMIT)) as process:
        _, stderr = process.communicate()
    assert process.returncode == 2
    assert stderr == f"convlens: {out}/checkpoint.safetensors: File too large\n"
    assert list(out.iterdir()) == []
    assert small.run(*options(STOPPING, data, out)).code == 0
    assert same_bits(out, stopped.folder)
