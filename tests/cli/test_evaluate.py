"""convlens evaluate: the figures of each class and the confusion matrix, by name, for any network and pictures."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tests.support import small
from tests.support.coloured import NAMES, coloured

from convlens.cli.evaluate import _text
from convlens.inspection.confusion import confusion_matrix
from convlens.nn import Conv2D, Dense, Flatten, Sequential
from convlens.training import save_model
from convlens.training.stored_images import Images, of_digits

LAYERS = (Conv2D(3, (2, 3), activation="relu"), Flatten(), Dense(4, activation="softmax"))


@pytest.fixture
def digits(monkeypatch):
    made = coloured(60, size=(6, 9))
    monkeypatch.setattr("convlens.data.load", lambda data, **_: made)
    return made


@pytest.fixture
def model(tmp_path, monkeypatch, digits):
    monkeypatch.chdir(tmp_path)
    network = Sequential(LAYERS, (6, 9, 3), seed=3)
    save_model(tmp_path / "m.safetensors", network, images=of_digits(digits))
    return network


def evaluated(*arguments):
    done = small.run("evaluate", "--run", "m.safetensors", "--data", "pictures", *arguments)
    assert done.code == 0, done.err
    return done


def test_json_has_the_figures_of_each_class_and_the_matrix(model, digits):
    value = json.loads(evaluated("--json").out)
    found = model.probabilities(digits.x_valid).argmax(axis=1)
    counts = confusion_matrix(digits.y_valid, found, 4)
    assert value["confusion_matrix"] == counts.counts.tolist()
    assert [row["class"] for row in value["classes"]] == list(NAMES)
    assert [row["recall"] for row in value["classes"]] == counts.recall
    assert [row["precision"] for row in value["classes"]] == counts.precision
    assert value["accuracy"] == sum(row["right"] for row in value["classes"]) / value["images"]


def test_the_text_names_the_classes(model, digits):
    out = evaluated().out
    assert out.startswith("m.safetensors, 20 valid images of pictures: loss ")
    rows = [line for line in out.splitlines() if line.startswith(NAMES)]
    assert len(rows) == 4 and rows[0].split()[:3] == ["red", "cup", str(np.count_nonzero(digits.y_valid == 0))]
    assert "3 قط" in out and "confusion matrix: a row for each class" in out


def test_wide_letters_and_long_names_keep_the_columns():
    counts = confusion_matrix(np.array([0, 1, 2]), np.array([0, 2, 2]), 3)
    lines = _text(counts, ("猫猫", "x" * 50, "a\nb"))
    assert lines[2] == f"猫猫{' ' * 36}       1      1  100.0 %    100.0 %"
    assert lines[3] == f"{'x' * 39}…       1      0    0.0 %          —"
    assert lines[4].startswith("a�b ")


def test_many_classes_give_the_worst_ones():
    labels = np.arange(40).repeat(2)
    found = labels.copy()
    found[6], found[7] = 5, 9
    lines = _text(confusion_matrix(labels, found, 40), tuple(f"n{k:02}" for k in range(40)))
    assert lines[1] == "the 20 classes with the lowest recall, of 40 with images (--json gives all):"
    assert lines[3].split()[:3] == ["n03", "2", "0"]
    assert lines[-3:] == ["class  predicted  times", "n03    n05            1", "n03    n09            1"]


def test_numbers_that_json_does_not_have_become_null(model, digits, tmp_path):
    network = Sequential(LAYERS, (6, 9, 3), seed=3)
    network.flat[...] = 3e38
    save_model(tmp_path / "m.safetensors", network, images=of_digits(digits))
    out = evaluated("--json").out
    assert json.loads(out)["loss"] is None
    assert "NaN" not in out and "Infinity" not in out


def test_other_classes_are_refused_with_both_lists(model, digits, monkeypatch):
    other = replace(digits, class_names=("red cup", "dog", "hare", "fox"))
    monkeypatch.setattr("convlens.data.load", lambda data, **_: other)
    message = small.fails("evaluate", "--run", "m.safetensors", "--data", "pictures")
    assert message == (
        "the classes of the data must be the network's, red cup, Grün <b>, 猫, قط; arrays has red cup, dog, hare, fox"
    )


def test_a_change_of_the_images_is_told(model, monkeypatch):
    grey = coloured(60, size=(6, 9), channels=1)
    monkeypatch.setattr("convlens.data.load", lambda data, **_: grey)
    assert "takes colour images, so they were converted" in evaluated("--json").err


# Data in files -------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of coloured pictures by class, and a network for pictures of another size in the same folder."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(2)
    for name in ("red cup", "猫"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for k in range(10):
            picture = Image.fromarray(rng.integers(0, 256, (12, 18, 3)).astype(np.uint8))
            picture.save(tmp_path / "pictures" / name / f"{k}.png")
    network = Sequential((Flatten(), Dense(4)), (6, 9, 3), seed=3)
    save_model(tmp_path / "m.safetensors", network, images=Images(NAMES, 1 / 256, None, (6, 9), True))
    return tmp_path


def test_a_folder_of_pictures_is_scaled_to_the_size_of_the_network(folder):
    value = json.loads(small.run("evaluate", "--run", "m.safetensors", "--data", "pictures", "--json").out)
    assert (value["part"], value["images"]) == ("valid", 4)
    assert [row["images"] for row in value["classes"]] == [2, 0, 2, 0]
    assert [row["recall"] is None for row in value["classes"]] == [False, True, False, True]


def test_all_parts_can_be_evaluated_at_once(folder):
    done = small.run("evaluate", "--run", "m.safetensors", "--data", "pictures", "--part", "all", "--json")
    value = json.loads(done.out)
    assert (value["part"], value["images"], np.sum(value["confusion_matrix"])) == ("all", 20, 20)
    assert "note: 4 of 20 pictures are held back to validate" in done.err


def test_another_size_is_refused_with_both(folder):
    message = small.fails("evaluate", "--run", "m.safetensors", "--data", "pictures", "--size", "9x12")
    assert message == (
        "the images must have the size of the network's, 9x6 (width x height); those of pictures are 9x12"
    )


def test_options_of_data_need_data(folder):
    message = small.fails("evaluate", "--run", "m.safetensors", "--size", "9x6")
    assert message.startswith("--size, --skip-broken and --transposed need --data")
