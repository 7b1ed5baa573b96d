"""A user's mistake gives one line on standard error and exit code 2; no file is lost or half-written."""

import json
import re
import shutil

import pytest
from tests.support import small

from convlens.cli import train as cli_train
from convlens.engines import ENGINES
from convlens.models import MODELS


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory):
    """A working folder with digits and a finished run."""
    folder = tmp_path_factory.mktemp("place")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("os.fsync", lambda handle: None)
        patch.setattr(cli_train, "_report", lambda run, digits: None)
        small.npz(folder / "few.npz")
        small.npz(folder / "other.npz", train=90)
        assert small.run("train", "--data", "few.npz", "--epochs", 1, "--out", "run").code == 0
        yield folder


@pytest.fixture
def copy(place, tmp_path):
    """A copy of the run, for a test to damage."""
    shutil.copytree(place / "run", tmp_path / "run")
    return tmp_path / "run"


# Options -------------------------------------------------------------------------------------------------------------


BAD_OPTIONS = {
    "--engine foo": f"engine must be one of auto, {', '.join(ENGINES)}; got 'foo'",
    "--model foo": f"model must be one of {', '.join(MODELS)}, FILE.py:FUNCTION or FILE.json; got 'foo'",
    "--threads 0": "threads must be an integer of at least 1; got 0",
    "--threads -1": "threads must be an integer of at least 1; got -1",
    "--learning-rate nan": "learning_rate must be a number above 0; got nan",
    "--learning-rate -1": "learning_rate must be a number above 0; got -1.0",
    "--learning-rate 0": "learning_rate must be a number above 0; got 0.0",
    "--learning-rate inf": "learning_rate must be a number above 0; got inf",
    "--epochs 0": "epochs must be an integer of at least 1; got 0",
    "--epochs -3": "epochs must be an integer of at least 1; got -3",
    "--batch-size 0": "batch_size must be an integer of at least 1; got 0",
    "--seed -1": "seed must be an integer of at least 0; got -1",
    "--early-stopping 0": "early_stopping must be an integer of at least 1; got 0",
}


@pytest.mark.smoke
@pytest.mark.parametrize("options", BAD_OPTIONS)
def test_bad_options_leave_nothing_behind(place, options):
    assert small.fails("train", "--data", "few.npz", "--out", "bad", *options.split()) == BAD_OPTIONS[options]
    assert not (place / "bad").exists()


@pytest.mark.parametrize(
    "arguments",
    ["train --epochs many", "train --no-such-option", "predict", "no-such-command", "data", "data export", "summary x"],
)
def test_usage_errors_are_short(arguments):
    done = small.run(*arguments.split())
    assert done.code == 2
    text = done.err or done.out
    assert text.startswith("Usage: convlens ")
    assert "Traceback" not in text


def test_no_command_shows_the_help():
    done = small.run()
    assert "Commands:" in done.out + done.err


@pytest.mark.smoke
def test_resume_needs_a_run():
    message = "--resume needs a run; runs/ holds none: begin one without --resume, or name one by --run"
    assert small.fails("train", "--resume", "--data", "few.npz") == message
    for option in ("--run", "--out"):
        message = "--run must be the folder of a run; nowhere holds none"
        assert small.fails("train", "--resume", option, "nowhere", "--data", "few.npz") == message


CONFLICTS = {
    "--seed 1": "seed must be the run's value, 0; got 1",
    "--batch-size 16": "batch_size must be the run's value, 32; got 16",
    "--learning-rate 0.1": "learning_rate must be the run's value, 0.001; got 0.1",
    "--early-stopping 2": "early_stopping must be the run's value, None; got 2",
    "--model vgg": "model must be the run's value, 'lenet5'; got 'vgg'",
    "--epochs 0": "epochs must be an integer of at least 1; got 0",
}


@pytest.mark.smoke
@pytest.mark.parametrize("options", CONFLICTS)
def test_options_that_conflict_with_the_run(place, options):
    before = (place / "run" / "checkpoint.safetensors").read_bytes()
    assert small.fails("train", "--resume", "--run", "run", *options.split()) == CONFLICTS[options]
    assert (place / "run" / "checkpoint.safetensors").read_bytes() == before


def test_fewer_epochs_than_are_done(copy):
    assert small.run("train", "--resume", "--run", copy, "--epochs", 2).code == 0
    message = "epochs must be at least 2, the number already done; got 1"
    assert small.fails("train", "--resume", "--run", copy, "--epochs", 1) == message
    assert small.run("train", "--resume", "--run", copy, "--epochs", 2).code == 0


def test_other_data_do_not_go_with_the_run(place):
    done = small.run("train", "--resume", "--run", "run", "--data", "other.npz", "--epochs", 3)
    assert (done.code, done.out) == (2, "")
    rule = r"\nconvlens: a resumed run needs the data that it started with, sha256 \w+…; other.npz has "
    assert re.search(rule, done.err)
    assert json.loads((place / "run" / "history.json").read_text())["data"] == "few.npz"


def test_a_part_that_is_none():
    message = small.fails("evaluate", "--run", "run", "--part", "best")
    assert message == "--part must be train, valid, test or all; got 'best'"


def test_evaluate_wants_at_least_one_thread():
    assert small.fails("evaluate", "--run", "run", "--threads", 0) == "threads must be an integer of at least 1; got 0"


def test_a_learning_rate_that_diverges_keeps_the_last_checkpoint(place):
    done = small.run("train", "--data", "few.npz", "--learning-rate", 1e6, "--batch-size", 8, "--out", "diverged")
    assert (done.code, done.out) == (2, "")
    last = done.err.splitlines()[-1]
    assert re.fullmatch(r"convlens: the loss must stay finite; got \w+ in epoch 1, batch \d: a lower learning .*", last)
    assert "Warning" not in done.err
    assert json.loads((place / "diverged" / "history.json").read_text())["epochs"] == []


# Folders -------------------------------------------------------------------------------------------------------------


@pytest.mark.smoke
def test_a_folder_that_holds_a_run(place):
    message = "the output folder must not hold another run; run holds checkpoint.safetensors"
    assert small.fails("train", "--data", "few.npz", "--out", "run") == message


@pytest.mark.parametrize("held", ["model.safetensors", "history.json", "report.html"])
def test_a_folder_that_holds_part_of_a_run(tmp_path, held):
    (tmp_path / held).write_bytes(b"mine")
    message = f"the output folder must not hold another run; {tmp_path} holds {held}"
    assert small.fails("train", "--data", "few.npz", "--out", tmp_path) == message
    assert [path.name for path in tmp_path.iterdir()] == [held]


@pytest.mark.smoke
def test_a_folder_that_cannot_be():
    train = ["train", "--data", "few.npz", "--out"]
    assert small.fails(*train, "few.npz") == "the output folder must be a folder; few.npz is a file"
    assert small.fails(*train, "few.npz/below") == "few.npz/below: Not a directory"
    assert small.fails(*train, "/proc/convlens") == "/proc/convlens: No such file or directory"
    assert "File name too long" in small.fails(*train, "n" * 300)


def test_a_folder_that_is_not_writable(tmp_path, monkeypatch):
    """File modes do not stop root, so the test makes the system call fail."""

    def refuse(self, mode="r", *arguments, **options):
        if "x" in mode or "w" in mode:
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, mode, *arguments, **options)

    opened = type(tmp_path).open
    monkeypatch.setattr(type(tmp_path), "open", refuse)
    message = f"{tmp_path}/run/checkpoint.safetensors: Permission denied"
    assert small.fails("train", "--data", "few.npz", "--out", tmp_path / "run") == message
    message = f"{tmp_path}/some.npz: Permission denied"
    assert small.fails("data", "export", tmp_path / "some.npz") == message


def test_there_is_no_run_yet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command in (["evaluate"], ["predict", "x.png"], ["report"]):
        assert small.fails(*command) == (
            "there must be a trained run to use; runs/ holds none: "
            "train one with `convlens train`, or name one with --run DIR"
        )
        assert small.fails(*command, "--run", "nowhere").startswith("there must be a file nowhere")
    assert list(tmp_path.iterdir()) == []


# Files of a run ------------------------------------------------------------------------------------------------------


def damages(content):
    return {
        "cut off": content[:-100],
        "empty": b"",
        "altered": content[:-1] + bytes([content[-1] ^ 1]),
        "garbage": b"PK\x03\x04" * 100,
    }


def rule(damage):
    return "must have the sha256 " if damage == "altered" else "must be a whole safetensors file written by convlens"


@pytest.mark.smoke
@pytest.mark.parametrize("damage", ["cut off", "empty", "altered", "garbage"])
def test_damaged_checkpoints(copy, damage):
    path = copy / "checkpoint.safetensors"
    content = damages(path.read_bytes())[damage]
    path.write_bytes(content)
    for command in (["train", "--resume", "--run", copy], ["report", "--run", copy]):
        assert small.fails(*command).startswith(f"{path} {rule(damage)}")
    assert path.read_bytes() == content


@pytest.mark.smoke
@pytest.mark.parametrize("damage", ["cut off", "empty", "altered", "garbage"])
def test_damaged_models(copy, damage):
    path = copy / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(damages(whole)[damage])
    for command in (["evaluate"], ["predict", "x.png"], ["summary"]):
        assert small.fails(*command, "--run", copy).startswith(f"{path} {rule(damage)}")
        assert small.fails(*command, "--run", path).startswith(f"{path} {rule(damage)}")
    assert small.run("train", "--resume", "--run", copy).code == 0  # the checkpoint has everything
    assert path.read_bytes() == whole


def test_missing_files(copy):
    for name in ("model.safetensors", "history.json"):
        (copy / name).unlink()
        assert str(copy / name) in small.fails("evaluate", "--run", copy)
        assert small.run("train", "--resume", "--run", copy).code == 0
        assert small.run("evaluate", "--run", copy).code == 0
    (copy / "checkpoint.safetensors").unlink()
    message = f"there must be a file {copy}/checkpoint.safetensors; there is none"
    assert small.fails("report", "--run", copy) == message


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b'"data"', b"null", b"\xff\xfe\x00", b"[" * 100_000],
    ids=["empty", "cut off", "a list", "no data", "a text", "null", "no text", "brackets"],
)
def test_damaged_histories(copy, content):
    path = copy / "history.json"
    path.write_bytes(content)
    message = f"{path} must be a run's history in JSON; it is damaged: "
    assert small.fails("evaluate", "--run", copy).startswith(message)
    assert small.run("evaluate", "--run", copy, "--data", "few.npz").code == 0


def test_a_file_of_weights_has_no_data():
    message = "--data must be given if there is no file run/model.safetensors/history.json"
    assert small.fails("evaluate", "--run", "run/model.safetensors") == message


def test_a_checkpoint_is_no_model():
    message = "must be a model's file; it is a run's checkpoint, and model.safetensors beside it is the model"
    assert small.fails("summary", "--run", "run/checkpoint.safetensors") == f"run/checkpoint.safetensors {message}"
