"""report.passes: the picture shows every layer of a trace and its numbers; nothing overlaps, for any network."""

import importlib.util
import io
import itertools
import re
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image
from tests.support.places import ROOT

from convlens.inspection.trace import trace
from convlens.models import build_model, usual
from convlens.models.lenet5 import lenet5
from convlens.nn import Conv2D, Dense, Flatten, Sequential
from convlens.report import figures, pixels
from convlens.report.passes import forward_and_backward

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def passed():
    rng = np.random.default_rng(3)
    return trace(lenet5(seed=2, engine="numpy"), rng.random((2, 28, 28, 1), np.float32), np.array([7, 0]))


def texts(figure):
    (axes,) = figure.axes
    return [text for text in axes.texts if text.get_text()]


def test_the_picture_names_every_layer_and_shape_and_number(passed):
    figure = forward_and_backward(passed)
    words = [text.get_text() for text in texts(figure)]
    for layer in passed.layers:
        if layer.kind != "Flatten":
            assert layer.name in words
    assert {"28 × 28 × 1", "5 × 5 × 1 × 6", "28 × 28 × 6", "14 × 14 × 6", "10 × 10 × 16", "5 × 5 × 16"} <= set(words)
    for p in passed.probabilities[0]:
        assert f"{p:.1%}" in words
    assert f"loss\n{passed.loss[0]:.2f}" in words
    assert len(figure.axes[0].images) == 2 * 8


def test_the_picture_shows_the_numbers_of_the_trace(passed):
    painted = [np.asarray(image.get_array()) for image in forward_and_backward(passed).axes[0].images]
    first, second, dense = passed.layers[0], passed.layers[2], passed.layers[5]
    np.testing.assert_array_equal(painted[0][2:-1:4, 2:-1:4, 0], pixels.grey(first.input[0]))
    for k, (values, signed) in enumerate(((dense.output, False), (dense.d_output, True))):
        np.testing.assert_array_equal(painted[12 + k][2:-1:3, 5], figures.colours(values[0], signed))
    for k, (values, signed) in enumerate(((second.output, False), (second.d_output, True))):
        maps = figures.colours(pixels.channels_first(values[0]), signed)
        top, left = 57 * 2, 57 * 3  # the third row and fourth column of four
        np.testing.assert_array_equal(painted[8 + k][top + 3 : top + 51 : 5, left + 3 : left + 51 : 5], maps[11])
    kernels = figures.colours(pixels.channels_first(first.d_weights["kernel"]), True)
    np.testing.assert_array_equal(painted[3][3:51:10, 3:51:10], kernels[0])


def boxes(figure):
    """The name and the (left, bottom, right, top) of each text and each picture in a figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer = FigureCanvasAgg(figure).get_renderer()
    found = [(text.get_text(), text.get_window_extent(renderer).extents) for text in texts(figure)]
    for k, image in enumerate(figure.axes[0].images):
        left, right, bottom, top = image.get_extent()
        found.append((f"picture {k}", (left, figure.bbox.height - bottom, right, figure.bbox.height - top)))
    return found


def check_apart(figure):
    """Assert that nothing overlaps or leaves the figure."""
    width, height = figure.bbox.size
    found = boxes(figure)
    for name, (left, bottom, right, top) in found:
        assert 0 <= left < right <= width and 0 <= bottom < top <= height, name
    for (name, one), (other_name, other) in itertools.combinations(found, 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, (name, other_name)


@pytest.mark.parametrize("scale", [0, 1, 2])
def test_nothing_in_the_picture_overlaps_or_leaves_it(scale):
    model = lenet5(seed=2, engine="numpy")
    model.flat *= scale
    x = np.random.default_rng(3).random((1, 28, 28, 1), np.float32)
    figure = forward_and_backward(trace(model, x, np.array([7])))
    check_apart(figure)
    assert len(boxes(figure)) > 50


@pytest.mark.parametrize(("name", "rows", "left_out"), [("resnet8", 2, 1), ("vgg_small", 4, 20)])
def test_a_deep_network_has_several_rows_and_says_which_maps_are_left_out(name, rows, left_out, rng):
    shape, classes = usual(name)
    model = build_model(name, engine="numpy")
    passed = trace(model, rng.random((1, *shape), np.float32), np.array([1]))
    figure = forward_and_backward(passed, [f"a class with the long name {k}" for k in range(classes)], 1)
    check_apart(figure)
    assert figure.bbox.size == pytest.approx((1600, 972 * rows))
    words = [text.get_text() for text in texts(figure)]
    assert words.count("Forward") == words.count("Backward") == rows
    assert words.count(f"loss\n{passed.loss[0]:.2f}") == 1
    drawn = [each for each in passed.layers if each.kind not in ("Flatten", "Dropout")]
    assert {each.name for each in drawn} <= set(words)
    assert len(figure.axes[0].images) == 2 * (len(drawn) + 1)  # with the image and the kernels, without the last layer
    assert len([word for word in words if re.fullmatch(r"the first \d+ of \d+", word)]) >= left_out


def test_large_pictures_and_many_classes(rng):
    model = Sequential((Conv2D(40, (9, 11), strides=(5, 7)), Flatten(), Dense(300)), (400, 500, 3), engine="numpy")
    passed = trace(model, rng.random((1, 400, 500, 3), np.float32), np.array([1]))
    figure = forward_and_backward(passed, None, 1)
    check_apart(figure)
    best = np.argsort(-passed.probabilities[0])[:12]
    words = [text.get_text() for text in texts(figure)]
    assert all(words.count(str(k)) == 2 for k in {*best.tolist(), 1})
    assert "the 12 most probable and the label" in words or 1 in best


@pytest.mark.parametrize("width", [640, 1001, 3200])
def test_a_png_has_the_width_that_is_asked(passed, width):
    picture = Image.open(io.BytesIO(figures.png(forward_and_backward(passed), width)))
    assert picture.width == width and picture.height == pytest.approx(972 * width / 1600, abs=1)


def test_pixels_are_exact_in_every_format(passed):
    """The image of the digit, in a PNG at its own size and in the pictures inside an SVG."""
    figure = forward_and_backward(passed)
    grey = pixels.grey(passed.layers[0].input[0])
    whole = np.asarray(Image.open(io.BytesIO(figures.png(figure))))[..., :3]
    left, _, bottom, _ = map(round, figure.axes[0].images[0].get_extent())
    np.testing.assert_array_equal(whole[bottom - 113 : bottom - 1 : 4, left + 2 : left + 113 : 4, 0], grey)
    for content, start in ((figures.svg_file(figure), b"<?xml"), (figures.pdf_file(figure), b"%PDF")):
        assert content.startswith(start)
    found = re.findall(r'href="data:image/png;base64,\s*([^"]+)"', figures.svg_file(figure).decode())
    assert len(found) == len(figure.axes[0].images)
    first = np.asarray(Image.open(io.BytesIO(b64decode(found[0]))).convert("RGB"))
    np.testing.assert_array_equal(first[2:-1:4, 2:-1:4, 0], grey)


def test_the_picture_is_the_same_each_time(passed):
    one, other = (figures.png(forward_and_backward(passed)) for _ in range(2))
    assert one == other
    assert Image.open(io.BytesIO(one)).size[0] == 1600


def test_a_picture_can_be_drawn_of_another_network(rng):
    model = Sequential((Conv2D(4, (3, 2)), Flatten(), Dense(700), Dense(3)), (11, 9, 3), engine="numpy")
    picture = forward_and_backward(trace(model, rng.random((1, 11, 9, 3), np.float32), np.array([1])))
    assert Image.open(io.BytesIO(figures.png(picture))).size[0] == 1600


def test_the_script_makes_a_picture_like_the_one_in_docs(tmp_path, monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("make_picture", ROOT / "scripts" / "make_picture.py")
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(script, "EPOCHS", 1)
    script.main(["--out", str(tmp_path / "new" / "picture.png")])
    assert "validation accuracy" in capsys.readouterr().out
    for path in (tmp_path / "new" / "picture.png", script.OUT):
        assert path.stat().st_size < 300_000
        assert Image.open(io.BytesIO(path.read_bytes())).size == (1600, 972)
