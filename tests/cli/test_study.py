"""`convlens study`: its output, stopped and continued runs, and its errors."""

import json
import sys

import pytest
from tests.support import small, tiny_studies

from convlens.cli import study as cli_study
from convlens.studies import STUDIES, runner
from convlens.studies.study import StudyRun


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """An own working folder, and tiny studies with few digits."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.fsync", lambda handle: None)
    whole = runner.digits_of
    monkeypatch.setattr(runner, "digits_of", lambda: tuple(array[:300] for array in whole()))
    monkeypatch.setitem(STUDIES, "dropout", tiny_studies.study())
    return tmp_path


ASKED = ("study", "dropout", "--seeds", 2, "--threads", 1)


@pytest.mark.smoke
def test_it_says_what_it_does_and_what_came_of_it(place):
    done = small.run(*ASKED)
    assert done.code == 0
    first, *runs, figure = done.err.splitlines()
    assert first.startswith("dropout: 8 runs; engine ") and first.endswith("threads 1; in studies/dropout")
    assert [line.split()[0] for line in runs] == [f"{k}/8" for k in range(1, 9)]
    assert "none, rate 0.02, pilot 0: training error 80% " in runs[0]
    assert "dropout, rate 0.0" in runs[-1] and "seed 1: " in runs[-1]
    assert figure == "figure: studies/dropout/figure.svg"
    text = done.out.splitlines()
    assert text[:2] == ["Tiny dropout; 60 digits to train, 2 seeds", "Not the paper's."]
    table = text.index("test error, %")
    assert text[table + 1].split() == ["arm", "rate", "mean", "sd", "each", "seed"]
    assert [line.split()[0] for line in text[table + 2 : table + 4]] == ["none", "dropout"]
    assert all(len(line.split()) == 6 for line in text[table + 2 : table + 4])
    assert "epochs until the training error is 80%" in text
    assert sum(line.startswith("At this size the ") for line in text) == 2
    assert "The paper, section 4.2: dropout helps." in text
    assert (place / "studies" / "dropout" / "figure.svg").read_bytes().startswith(b"<?xml")


def test_as_json(place):
    value = json.loads(small.run(*ASKED, "--json", "--out", "there").out)
    assert (value["study"], value["seeds"], value["folder"]) == ("dropout", 2, "there")
    assert value["figure"] == "there/figure.svg"
    assert [len(arm["measures"]["test_error"]["values"]) for arm in value["arms"]] == [2, 2]
    again = small.run(*ASKED, "--json", "--out", "there")
    assert json.loads(again.out) == value
    assert "8 runs, 8 of them done" in again.err


def test_ctrl_c_and_on(place, monkeypatch):
    whole = small.run(*ASKED, "--out", "whole").out
    train, count = runner._train, 0

    def stopped(*arguments):
        nonlocal count
        count += 1
        if count == 4:
            raise KeyboardInterrupt
        return train(*arguments)

    monkeypatch.setattr(runner, "_train", stopped)
    done = small.run(*ASKED, "--out", "cut")
    assert (done.code, done.out) == (130, "")
    last = done.err.splitlines()[-1]
    assert last == "stopped, 3 of 8 runs done; go on with: convlens study dropout --seeds 2 --out cut"
    done = small.run("study", "dropout", "--seeds", 2, "--out", "cut")
    assert "8 runs, 3 of them done" in done.err
    assert done.out.splitlines()[:-1] == whole.splitlines()[:-1]  # the last line is the time


def test_without_matplotlib(place, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = small.run(*ASKED)
    assert done.code == 0
    assert done.err.splitlines()[-1] == (
        "no figure: figures and reports need matplotlib, which is not installed: pip install 'convlens[plots]'"
    )
    assert "test error, %" in done.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mixup",), "NAME must be one of relu, pooling, dropout, lrn, augment; got 'mixup'"),
        (("dropout", "--seeds", 1), "seeds must be an integer of at least 2; got 1"),
        (("dropout", "--threads", 0), "threads must be an integer of at least 1; got 0"),
        (("dropout", "--out", "taken"), "taken: File exists"),
    ],
)
def test_mistakes(place, arguments, message):
    (place / "taken").write_text("mine")
    assert small.fails("study", *arguments) == message
    assert not (place / "studies").exists()


def test_a_folder_of_another_study_is_refused(place, monkeypatch):
    assert small.run(*ASKED, "--out", "one").code == 0
    monkeypatch.setitem(STUDIES, "dropout", tiny_studies.study(epochs=3))
    assert small.fails(*ASKED, "--out", "one") == (
        "all results in a file must have the same epochs; 'one/runs.jsonl' has 2, this run has 3: use another folder"
    )


def test_a_diverged_run_is_told():
    run = StudyRun("none", 0.5, 3, None, 0.9, 0.9, 0.0, True, 1.25)
    assert cli_study._line(tiny_studies.study(), run) == "none, rate 0.5, seed 3: diverged, 1.2 s"
