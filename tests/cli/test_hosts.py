"""Training with Keras on JAX, in one process and in several that share each batch, also when one is lost."""

import importlib.util
import json
import shutil
import sys
import time

import numpy as np
import pytest
from tests.support import small
from tests.support.host_processes import (
    BATCH,
    EPOCHS,
    RATE,
    Pair,
    Process,
    asked,
    free_hosts,
    one_sentence,
    pair,
    starter,
    starting,
)

from convlens.data import load
from convlens.training import Run, Settings, load_model

PATIENCE = ("--early-stopping", 1, "--learning-rate", 0.1)  # a rate at which the validation loss soon rises

frameworks = pytest.mark.frameworks
two_processes = pytest.mark.skipif(sys.platform == "win32", reason="the signals are POSIX")


SMALL = """
from convlens.nn import Conv2D, Dense, Flatten, Sequential

def net(input_shape, classes, seed):
    layers = [Conv2D(4, 5, strides=3, activation="relu"), Flatten(), Dense(classes, activation="softmax")]
    return Sequential(layers, input_shape, seed=seed)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with two sets of digits, and a network that is compiled sooner than LeNet-5."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "small.py").write_text(SMALL)
    small.npz(folder / "few.npz", train=91, valid=41)
    small.npz(folder / "other.npz", train=90, valid=41)
    return folder


@pytest.fixture
def start(tmp_path):
    with starting(tmp_path) as begin:
        yield begin


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
    process = Process(place, "whole", "train", *asked(place, place / "whole", "--epochs", EPOCHS), report=True)
    try:
        assert process.wait() == 0, process.err
    finally:
        process.end()
    assert process.out == ""
    return place / "whole"


# Alone ---------------------------------------------------------------------------------------------------------------


@frameworks
def test_a_run_by_keras_has_what_every_run_has(place, whole):
    files = {"checkpoint.safetensors", "explore.html", "history.json", "model.safetensors"}
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
    asked = Settings(model=f"{place}/small.py:net", engine="numpy", batch_size=BATCH, learning_rate=RATE, epochs=2)
    run = Run.start(tmp_path / "run", asked, digits)
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


OWN = """
from convlens.nn import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D, ReLU, Sequential

def net(input_shape, classes, seed):
    layers = [Conv2D(4, 5, strides=3, use_bias=False), BatchNormalization(momentum=0.9), ReLU(), MaxPooling2D(2),
              Dropout(0.3), BatchNormalization(momentum=0.8), Flatten(),
              Dense(classes, activation="softmax")]
    return Sequential(layers, input_shape, seed=seed)
"""


@frameworks
@two_processes
def test_two_processes_train_a_network_with_batch_statistics_and_dropout_as_one(place, start, tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    options = ["--trainer", "keras", "--model", "own.py:net", "--data", place / "few.npz", "--optimizer", "sgd"]
    common = [*options, "--batch-size", 16, "--epochs", 2]  # the last of the batches has an odd number of digits
    one = start("one", *common, "--out", "one")
    assert one.wait() == 0, one.err
    codes, err = pair(start, [*common, "--out", "two"], ["--data", place / "few.npz"]).wait()
    assert codes == (0, 0), err
    ours, theirs = load_model(tmp_path / "two"), load_model(tmp_path / "one")
    np.testing.assert_allclose(ours.flat, theirs.flat, rtol=0, atol=1e-4)
    np.testing.assert_allclose(ours.flat_state, theirs.flat_state, rtol=0, atol=1e-4)
    assert np.abs(theirs.flat_state - load_model(tmp_path / "one").flat_state.round()).max() > 0.01


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
