"""convlens.report: one HTML file that needs no other file. All its numbers agree with the run."""

import io
import re
import sys
from base64 import b64decode
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tests.support import small
from tests.support.html_page import NBSP, Page, least_certain

import convlens
from convlens.data import from_arrays
from convlens.inspection.neighbours import hidden
from convlens.inspection.trace import trace
from convlens.report import report
from convlens.report.figures import colours
from convlens.report.page import percent
from convlens.training import Run, Settings, load_model
from convlens.training.run import REPORT

pytest.importorskip("matplotlib")


def pixels(image):
    return np.asarray(Image.open(io.BytesIO(b64decode(image["src"].partition(",")[2]))))


def made(folder, digits, **settings):
    run = Run.start(folder, Settings(**settings), digits)
    for _ in run.train(digits, threads=1):
        pass
    return run


def read(run, digits):
    path = report.write_report(run, digits)
    assert path == run.folder / REPORT
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def digits():
    """Some of the embedded digits. The validation part has no 8."""
    whole = convlens.load("embedded")
    seen = np.flatnonzero(whole.y_valid != 8)[:150]
    return from_arrays(whole.x_train[:300], whole.y_train[:300], whole.x_valid[seen], whole.y_valid[seen])


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory):
    return made(tmp_path_factory.mktemp("report") / "run", digits, epochs=3, seed=4)


@pytest.fixture(scope="module")
def page(run, digits):
    return read(run, digits)


@pytest.mark.smoke
def test_one_epoch_is_enough_and_the_page_loads_no_other_file(tmp_path):
    digits = small.digits()
    page = read(made(tmp_path / "a", digits, epochs=1), digits)
    assert "http://" not in page.text and "https://" not in page.text
    for forbidden in ("<script", "<link", "<base", "<iframe", "@import", "url(http"):
        assert forbidden not in page.text
    for _, attributes in page.tags:
        assert attributes.get("src", "data:").startswith("data:")
        assert attributes.get("href", "#").startswith("#")
        assert not any(name.startswith("on") for name in attributes)
    assert page.headline()["epochs"] == "1"
    assert len(page.text) < 1_500_000


def test_the_page_has_a_language_a_title_and_unique_ids(page):
    assert page.text.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert page.of("meta")[0] == {"charset": "utf-8"}
    assert page.of("meta")[1]["name"] == "viewport"
    assert "prefers-color-scheme: dark" in page.text and "@media print" in page.text
    assert [len(page.of(tag)) for tag in ("h1", "main", "title")] == [1, 1, 1]
    assert len(page.of("h2")) == len(page.of("section")) == 9
    assert len(page.text.encode()) < 300_000
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_pictures_decode_and_have_alternative_texts(page):
    images = page.of("img")
    assert len(images) > 6 + 6 + 6 + 16 + 16 + 6 * 6
    for image in images:
        head, _, body = image["src"].partition(",")
        assert head == "data:image/png;base64"
        picture = Image.open(io.BytesIO(b64decode(body, validate=True)))
        picture.load()
        assert int(image["width"]) % picture.width == 0 and int(image["height"]) % picture.height == 0
        assert "alt" in image
    groups = [a for a in page.of("div") + page.of("svg") if a.get("role") == "img"]
    assert len(groups) == 2 + 5 + 6 and all(group["aria-label"] for group in groups)


def test_the_table_of_epochs_agrees_with_the_history(page, run):
    head, *rows = page.tables["epochs"][0]
    assert head == ["epoch", "loss", "accuracy", "validation loss", "validation accuracy", "seconds", "images a second"]
    assert rows == [
        [
            str(e["epoch"]),
            f"{e['loss']:.4f}",
            f"{e['accuracy'] * 100:.2f}{NBSP}%",
            f"{e['val_loss']:.4f}",
            f"{e['val_accuracy'] * 100:.2f}{NBSP}%",
            f"{e['seconds']:,.2f}",
            f"{e['images_per_second']:,.0f}",
        ]
        for e in run.history()["epochs"]
    ]
    assert len(rows) == 3


def test_the_headline_shows_the_last_epoch(page, run):
    last, seconds = run.epochs[-1], sum(e.seconds for e in run.epochs)
    assert page.headline() == {
        "validation accuracy": percent(last.val_accuracy),
        "validation loss": f"{last.val_loss:.4f}",
        "epochs": "3",
        "seconds of training": f"{seconds:,.2f}",
        "images a second": f"{3 * 300 / seconds:,.0f}",
        "parameters": "61,706",
        "engine": run.model.engine.name,
        "data": "embedded",
        "seed": "4",
    }


def test_with_early_stopping_the_kept_epoch_is_shown(tmp_path, digits):
    run = made(tmp_path / "run", digits, epochs=40, early_stopping=1, learning_rate=0.01)
    assert run.best == len(run.epochs) - 1 < 39
    page, kept = read(run, digits), run.epochs[-2]
    assert page.headline()["validation accuracy"] == percent(kept.val_accuracy)
    assert page.headline()["epochs"] == f"{len(run.epochs)} (kept: {kept.epoch})"
    counts = np.array([row[1:11] for row in page.tables["confusion-matrix"][0][1:]]).astype(int)
    assert np.trace(counts) == round(kept.val_accuracy * len(digits.y_valid))
    found = load_model(run.folder, "numpy").predict(digits.x_valid).argmax(axis=1)
    assert (run.model.predict(digits.x_valid).argmax(axis=1) != found).any(), "the last epoch predicts the same"
    np.testing.assert_array_equal(counts.sum(axis=0), np.bincount(found, minlength=10))
    assert "--early-stopping 1" in page.words["settings"]


def test_the_confusion_matrix_counts_the_saved_models_predictions(page, run, digits):
    found = load_model(run.folder, "numpy").predict(digits.x_valid).argmax(axis=1)
    head, *rows = page.tables["confusion-matrix"][0]
    assert head == ["true", *map(str, range(10)), "images", "right"]
    for k, (label, *cells) in enumerate(rows):
        mine = digits.y_valid == k
        counts = [np.count_nonzero(found[mine] == j) for j in range(10)]
        assert label == str(k) and cells[:10] == [str(n) for n in counts]
        assert cells[10:] == [str(mine.sum()), percent(counts[k] / mine.sum(), 1) if mine.any() else "—"]
    assert rows[8][11:] == ["0", "—"]
    wrong = np.count_nonzero(found != digits.y_valid)
    assert f"{150 - wrong} right, {wrong} wrong" in page.words["confusion-matrix"]


def test_the_most_frequent_confusion_is_named(page):
    rows = page.tables["confusion-matrix"][0][1:]
    times, k, j = max((int(n), -k, -j) for k, row in enumerate(rows) for j, n in enumerate(row[1:11]) if k != j)
    assert f"Most frequent mistakes: {-k} predicted as {-j} ({times} time" in page.words["confusion-matrix"]


def test_the_mistakes_are_those_with_the_highest_loss(page, run, digits):
    model = load_model(run.folder, "numpy")
    passed = trace(model, digits.x_valid, digits.y_valid)
    found = passed.probabilities.argmax(axis=1)
    wrong = [k for k in np.argsort(-passed.loss, kind="stable") if found[k] != digits.y_valid[k]]
    assert len(wrong) > 24 and len(page.cards) == 24
    pictures = [image for image in page.of("img") if "predicted" in image["alt"]]
    for k, card, image in zip(wrong[:24], page.cards, pictures[:24], strict=True):
        true, wrongly, p = digits.y_valid[k], found[k], passed.probabilities[k]
        probabilities = f"{wrongly}: {percent(p[wrongly], 1)} {true}: {percent(p[true], 1)}"
        assert card == f"{true} predicted as {wrongly} {probabilities} loss {passed.loss[k]:.2f} no. {k} "
        assert image["alt"] == f"label {true}, predicted {wrongly}"
        np.testing.assert_array_equal(pixels(image), np.rint(digits.x_valid[k, :, :, 0] * 255))


def nearest_of(run, digits, place):
    """Indices and distances of the five nearest training images, computed directly from the paper's definition."""
    h, t = hidden(run.trained, digits.x_valid[place : place + 1]), hidden(run.trained, digits.x_train)
    d = [float(np.linalg.norm(h[0].astype(np.float64) - row)) for row in t]
    order = sorted(range(len(d)), key=lambda i: (d[i], i))[:5]
    return order, [d[i] for i in order]


def test_the_nearest_images_are_those_of_the_hidden_layer(page, run, digits):
    found = load_model(run.folder, "numpy").predict(digits.x_valid)
    predicted, loss = found.argmax(axis=1), -np.log(found[np.arange(150), digits.y_valid])
    wrong = [k for k in np.argsort(-loss, kind="stable") if predicted[k] != digits.y_valid[k]]
    first = [digits.y_valid.tolist().index(label) for label in sorted(set(digits.y_valid.tolist()))]
    n = len(first)
    assert 5 < n < 10
    pictures = [image for image in page.of("img") if image["alt"].startswith(("validation", "training"))]
    assert len(pictures) == 6 * (n + 6)
    text, same = "", []
    for q, place in enumerate([*first, *wrong[:6]]):
        own, *others = pictures[6 * q : 6 * q + 6]
        true = digits.y_valid[place]
        verdict = "right" if predicted[place] == true else f"predicted as {predicted[place]}"
        assert own["alt"].startswith(f"validation image {place}, label {true}, {verdict}")
        np.testing.assert_array_equal(pixels(own), np.rint(digits.x_valid[place, :, :, 0] * 255))
        text += f"{true} {verdict}no. {place}"
        places, distances = nearest_of(run, digits, place)
        for k, distance, image in zip(places, distances, others, strict=True):
            assert image["alt"] == f"training image {k}, label {digits.y_train[k]}"
            np.testing.assert_array_equal(pixels(image), np.rint(digits.x_train[k, :, :, 0] * 255))
            text += f"{digits.y_train[k]}{distance:.2f}no. {k}"
        text += "\n"
        same.append(np.count_nonzero(digits.y_train[places] == true))
    words = page.words["images-that-look-alike-to-the-network"]
    before, _, after = words.partition("The first image of each label")
    assert "computes 84 numbers for each image" in before and "the 5 training images" in before
    assert f"{sum(same[:n])} of the {5 * n} nearest have the same label" in after
    assert f"of the 30 nearest, {sum(same[n:])} have the true label" in after
    lines = [line for line in after.splitlines() if "no. " in line]
    assert lines == text.splitlines()
    assert page.text.count('class="other"') == 5 * (n + 6) - sum(same)


def test_the_kernels_of_the_first_layer_come_from_the_kept_weights(page, run):
    names = [a["aria-label"] for a in page.of("div") if a.get("role") == "img"]
    assert [name for name in names if "kernels" in name] == ["6 kernels", "gradient of the 6 kernels"]
    start = page.text.index('aria-label="6 kernels"')
    images = Page(page.text[page.text.index("<img", start) : page.text.index("</div>", start)]).of("img")
    kernel = run.trained.layer_weights[0]["kernel"]
    painted = colours(kernel, signed=True)
    assert len(images) == 6 and "after training: what the first convolution looks for" in page.text
    for k, image in enumerate(images):
        np.testing.assert_array_equal(pixels(image), painted[:, :, 0, k])


def test_one_image_is_shown_in_every_layer(page, run, digits):
    k = least_certain(run, digits)
    passed = trace(run.trained, digits.x_valid[k : k + 1], digits.y_valid[k : k + 1])
    words = page.words["one-image-through-the-network"]
    for layer in passed.layers:
        sizes = " × ".join(map(str, layer.output.shape[1:]))
        assert f"{layer.name} {layer.kind}, {sizes}, from " in words
    rows = page.tables["one-image-through-the-network"][0][1:]
    for k, row in enumerate(rows):
        logit = f"{passed.logits[0, k]:.2f}".replace("-", "−")
        assert row == [str(k), logit, percent(passed.probabilities[0, k]), ""]
    assert len(rows) == 10


def test_layers_and_settings(page, run, digits):
    rows = page.tables["layers"][0]
    options = "filters 6, kernel_size 5 × 5, strides 1 × 1, padding same, activation relu"
    assert rows[1] == ["conv2d", "Conv2D", options, "28 × 28 × 1", "28 × 28 × 6", "156"]
    assert [row[0] for row in rows[1:-1]] == [row.name for row in run.model.table]
    assert rows[-1] == ["all", "", "", "", "", "61,706"]
    settings = dict(page.tables["settings"][0][1:])
    assert settings["batch size"] == "32" and settings["early stopping"] == "none"
    assert settings["images"] == "300 to train, 150 to validate"
    assert settings["sha256 of the data"] == digits.fingerprint
    assert settings["state"] == "3 of 3 epochs done"


def test_the_command_trains_the_same_again(page, run, digits, tmp_path, monkeypatch):
    (command,) = re.findall(r"convlens train (.*)", page.words["settings"])
    monkeypatch.setattr(convlens.data, "load", lambda data, **options: digits)
    monkeypatch.setattr("convlens.report.write_report", lambda run, digits: "none")
    done = small.run("train", *command.split(), "--out", tmp_path / "again")
    assert done.code == 0, done.err
    np.testing.assert_array_equal(Run.open(tmp_path / "again").trained.flat, run.trained.flat)


def test_the_same_run_gives_the_same_bytes(page, run, digits):
    opened = Run.open(run.folder)
    assert report.write_report(opened, digits).read_text(encoding="utf-8") == page.text


def test_strings_of_the_user_are_escaped(run, digits, tmp_path):
    evil = Run.open(run.folder)
    evil.folder = tmp_path
    evil.settings = replace(evil.settings, data="/a b/<script>alert('&\")")
    page = read(evil, digits)
    assert "<script" not in page.text
    assert page.headline()["data"] == "&lt;script&gt;alert(&#x27;&amp;&quot;)"
    assert dict(page.tables["settings"][0])["data"] == evil.settings.data
    assert """--data '/a b/<script>alert('"'"'&")'""" in page.words["settings"]


def test_a_report_of_two_classes_without_mistakes(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.random((80, 28, 28)) * 0.1
    y = np.arange(80) % 2
    x[y == 1, 8:20, 8:20] += 0.8
    digits = from_arrays(x[:60], y[:60], x[60:], y[60:])
    run = made(tmp_path / "run", digits, epochs=6, learning_rate=0.005, batch_size=10)
    page = read(run, digits)
    assert page.headline()["validation accuracy"] == f"100.00{NBSP}%"
    assert page.cards == [] and "None: all 20 validation images are predicted right." in page.words["worst-mistakes"]
    assert "10 of the 10 nearest have the same label" in page.words["images-that-look-alike-to-the-network"]
    assert "the true label" not in page.words["images-that-look-alike-to-the-network"]
    assert page.tables["confusion-matrix"][0] == [
        ["true", "0", "1", "images", "right"],
        ["0", "10", "0", "10", f"100.0{NBSP}%"],
        ["1", "0", "10", "10", f"100.0{NBSP}%"],
    ]


# Errors


@pytest.mark.smoke
def test_nothing_to_report_before_the_first_epoch(tmp_path):
    digits = small.digits()
    run = Run.start(tmp_path / "run", Settings(), digits)
    with pytest.raises(ValueError, match=r"needs at least one epoch of training; .*run has none yet"):
        report.write_report(run, digits)
    assert not (run.folder / REPORT).exists()


def test_other_data_are_refused(run):
    with pytest.raises(
        ValueError, match=r"a report needs the data of its run, sha256 [0-9a-f]{12}…; arrays has [0-9a-f]{12}…"
    ):
        report.write_report(run, small.digits())


def test_without_matplotlib_the_error_names_the_extra_and_the_old_report_stays(run, digits, page, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"need matplotlib, which is not installed: pip install 'convlens\[plots\]'$"):
        report.write_report(run, digits)
    assert (run.folder / REPORT).read_text(encoding="utf-8") == page.text


def test_a_failure_leaves_the_old_report_and_nothing_else(run, digits, page, monkeypatch):
    def broken(*_):
        raise OSError("the disk is on fire")

    before = sorted(run.folder.iterdir())
    monkeypatch.setattr("convlens.storage.atomic.os.fsync", broken)
    with pytest.raises(OSError, match="the disk is on fire"):
        report.write_report(run, digits)
    assert sorted(run.folder.iterdir()) == before
    assert (run.folder / REPORT).read_text(encoding="utf-8") == page.text
