"""Every command does its work and prints its result, as text or with --json as JSON."""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.support import small
from tests.support.small import says, tells

from convlens import cli
from convlens.cli import train as cli_train
from convlens.data import load
from convlens.engines import get_engine
from convlens.storage.tensors import write_tensors
from convlens.training import Run, Settings, load_model
from convlens.training import run as checkpoint

EPOCH = ["epoch", "seconds", "images_per_second", "loss", "accuracy", "val_loss", "val_accuracy"]


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory):
    """A working folder with two runs; the history of the newest run names its data."""
    folder = tmp_path_factory.mktemp("place")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("os.fsync", lambda handle: None)
        patch.setattr(cli_train, "_report", lambda run, digits: None)  # slow; tests that need it use `reporting`
        small.npz(folder / "few.npz")
        small.npz(folder / "more.npz", train=1500, valid=150, test=50)
        assert small.run("train", "--data", "few.npz", "--epochs", 1).code == 0
        assert small.run("train", "--data", "more.npz", "--epochs", 3, "--seed", 4).code == 0
        yield folder


WITH_REPORT = cli_train._report


@pytest.fixture
def reporting(monkeypatch):
    """Let training write its reports."""
    monkeypatch.setattr(cli_train, "_report", WITH_REPORT)


# train ---------------------------------------------------------------------------------------------------------------


def test_runs_are_numbered(place):
    assert sorted(path.name for path in (place / "runs").iterdir()) == ["lenet5-1", "lenet5-2"]


@pytest.mark.smoke
def test_train_says_what_it_does_and_prints_nothing(place, reporting):
    done = small.run("train", "--data", "few.npz", "--epochs", 2, "--out", "said", "--threads", 1)
    assert (done.code, done.out) == (0, "")
    first, *epochs, last, page, report = done.err.splitlines()
    assert first == (
        "lenet5 (61,706 parameters) on few.npz: 96 images to train, 40 to validate; "
        f"engine {get_engine('auto').name}, threads 1; in said"
    )
    assert [line.split()[:2] for line in epochs] == [["epoch", "1/2"], ["epoch", "2/2"]]
    assert all(word in epochs[0] for word in ("images/s", "loss", "accuracy", "val_loss", "val_accuracy"))
    assert last == "2 of 2 epochs done; weights in said"
    assert page == "page of all numbers: said/explore.html"
    assert report.startswith(("report: said/report.html", "no report: "))


def test_the_explorers_page_lies_beside_the_report_and_is_linked(place, reporting, tmp_path):
    pytest.importorskip("matplotlib")
    out = tmp_path / "both"
    assert small.run("train", "--data", "few.npz", "--epochs", 1, "--out", out).code == 0
    text = re.search(r'id="convlens-data">(.*?)</script>', (out / "explore.html").read_text(), re.DOTALL)
    assert text
    data = json.loads(text[1])
    assert data["run"] == {"name": "both", "history": json.loads((out / "history.json").read_text())}
    assert data["pictures"]["training"] == 96 and data["server"] is None
    link = '<a href="explore.html#view='
    assert link in (out / "report.html").read_text()
    (out / "explore.html").unlink()
    assert small.run("report", "--run", out).code == 0
    assert link not in (out / "report.html").read_text()


def test_a_network_that_is_too_large_for_a_page(place, reporting, monkeypatch):
    monkeypatch.setattr("convlens.explorer.data._MOST_WEIGHTS", 1000)
    done = small.run("train", "--data", "few.npz", "--epochs", 1, "--out", "large")
    line = "no page of the numbers: explore needs a network of at most 1,000 weights; lenet5 has 61,706"
    assert done.code == 0 and line in done.err.splitlines()
    assert not (place / "large" / "explore.html").exists()


def test_ctrl_c_while_saving_counts_what_is_on_disk(place, monkeypatch):
    saved = write_tensors

    def stopped(path, tensors, about):
        if len(about.get("epochs", ())) == 2:
            raise KeyboardInterrupt
        saved(path, tensors, about)

    monkeypatch.setattr(checkpoint, "write_tensors", stopped)
    done = small.run("train", "--data", "few.npz", "--epochs", 3, "--out", "cut")
    assert (done.code, done.out) == (130, "")
    last = done.err.splitlines()[-1]
    assert last == "stopped, 1 of 3 epochs done; go on with: convlens train --resume --run cut"


@pytest.mark.smoke
def test_train_as_json_is_the_history(place):
    done = small.run("train", "--data", "few.npz", "--epochs", 1, "--out", "history", "--json")
    value = json.loads(done.out)
    assert value == json.loads((place / "history" / "history.json").read_text())
    assert (value["model"], value["data"], value["class_names"]) == ("lenet5", "few.npz", list("0123456789"))
    assert [list(row) for row in value["epochs"]] == [EPOCH]


def test_options_reach_the_run(place):
    options = {"model": "lenet5", "engine": "numpy", "seed": 3, "batch_size": 16, "learning_rate": 0.01}
    words = [word for name, value in options.items() for word in ("--" + name.replace("_", "-"), value)]
    value = json.loads(small.run("train", "--data", "few.npz", "--epochs", 1, "--out", "all", "--json", *words).out)
    assert {name: value[name] for name in options} == options


def test_resume_goes_on_to_the_same_bits(place):
    common = ["train", "--data", "few.npz"]
    assert small.run(*common, "--out", "once", "--epochs", 3, "--threads", 1).code == 0
    assert small.run(*common, "--out", "twice", "--epochs", 2, "--threads", 3).code == 0
    assert small.run("train", "--resume", "--run", "twice", "--epochs", 3, "--engine", "auto").code == 0
    one, two = ((place / name / "model.safetensors").read_bytes() for name in ("once", "twice"))
    assert one == two


def test_resume_goes_on_with_the_newest_run(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = place / "few.npz"
    for k in (1, 2):
        assert small.run("train", "--data", data, "--epochs", 1).code == 0
        path = Path("runs", f"lenet5-{k}", "checkpoint.safetensors")
        os.utime(path, (1e9 - k, 1e9 - k))  # the first one is the newest
    done = small.run("train", "--resume", "--epochs", 2)
    assert (done.code, done.err.splitlines()[-1]) == (0, "2 of 2 epochs done; weights in runs/lenet5-1")


def test_resume_of_a_finished_run_says_so(place):
    assert small.run("train", "--data", "few.npz", "--epochs", 1, "--out", "finished").code == 0
    done = small.run("train", "--resume", "--run", "finished", "--json")
    assert "1 of 1 epochs done; weights in finished" in done.err
    assert len(json.loads(done.out)["epochs"]) == 1


def test_resume_where_the_data_have_moved(place):
    assert small.run("train", "--data", "few.npz", "--epochs", 1, "--out", "moved").code == 0
    (place / "elsewhere").mkdir()
    small.npz(place / "elsewhere" / "other.npz")
    arguments = ["train", "--resume", "--run", "moved", "--epochs", 2, "--data", "elsewhere/other.npz"]
    assert small.run(*arguments).code == 0
    assert json.loads((place / "moved" / "history.json").read_text())["data"] == "elsewhere/other.npz"


def test_early_stopping_is_said(place):
    options = ["--data", "few.npz", "--learning-rate", 0.01, "--epochs", 30, "--early-stopping", 1]
    done = small.run("train", "--out", "early", "--json", *options)
    losses = [row["val_loss"] for row in json.loads(done.out)["epochs"]]
    assert len(losses) < 30
    best = losses.index(min(losses)) + 1
    assert f"stopped early, no lower validation loss since epoch {best}, whose weights are kept; weights in" in done.err


def test_without_matplotlib_the_run_is_whole_and_says_how_to_get_a_report(place, reporting, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = small.run("train", "--data", "few.npz", "--epochs", 1, "--out", "bare")
    assert done.code == 0
    last = done.err.splitlines()[-1]
    assert last.startswith("no report: ")
    assert "pip install" in last
    assert last.endswith("; write it later with: convlens report --run bare")
    assert "matplotlib" in small.fails("report", "--run", "bare")


# report --------------------------------------------------------------------------------------------------------------


def test_report_writes_it_again(place):
    pytest.importorskip("matplotlib")
    path = place / "runs" / "lenet5-1" / "report.html"
    assert says("report", "--run", "runs/lenet5-1") == "runs/lenet5-1/report.html\n"
    assert path.read_text().startswith("<!DOCTYPE html>")
    assert tells("report", "--run", "runs/lenet5-1") == {
        "run": "runs/lenet5-1",
        "report": "runs/lenet5-1/report.html",
    }


# evaluate ------------------------------------------------------------------------------------------------------------


@pytest.mark.smoke
def test_evaluate_takes_the_newest_run_and_its_own_test_part():
    value = tells("evaluate")
    assert list(value) == ["run", "data", "part", "images", "loss", "accuracy", "classes", "confusion_matrix"]
    assert list(value.values())[:4] == ["runs/lenet5-2", "more.npz", "test", 50]
    assert value["accuracy"] > 0.8
    text = f"runs/lenet5-2, 50 test images of more.npz: loss {value['loss']:.4f}  accuracy {value['accuracy']:.4f}\n"
    assert says("evaluate", "--threads", 1).startswith(text)


@pytest.mark.parametrize(("part", "images"), [("train", 1500), ("valid", 150), ("test", 50)])
def test_evaluate_a_part(part, images):
    value = tells("evaluate", "--part", part)
    assert (value["part"], value["images"]) == (part, images)


def test_evaluate_gives_the_figures_of_the_history(place):
    last = json.loads((place / "runs" / "lenet5-2" / "history.json").read_text())["epochs"][-1]
    value = tells("evaluate", "--part", "valid")
    assert (value["loss"], value["accuracy"]) == (last["val_loss"], last["val_accuracy"])


def test_evaluate_without_a_test_part_takes_the_validation_part():
    value = tells("evaluate", "--run", "runs/lenet5-1")
    assert (value["data"], value["part"], value["images"]) == ("few.npz", "valid", 40)


def test_evaluate_other_data_and_a_file_of_weights():
    value = tells("evaluate", "--run", "runs/lenet5-2/model.safetensors", "--data", "few.npz")
    assert (value["data"], value["images"]) == ("few.npz", 40)


# predict -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pictures(place):
    """One picture of each class, twice: as in MNIST, and as a large JPEG, dark on light."""
    digits, found = load("more.npz"), []
    for label in range(10):
        grey = np.rint(digits.x_valid[digits.y_valid == label][0, ..., 0] * 256).astype(np.uint8)
        Image.fromarray(grey).save(place / f"{label}.png")
        large = Image.fromarray(255 - grey).resize((180, 180), Image.Resampling.BICUBIC)
        paper = Image.new("L", (300, 240), 255)
        paper.paste(large, (60, 20))
        paper.save(place / f"{label}.jpg", quality=90)
        found.append(label)
    return found


@pytest.mark.smoke
@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_predict_knows_most_digits(pictures, kind):
    names = [f"{label}.{kind}" for label in pictures]
    rows = tells("predict", *names)
    fields = ["file", "class", "unsure", "looks_like", "probability", "why", "probabilities", "remarks", "digit", "box"]
    assert [list(row) for row in rows] == [fields] * 10
    assert [row["file"] for row in rows] == names
    for row in rows:
        assert len(row["probabilities"]) == 10
        assert sum(row["probabilities"]) == pytest.approx(1, abs=1e-5)
        best = int(np.argmax(row["probabilities"]))
        assert row["looks_like"] == str(best)
        assert 0 < row["probability"] <= row["probabilities"][best] + 1e-6
        assert (row["digit"], row["class"]) == ((None, None) if row["unsure"] else (best, str(best)))
        assert row["unsure"] == bool(row["why"])
    assert sum(row["looks_like"] == str(label) for row, label in zip(rows, pictures, strict=True)) >= 8
    wrong = [row for row, label in zip(rows, pictures, strict=True) if row["digit"] not in (None, label)]
    assert len(wrong) <= 1
    lines = says("predict", *names).splitlines()
    assert lines == [
        f"{row['file']}: unsure, looks like {row['looks_like']} ({row['probability']:.0%}): {row['why']}"
        if row["unsure"]
        else f"{row['file']}: {row['digit']} ({row['probability']:.1%})"
        for row in rows
    ]


def test_predict_a_png_as_in_the_data_set(place, pictures):
    digits, model = load("more.npz"), load_model(place / "runs" / "lenet5-2")
    for label in pictures:
        expected = model.predict(digits.x_valid[digits.y_valid == label][:1])[0]
        row = tells("predict", f"{label}.png")[0]
        np.testing.assert_allclose(row["probabilities"], expected, rtol=0, atol=1e-5)


@pytest.mark.smoke
def test_one_bad_picture_among_good_ones(place, pictures):
    (place / "text.png").write_text("I am no picture")
    arguments = ["predict", "1.png", "text.png", "missing.png", "2.png"]
    done = small.run(*arguments)
    assert done.code == 2
    assert [line.split(":")[0] for line in done.out.splitlines()] == ["1.png", "2.png"]
    faults = done.err.splitlines()
    assert len(faults) == 2
    assert faults[0].startswith("convlens: text.png must be a picture (")
    assert faults[1] == "convlens: there is no file 'missing.png'"
    done = small.run(*arguments, "--json")
    assert (done.code, done.err.splitlines()) == (2, faults)
    assert [row["file"] for row in json.loads(done.out)] == ["1.png", "2.png"]


# summary -------------------------------------------------------------------------------------------------------------


@pytest.mark.smoke
def test_summary():
    lines = says("summary").splitlines()
    fused = get_engine("auto").name == "numba"
    assert lines[0].split() == ["layer", "kind", "output", "shape", "parameters", *(["runs", "with"] if fused else [])]
    how = ", one fused pass, examples in lanes, 1 convolution by Winograd's algorithm" if fused else ""
    assert f"lenet5: 61,706 parameters, float32, engine {get_engine('auto').name}{how}" in lines
    value = tells("summary")
    assert list(value) == ["model", "layers", "parameters", "end", "specification"]
    assert (value["model"], value["parameters"]) == ("lenet5", 61706)
    assert list(value["layers"][0]) == ["name", "kind", "input_shape", "output_shape", "parameters"]
    assert value["layers"][0]["input_shape"] == [28, 28, 1]
    assert sum(layer["parameters"] for layer in value["layers"]) == 61706
    assert tells("summary", "--run", "runs/lenet5-1") == value


# help ----------------------------------------------------------------------------------------------------------------


@pytest.mark.smoke
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_of_all(option):
    names = [command.name or getattr(command.callback, "__name__", "") for command in cli.app.registered_commands]
    commands = [[], ["data"], *([name] for name in names), *(["data", name] for name in ("info", "fetch", "export"))]
    assert len(commands) == 17
    for command in commands:
        text = says(*command, option)
        assert text.startswith(f"Usage: {' '.join(['convlens', *command])} ")


def test_help_names_every_option_of_train():
    text = says("train", "--help")
    names = "model engine data epochs batch-size learning-rate seed threads out resume early-stopping json"
    assert all(f"--{name} " in text for name in names.split())


def test_a_run_without_an_epoch_is_not_the_newest(place):
    settings = Settings(data="more.npz")
    Run.start(place / "runs" / "lenet5-9", settings, load("more.npz"))
    found = small.run("evaluate", "--json")
    assert json.loads(found.out)["run"] != "runs/lenet5-9"
    assert "must hold a trained model" in small.fails("evaluate", "--run", "runs/lenet5-9")
    shutil.rmtree(place / "runs" / "lenet5-9")
