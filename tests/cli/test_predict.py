"""`convlens predict` on photographs: several digits, doubts, what the network saw; and on runs of other pictures."""

import json

import numpy as np
import pytest
from PIL import Image
from tests.support import small

from convlens.cli import train as cli_train
from convlens.data import load
from convlens.models.lenet5 import lenet5
from convlens.nn import Conv2D, Dense, Flatten, Sequential
from convlens.training import save_model
from convlens.training.stored_images import Images


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory):
    """A working folder with a run of the embedded digits and a few photographs."""
    folder = tmp_path_factory.mktemp("place")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("os.fsync", lambda handle: None)
        patch.setattr(cli_train, "_report", lambda run, digits: None)
        assert small.run("train", "--epochs", 3, "--out", "digits").code == 0
        embedded = load("embedded")
        rows = [np.flatnonzero(embedded.y_valid == label)[7] for label in range(10)]
        digits = np.rint(embedded.x_valid[rows, ..., 0] * 256).astype(np.uint8)
        sheet = Image.new("L", (500, 300), 235)
        for k, label in enumerate((4, 0, 7)):
            drawn = Image.fromarray(digits[label]).resize((140, 140), Image.Resampling.BICUBIC)
            sheet.paste(drawn.point(lambda value: 235 - value * 4 // 5), (30 + 145 * k, 80))
        sheet.save("several.jpg", quality=90)
        sheet.crop((20, 60, 180, 240)).save("four.png")
        sheet.crop((310, 60, 470, 240)).rotate(90, expand=True, fillcolor=235).save("turned.png")
        content = (folder / "several.jpg").read_bytes()
        (folder / "cut.jpg").write_bytes(content[:-30])
        yield folder


def predict(*arguments, run="digits"):
    return small.run("predict", *arguments, "--run", run)


def test_each_digit_has_a_line_from_left_to_right():
    done = predict("several.jpg", "four.png")
    assert (done.code, done.err) == (0, "")
    said = [line.split(" (")[0] for line in done.out.splitlines()]
    assert said == ["several.jpg: 4", "several.jpg: 0", "several.jpg: 7", "four.png: 4"]


def test_a_turned_picture_is_unsure():
    (row,) = json.loads(predict("turned.png", "--json").out)
    assert row["unsure"] and row["digit"] is None and row["class"] is None
    assert "the picture may be turned by 90°" in row["why"]
    line = predict("turned.png").out
    assert line.startswith(f"turned.png: unsure, looks like {row['looks_like']} ({row['probability']:.0%}): ")


def test_remarks_go_to_standard_error():
    done = predict("cut.jpg")
    assert done.code == 0 and len(done.out.splitlines()) == 3
    assert done.err.startswith("cut.jpg: the file is cut off: ")
    rows = json.loads(predict("cut.jpg", "--json").out)
    assert all(row["remarks"][0].endswith("% of its rows are missing") for row in rows)


def test_show_writes_what_the_network_saw(place):
    done = predict("several.jpg", "--show", "shown")
    assert done.out.splitlines()[-1] == "several.jpg: what the network saw is in shown/several.png"
    with Image.open(place / "shown" / "several.png") as picture:
        assert picture.height == 280 and picture.width > 4 * 280
    (row,) = json.loads(predict("four.png", "--show", "shown", "--json").out)
    assert row["shown"] == "shown/four.png"
    before = (place / "four.png").read_bytes()
    done = predict("four.png", "--show", ".")
    assert done.code == 2 and "--show must name a folder other than that of four.png" in done.err
    assert (place / "four.png").read_bytes() == before


def test_a_run_of_dark_digits_at_another_scale_reads_the_same(place):
    """The network sees 255 - pixel in 0 … 255; its first kernel and bias undo it."""
    from convlens.training import load_model

    model = load_model("digits")
    weights = model.get_weights()
    kernel = weights[0].copy()
    images = Images(tuple("0123456789"), 1.0, False, (28, 28), False)
    weights[0] = -kernel / 256
    weights[1] = weights[1] + kernel.sum(axis=(0, 1, 2)) * 255 / 256
    model.set_weights(weights)
    save_model("dark.safetensors", model, images=images)
    (light,) = json.loads(predict("four.png", "--json").out)
    (dark,) = json.loads(predict("four.png", "--json", run="dark.safetensors").out)
    assert (dark["digit"], light["digit"]) == (4, 4)


def test_a_run_of_other_pictures_names_the_class_of_the_whole_picture(place):
    model = lenet5((36, 40, 3), 3)
    names = ("cat", "grey dog", "Ärger")
    save_model("animals.safetensors", model, images=Images(names, 1 / 255, None, (36, 40), True))
    level = np.random.default_rng(0).integers(0, 256, (36, 40, 3), dtype=np.uint8)
    Image.fromarray(level).save("animal.png")
    expected = model.probabilities((level / np.float32(255))[np.newaxis])[0]
    (row,) = json.loads(predict("animal.png", "--json", run="animals.safetensors").out)
    np.testing.assert_allclose(row["probabilities"], expected, rtol=0, atol=1e-5)
    assert row["class"] == names[int(expected.argmax())] and not row["unsure"]
    line = predict("animal.png", run="animals.safetensors").out
    assert line == f"animal.png: {row['class']} ({max(row['probabilities']):.1%})\n"


def test_a_run_of_clothes_with_the_names_of_digits_is_not_taken_for_handwriting(place):
    """Names 0 … 9 are not enough: the network must read the embedded digits. The whole picture goes in as it is."""
    model = lenet5((28, 28, 1), 10, seed=3)
    images = Images(tuple("0123456789"), 1 / 256, None, (28, 28), False)
    save_model("clothes.safetensors", model, images=images)
    level = np.random.default_rng(1).integers(0, 256, (28, 28), dtype=np.uint8)
    Image.fromarray(level).save("shirt.png")
    expected = model.probabilities((level / np.float32(256))[np.newaxis, ..., np.newaxis])[0]
    (row,) = json.loads(predict("shirt.png", "--json", run="clothes.safetensors").out)
    assert "digit" not in row and row["class"] == str(int(expected.argmax()))
    np.testing.assert_allclose(row["probabilities"], expected, rtol=0, atol=1e-5)


def test_show_writes_a_whole_picture_as_the_network_saw_it(place):
    save_model(
        "shapes.safetensors", lenet5((36, 40, 3), 3), images=Images(("a", "b", "c"), 1 / 255, None, (36, 40), True)
    )
    level = np.random.default_rng(1).integers(0, 256, (36, 40, 3), dtype=np.uint8)
    Image.fromarray(level).save("shape.png")
    done = predict("shape.png", "--show", "seen", run="shapes.safetensors")
    assert done.out.splitlines()[-1] == "shape.png: what the network saw is in seen/shape.png"
    with Image.open("seen/shape.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture)[::7, ::7], level)
    done = predict("shape.png", "--show", "shape.png", run="shapes.safetensors")
    assert done.code == 2 and "Traceback" not in done.err


@pytest.mark.parametrize(
    ("layers", "shape", "message"),
    [
        ([Dense(3)], (5,), "a network that takes pictures (h, w, 1) or (h, w, 3); that of net.safetensors takes (5,)"),
        ([Flatten(), Dense(3)], (6, 5, 2), "pictures (h, w, 1) or (h, w, 3); that of net.safetensors takes (6, 5, 2)"),
        ([Conv2D(3, (1, 2))], (6, 5, 1), "two classes at least; that of net.safetensors has the output (6, 4, 3)"),
        ([Flatten(), Dense(1)], (6, 5, 1), "two classes at least; that of net.safetensors has the output (1,)"),
    ],
)
def test_a_network_that_does_not_tell_classes_of_pictures_is_refused(layers, shape, message):
    save_model("net.safetensors", Sequential(layers, shape))
    done = predict("four.png", "turned.png", run="net.safetensors")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("convlens: predict needs ") and done.err.endswith(message + "\n")


def test_a_folder_is_no_picture(place):
    (place / "folder.png").mkdir()
    done = predict("folder.png")
    assert (done.code, done.out, done.err) == (2, "", "convlens: folder.png must be a picture; it is a folder\n")
