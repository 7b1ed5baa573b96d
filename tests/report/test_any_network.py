"""The report of any network on any pictures: colours, other shapes, names of classes, many classes, other layers."""

import io
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image
from tests.support.coloured import NAMES, coloured, trained_run
from tests.support.html_page import Page, least_certain

from convlens.inspection.trace import trace
from convlens.nn import (
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    MaxPooling2D,
    ReLU,
    Rescaling,
    SeparableConv2D,
    Softmax,
    ZeroPadding2D,
)
from convlens.report import report
from convlens.report.figures import colours
from convlens.report.page import percent
from convlens.report.pixels import in_colour

pytest.importorskip("matplotlib")

CONVNET = (
    Conv2D(5, (3, 2), activation="relu"),
    MaxPooling2D((2, 3)),
    Dropout(0.3),
    Conv2D(7, 1),
    Flatten(),
    Dense(4, activation="softmax"),
)


def read(run, digits):
    return Page(report.write_report(run, digits).read_text(encoding="utf-8"))


def pixels(image):
    return np.asarray(Image.open(io.BytesIO(b64decode(image["src"].partition(",")[2]))))


@pytest.fixture(scope="module")
def digits():
    return coloured(notes=("2 labels were <renamed>.",))


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory):
    return trained_run(tmp_path_factory.mktemp("any"), CONVNET, digits)


@pytest.fixture(scope="module")
def page(run, digits):
    return read(run, digits)


def test_names_of_classes_are_everywhere(page, run, digits):
    head, *rows = page.tables["confusion-matrix"][0]
    assert head == ["true", *NAMES, "images", "right"]
    assert [row[0] for row in rows] == list(NAMES)
    assert [row[0] for row in page.tables["one-image-through-the-network"][0][1:]] == list(NAMES)
    assert [row[0] for row in page.tables["data"][0][1:]] == [*NAMES, "all"]
    found = run.trained.probabilities(digits.x_valid).argmax(axis=1)
    wrong = np.flatnonzero(found != digits.y_valid)
    assert min(24, len(wrong)) == len(page.cards) > 0
    for card in page.cards:
        place = int(card.split("no. ")[1])
        said = card.replace("  ", " ").strip()
        assert said.startswith(f"{NAMES[digits.y_valid[place]]} predicted as {NAMES[found[place]]} ")


def test_names_are_escaped_and_keep_their_direction(page):
    assert "<b>\n" not in page.text and "Grün &lt;b&gt;" in page.text and "Grün <b>" not in page.text
    assert "<bdi>قط</bdi>" in page.text
    assert "<li>2 labels were &lt;renamed&gt;.</li>" in page.text


def test_coloured_pictures_keep_their_colours_and_shape(page, run, digits):
    k = least_certain(run, digits)
    (image,) = [image for image in page.of("img") if image["alt"] == f"label {NAMES[digits.y_valid[k]]}"]
    np.testing.assert_array_equal(pixels(image), np.rint(digits.x_valid[k] * 255))
    assert (int(image["width"]), int(image["height"])) == (17 * 8, 12 * 8)


def test_kernels_of_colour_images_are_drawn_in_colour(page, run):
    start = page.text.index('aria-label="5 kernels"')
    images = Page(page.text[page.text.index("<img", start) : page.text.index("</div>", start)]).of("img")
    painted = in_colour(run.trained.named_weights()["conv2d/kernel"])
    assert painted.shape == (5, 3, 2, 4) and len(images) == 5
    for image, kernel in zip(images, painted, strict=True):
        np.testing.assert_array_equal(pixels(image), kernel)


def test_grey_is_0_in_a_coloured_kernel(rng):
    kernel = rng.uniform(-1, 1, (3, 2, 3, 4))
    kernel[0, 0, :, 0], kernel[2, 1, :, 3] = 0, (2, -2, 0)
    painted = in_colour(kernel)
    assert abs(painted[0, 0, 0, :3].astype(int) - 127.5).max() < 1
    assert painted[3, 2, 1].tolist() in ([255, 0, 127, 255], [255, 0, 128, 255])


def test_feature_maps_of_every_layer_are_drawn(page, run, digits):
    k = least_certain(run, digits)
    passed = trace(run.trained, digits.x_valid[k : k + 1], digits.y_valid[k : k + 1])
    assert f"Image no. {k}: of all validation images that are predicted right" in page.text
    words = page.words["one-image-through-the-network"]
    for layer in passed.layers:
        assert f"{layer.name} {layer.kind}, {' × '.join(map(str, layer.output.shape[1:]))}, from " in words
    assert words.count("The same numbers as its input.") == 1, "dropout changes nothing at prediction"
    start = page.text.index('aria-label="7 feature maps of 5 × 5"')
    images = Page(page.text[page.text.index("<img", start) : page.text.index("</div>", start)]).of("img")
    painted = colours(passed.layers[3].output[0].transpose(2, 0, 1))
    for image, map_ in zip(images, painted, strict=True):
        np.testing.assert_array_equal(pixels(image), map_)
    start = page.text.index('aria-label="gradient of conv2d_1"')
    images = Page(page.text[page.text.index("<img", start) : page.text.index("</div>", start)]).of("img")
    painted = colours(passed.layers[3].d_output[0].transpose(2, 0, 1), signed=True)
    for image, map_ in zip(images, painted, strict=True):
        np.testing.assert_array_equal(pixels(image), map_)


def test_the_data_section_counts_the_classes(page, digits):
    head, *rows = page.tables["data"][0]
    assert head == ["label", "training", "validation"]
    assert rows[-1] == ["all", "80", "40"]
    assert [int(row[1]) for row in rows[:-1]] == np.bincount(digits.y_train).tolist()
    assert "4 classes; colour images of 12 × 17 pixels (height × width), 8 bits a channel" in page.words["data"]
    assert "the pixels times 1/256" in page.words["data"]


@pytest.mark.parametrize(
    ("layers", "size", "channels"),
    [
        ((Flatten(), Dense(4)), (5, 3), 1),
        ((Conv2D(4, (7, 5)), Flatten()), (7, 5), 3),
        ((AveragePooling2D((1, 2)), Conv2D(6, 1), Conv2D(4, (6, 4)), Flatten()), (6, 9), 2),
        ((Conv2D(3, (3, 4), strides=(9, 8), activation="relu"), Flatten(), Dense(4)), (90, 150), 3),
    ],
    ids=["no convolution", "one convolution", "no dense layer", "large pictures"],
)
def test_other_networks_and_shapes(tmp_path, layers, size, channels):
    digits = coloured(36, size=size, channels=channels)
    page = read(trained_run(tmp_path, layers, digits), digits)
    assert len(page.of("section")) == 9 and len(page.text) < 900_000
    none = "the network has no hidden activations" in page.words["images-that-look-alike-to-the-network"]
    assert none == (len(layers) == 2 and isinstance(layers[0], Conv2D))


@pytest.mark.parametrize(
    ("name", "value", "option", "shown"),
    [
        ("size", (48, 64), "--size 64x48", "64x48"),
        ("skip_broken", True, "--skip-broken", "yes"),
        ("skip_broken", False, "", "no"),
        ("transposed", False, "--no-transposed", "no"),
        ("augment", "", "", "none"),
        ("class_weights", "a b=1,c=2", "--class-weights 'a b=1,c=2'", "a b=1,c=2"),
        ("class_weights", "", "", "none"),
        ("dropout", None, "", "none"),
        ("data", "my pictures", "--data 'my pictures'", "my pictures"),
    ],
)
def test_settings_as_options_of_the_command_line(name, value, option, shown):
    assert report._command(name, value) == option
    assert report._setting(name, value) == shown


RESIDUAL = (
    Rescaling(2.0, offset=-0.5),
    ZeroPadding2D(((1, 0), (2, 1))),
    Conv2D(6, (3, 2), use_bias=False),
    BatchNormalization(),
    Activation("relu"),
    Add((Conv2D(6, 3, padding="same"), BatchNormalization(), ReLU())),
    GlobalAveragePooling2D(),
    Dense(4),
    Softmax(),
)
DEPTHWISE = (
    DepthwiseConv2D((2, 3), depth_multiplier=2),
    SeparableConv2D(5, (3, 2), padding="same", activation="relu"),
    Conv2D(4, 1),
    GlobalAveragePooling2D(),
)


@pytest.mark.parametrize("layers", [RESIDUAL, DEPTHWISE], ids=["residual", "depthwise"])
def test_layers_of_small_networks(tmp_path, layers):
    digits = coloured(40, size=(7, 10))
    run = trained_run(tmp_path, layers, digits)
    page = read(run, digits)
    words = page.words["one-image-through-the-network"]
    for row in run.trained.table:
        assert f"{row.name} {type(row.layer).__name__}, {' × '.join(map(str, row.output_shape))}, from " in words
    assert "kernels of " in words
    shown = page.tables["one-image-through-the-network"][0][1:]
    k = least_certain(run, digits)
    probabilities = run.trained.probabilities(digits.x_valid[k : k + 1])[0]
    assert [row[2] for row in shown] == [percent(p) for p in probabilities]
    alike = page.words["images-that-look-alike-to-the-network"]
    assert f"computes {6 if layers is RESIDUAL else 5} numbers for each image" in alike
    rows = page.tables["layers"][0]
    assert [row[0] for row in rows[1:-1]] == [row.name for row in run.trained.table]
    assert rows[-1][-1] == f"{run.trained.count_params():,}"
    ends = "The network ends in a softmax, which training computes as part of the loss." in page.words["layers"]
    assert ends == (layers is RESIDUAL)
    if layers is RESIDUAL:
        assert rows[3][2] == "filters 6, kernel_size 3 × 2, strides 1 × 1, padding valid, use_bias False"
        assert rows[6][2].startswith("branch [Conv2D(filters 6, kernel_size 3 × 3, strides 1 × 1, padding same), Batch")
        assert rows[6][2].endswith("ReLU()]")


def test_kernels_of_a_depthwise_layer_are_above_their_feature_maps(tmp_path):
    digits = coloured(40, size=(7, 10))
    run = trained_run(tmp_path, DEPTHWISE, digits)
    page = read(run, digits)
    kernel = run.trained.named_weights()["depthwise_conv2d/kernel"]
    start = page.text.index('aria-label="6 kernels"')
    images = Page(page.text[page.text.index("<img", start) : page.text.index("</div>", start)]).of("img")
    for k, image in enumerate(images):
        np.testing.assert_array_equal(pixels(image), colours(kernel, signed=True)[:, :, k // 2, k % 2])
    assert len(images) == 6 and "each above its feature map" in page.words["one-image-through-the-network"]


def test_many_classes_are_listed_and_not_drawn_as_a_matrix(tmp_path):
    names = [f"class {k:03} {'of a long name' * (k % 3)}" for k in range(140)]
    digits = coloured(700, names, (6, 5))
    run = trained_run(tmp_path, (Flatten(), Dense(140, activation="softmax")), digits)
    page = read(run, digits)
    found = run.trained.probabilities(digits.x_valid).argmax(axis=1)
    counts = np.zeros((140, 140), int)
    np.add.at(counts, (digits.y_valid, found), 1)
    np.fill_diagonal(counts, 0)
    pairs, worst = page.tables["confusion-matrix"]
    assert pairs[0] == ["true label", "predicted as", "times", "of the label's images"] and len(pairs) == 21
    assert int(pairs[1][2]) == counts.max()
    assert worst[0] == ["true label", "images", "right", "fraction right"] and len(worst) == 21
    assert len(page.tables["one-image-through-the-network"][0]) - 1 in (10, 11)
    assert page.tables["data"][0][0] == ["part", "images", "of the smallest class", "of the largest class", "its share"]
    assert len(page.text) < 500_000
    assert 'title="class 002 of a long nameof a long name"' in page.text or "class 002" not in page.text


def test_a_deep_network_shows_fewer_maps_of_each_layer(tmp_path):
    layers = (*(Conv2D(40, (2, 3), padding="same", activation="relu") for _ in range(20)), Flatten(), Dense(4))
    digits = coloured(20, size=(4, 5))
    page = read(trained_run(tmp_path, layers, digits), digits)
    assert page.words["one-image-through-the-network"].count("The first 32 of 40.") == 2 * 21
    assert len(page.text) < 600_000
