"""`convlens show`: the picture of any run, model or network, in each format; its mistakes in one line."""

import io
import json
import sys

import numpy as np
import pytest
from PIL import Image
from tests.support import small

from convlens.data import load
from convlens.inspection.trace import trace
from convlens.models import MODELS
from convlens.models.lenet5 import lenet5
from convlens.nn import Dense, Sequential
from convlens.report import passes
from convlens.training import load_model, save_model
from convlens.training.stored_images import Images

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory):
    """A working folder with a run, a model of three classes of colour pictures, and pictures."""
    folder = tmp_path_factory.mktemp("place")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("os.fsync", lambda handle: None)
        patch.setattr("convlens.cli.train._report", lambda run, digits: None)
        assert small.run("train", "--epochs", 2, "--out", "runs/mine").code == 0
        embedded = load("embedded")
        four = Image.fromarray(np.rint(embedded.x_valid[embedded.y_valid == 4][7, ..., 0] * 256).astype(np.uint8))
        drawn = four.resize((140, 140), Image.Resampling.BICUBIC).point(lambda value: 235 - value * 4 // 5)
        sheet = Image.new("L", (300, 180), 235)
        sheet.paste(drawn, (10, 20))
        sheet.crop((0, 0, 160, 180)).save("four.png")
        sheet.paste(drawn, (150, 20))
        sheet.save("two.png")
        level = np.random.default_rng(0).integers(0, 256, (36, 40, 3), dtype=np.uint8)
        Image.fromarray(level).save("animal.png")
        images = Images(("cat", "grey dog", "1"), 1 / 255, None, (36, 40), True)
        save_model("animals.safetensors", lenet5((36, 40, 3), 3), images=images)
        save_model("line.safetensors", Sequential([Dense(3)], (5,)))
        (folder / "folder.png").mkdir()
        yield folder


@pytest.fixture
def traced(monkeypatch):
    """The traces, names and labels that are drawn."""
    drawn = []
    draw = passes.forward_and_backward

    def kept(passed, names, label):
        drawn.append((passed, names, label))
        return draw(passed, names, label)

    monkeypatch.setattr(passes, "forward_and_backward", kept)
    return drawn


def size(path):
    return Image.open(io.BytesIO(path.read_bytes())).size


def test_a_digit_in_the_newest_run(place, traced):
    done = small.run("show", "four.png", "-o", "picture.png")
    assert (done.code, done.err) == (0, "")
    ((passed, names, label),) = traced
    assert (names, label) == (tuple("0123456789"), 4)
    p, loss = passed.probabilities[0, 4], passed.loss[0]
    assert done.out == f"four.png: 4 ({p:.1%}); loss of 4 {loss:.4f}; picture.png\n"
    assert size(place / "picture.png") == (1600, 972)
    expected = json.loads(small.run("predict", "four.png", "--json").out)[0]["looks_like"]
    assert expected == "4"


def test_a_picture_and_a_label_by_name_and_by_number(place, traced):
    for given, which in (("grey dog", 1), ("0", 0), ("1", 2)):
        done = small.run("show", "animal.png", "animals.safetensors", "-o", "a.png", "--label", given, "--width", 700)
        assert done.code == 0, done.err
        passed, _, label = traced.pop()
        assert label == which
        level = np.asarray(Image.open("animal.png")) / np.float32(255)
        expected = trace(load_model("animals.safetensors", engine="numpy"), level[None], np.array([which]))
        np.testing.assert_allclose(passed.layers[0].d_input, expected.layers[0].d_input, rtol=1e-3, atol=1e-6)
    assert size(place / "a.png")[0] == 700


@pytest.mark.parametrize(("ending", "start"), [("svg", b"<?xml"), ("pdf", b"%PDF"), ("PNG", b"\x89PNG")])
def test_formats(place, ending, start):
    path = place / f"made.{ending}"
    path.write_text("old")
    assert small.run("show", "four.png", "runs/mine", "--out", path).code == 0
    assert path.read_bytes().startswith(start)


def test_a_named_network_with_fresh_weights(place):
    done = small.run("show", "four.png", "resnet8", "-o", "fresh.png")
    assert done.code == 0
    assert done.err == "note: the weights of resnet8 are fresh; name a run to see a trained network\n"
    assert size(place / "fresh.png") == (1600, 2 * 972)


def test_the_first_of_several_digits(traced):
    done = small.run("show", "two.png", "-o", "two-passes.png", "--json")
    assert done.err == "two.png: there are 2 digits; this shows the first from the left\n"
    said = json.loads(done.out)
    assert (said["class"], said["label"], said["file"]) == ("4", "4", "two-passes.png")
    assert said["loss"] == pytest.approx(traced[0][0].loss[0])


MISTAKES = {
    "four.png": "--out must name the file to write, which ends in .png, .svg or .pdf",
    "four.png -o a.gif": "--out must end in .png, .svg or .pdf; got a.gif",
    "four.png -o four.png": "--out must be another file than the picture; got four.png",
    "four.png -o nowhere/a.png": "--out must be in a folder that exists; there is no folder nowhere",
    "four.png -o folder.png": "--out must be a file; folder.png is a folder",
    "four.png -o a.png --width 10": "--width must be from 320 to 8000; got 10",
    "four.png -o a.svg --width 400": "--width is for .png: a .svg has no pixels of its own; got 400",
    "four.png -o a.png --label ten": "--label must be a class (0, 1, 2, 3, 4, 5, 6, 7, 8, 9) or its number, 0 to 9; "
    "got 'ten'",
    "animal.png animals.safetensors -o a.png --label 3": "--label must be a class (cat, grey dog, 1) or its number, "
    "0 to 2; got '3'",
    "none.png -o a.png": "there is no file 'none.png'",
    "folder.png -o a.png": "folder.png must be a picture; it is a folder",
    "four.png runs/none -o a.png": "RUN must be a run's folder, a model.safetensors or a network; there is no "
    "runs/none",
    "four.png none.safetensors -o a.png": "there must be a file none.safetensors; there is none",
    "four.png nothing -o a.png": f"model must be one of {', '.join(MODELS)}, FILE.py:FUNCTION or FILE.json; "
    "got 'nothing'",
    "four.png line.safetensors -o a.png": "show needs a network that takes pictures (h, w, 1) or (h, w, 3); that of "
    "line takes (5,)",
}


@pytest.mark.parametrize("arguments", MISTAKES)
def test_mistakes(place, arguments):
    assert small.fails("show", *arguments.split()) == MISTAKES[arguments]
    assert not (place / "a.png").exists() or size(place / "a.png")[0] == 700


def test_without_a_run(tmp_path, place, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = (
        "there must be a trained run to use; runs/ holds none: train one with `convlens train`, or name one, "
        "or a network such as lenet5"
    )
    assert small.fails("show", place / "four.png", "-o", "a.png") == message


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    message = "figures and reports need matplotlib, which is not installed: pip install 'convlens[plots]'"
    assert small.fails("show", "four.png", "-o", "b.png") == message
