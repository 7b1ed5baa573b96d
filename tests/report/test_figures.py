"""report.figures and report.pixels: colours show the right numbers, labels do not overlap, settings are restored."""

import importlib.util
import io
import itertools
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from tests.support.places import ROOT

from convlens.inspection.trace import trace
from convlens.models.lenet5 import lenet5
from convlens.nn import Conv2D, Dense, Flatten, Sequential
from convlens.report import figures, pixels

matplotlib = pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def passed():
    rng = np.random.default_rng(3)
    return trace(lenet5(seed=2, engine="numpy"), rng.random((2, 28, 28, 1), np.float32), np.array([7, 0]))


# Pixels and colours


@pytest.mark.smoke
def test_grey_goes_from_black_to_white():
    assert pixels.grey(np.array([[[0.0], [0.5]], [[1.0], [0.2]]])).tolist() == [[0, 128], [255, 51]]
    assert pixels.grey(np.array([[[-1.0], [3.0]]])).tolist() == [[0, 255]]
    assert pixels.grey(np.ones((2, 5, 3))).shape == (2, 5, 3)


@pytest.mark.smoke
def test_colours_share_one_scale():
    black_to_yellow = figures.colours(np.array([[0.0, 1.0], [2.0, 4.0]]))
    assert black_to_yellow.dtype == np.uint8 and black_to_yellow.shape == (2, 2, 4)
    assert black_to_yellow[0, 0, :3].max() < 5 and black_to_yellow[1, 1, :3].min() > 150
    blue, white, red = figures.colours(np.array([-2.0, 0.0, 2.0]))
    assert blue[2] > blue[0] and white.min() > 240 and red[0] > red[2]
    assert (figures.colours(np.array([0.0, 3.0]), signed=True)[0] > 240).all()


def test_the_colour_of_zeros_is_black():
    assert figures.colours(np.zeros((3, 2), np.float32))[..., :3].max() < 5


def test_channels_first_keeps_a_filters_channels_together(rng):
    maps, kernels = rng.random((3, 4, 5)), rng.random((3, 2, 4, 5))
    np.testing.assert_array_equal(pixels.channels_first(maps)[4], maps[:, :, 4])
    np.testing.assert_array_equal(pixels.channels_first(kernels)[3 * 4 + 1], kernels[:, :, 1, 3])


@pytest.mark.parametrize(("n", "shape"), [(1, (1, 1)), (10, (1, 10)), (11, (2, 6)), (400, (40, 10))])
def test_fold_keeps_the_order_and_leaves_unused_cells_transparent(n, shape):
    strip = np.full((n, 4), 255, np.uint8)
    strip[:, 0] = np.arange(n) % 256
    folded = pixels.fold(strip, 10)
    assert folded.shape == (*shape, 4)
    np.testing.assert_array_equal(folded.reshape(-1, 4)[:n], strip)
    assert not folded.reshape(-1, 4)[n:].any()


def test_mosaic_draws_every_tile_once():
    tiles = np.arange(3 * 2 * 3 * 4, dtype=np.uint8).reshape(3, 2, 3, 4)
    whole = pixels.mosaic(tiles, columns=2, size=5, gap=4)
    assert whole.shape == (2 * 12 + 4, 2 * 17 + 4, 4)
    for k, tile in enumerate(tiles):
        top, left = k // 2 * 16 + 1, k % 2 * 21 + 1
        np.testing.assert_array_equal(whole[top : top + 10 : 5, left : left + 15 : 5], tile)
    assert not whole[-12:, -17:].any()


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4)])
def test_a_data_uri_holds_just_the_pixels(shape, rng):
    from base64 import b64decode

    painted = rng.integers(0, 256, shape, np.uint8)
    head, _, body = pixels.data_uri(painted).partition(",")
    assert head == "data:image/png;base64"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(b64decode(body)))), painted)


# Curves


def draw(n=4, **options):
    down = [1 / (k + 1) for k in range(n)]
    return figures.curves("Loss", range(1, n + 1), down, [2 * v for v in down], chosen=n, **options)


def visible_ticks(figure):
    (axes,) = figure.axes
    low, high = axes.get_xlim()
    return [tick for tick in axes.get_xticks() if low <= tick <= high]


@pytest.mark.smoke
@pytest.mark.parametrize("n", [1, 2, 3, 30, 200])
def test_epoch_ticks_are_integers(n):
    ticks = visible_ticks(draw(n))
    assert ticks and all(tick == int(tick) for tick in ticks)


def test_curves_draw_the_numbers_given():
    (axes,) = draw(3).axes
    training, validation, chosen = axes.get_lines()
    assert training.get_xydata().tolist() == [[1, 1], [2, 1 / 2], [3, 1 / 3]]
    assert validation.get_xydata().tolist() == [[1, 2], [2, 1], [3, 2 / 3]]
    assert set(chosen.get_xdata()) == {3}


def test_curves_without_validation():
    (axes,) = figures.curves("Loss", [1, 2], [3.0, 1.0], [None, None], chosen=2).axes
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["training", "weights kept"]


def test_a_percent_axis_ends_at_100():
    figure = figures.curves("Accuracy", [1, 2], [1.0, 1.0], [1.0, 1.0], chosen=2, percent=True)
    assert figure.axes[0].get_ylim()[1] <= 1.01


@pytest.mark.smoke
def test_svg_is_well_formed_text_without_links_or_shared_ids():
    one = figures.svg(draw(), "one", 'Loss & "more"')
    other = figures.svg(draw(), "other", "Loss")
    root = ElementTree.fromstring(one)
    assert root.get("aria-label") == 'Loss & "more"' and root.get("role") == "img"
    words = ["".join(text.itertext()).strip() for text in root.iter("text")]
    assert {"Loss", "epoch", "1", "4", "training", "validation"} <= set(words)
    assert "http" not in one and "<style" not in one and "currentColor" in one and "#010203" not in one
    ids = [re.findall(r'id="([^"]+)"', text) for text in (one, other)]
    assert ids[0] and len(ids[0]) == len(set(ids[0])) and not set(ids[0]) & set(ids[1])
    assert set(re.findall(r"(?:url\(|href=\")#(\w+)", one)) == set(ids[0])


def test_the_same_figure_gives_the_same_svg_and_settings_are_restored(monkeypatch):
    expected = figures.svg(draw(), "a", "b")
    monkeypatch.setitem(matplotlib.rcParams, "axes.facecolor", "green")
    monkeypatch.setitem(matplotlib.rcParams, "savefig.bbox", "tight")
    before = dict(matplotlib.rcParams)
    assert figures.svg(draw(), "a", "b") == expected
    assert dict(matplotlib.rcParams) == before


def test_figures_does_not_use_pyplot():
    source = Path(figures.__file__).read_text()
    assert "pyplot" not in source.replace("without pyplot", "")


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"matplotlib, which is not installed: pip install 'convlens\[plots\]'$"):
        draw()


# Forward and backward


def texts(figure):
    (axes,) = figure.axes
    return [text for text in axes.texts if text.get_text()]


def test_the_picture_names_every_layer_and_shape_and_number(passed):
    figure = figures.forward_and_backward(passed)
    words = [text.get_text() for text in texts(figure)]
    for layer in passed.layers:
        if layer.kind != "Flatten":
            assert layer.name in words
    assert {"28 × 28 × 1", "5 × 5 × 1 × 6", "28 × 28 × 6", "14 × 14 × 6", "10 × 10 × 16", "5 × 5 × 16"} <= set(words)
    for p in passed.probabilities[0]:
        assert f"{p:.1%}" in words
    assert f"loss\n{passed.loss[0]:.2f}" in words
    assert len(figure.images) == 2 * 8


def test_the_picture_shows_the_numbers_of_the_trace(passed):
    painted = [np.asarray(image.get_array()) for image in figures.forward_and_backward(passed).images]
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


@pytest.mark.parametrize("scale", [0, 1, 2])
def test_nothing_in_the_picture_overlaps_or_leaves_it(scale):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.image import FigureImage

    model = lenet5(seed=2, engine="numpy")
    model.flat *= scale
    x = np.random.default_rng(3).random((1, 28, 28, 1), np.float32)
    figure = figures.forward_and_backward(trace(model, x, np.array([7])))
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [(text.get_text(), text.get_window_extent(renderer).extents) for text in texts(figure)]
    for k, image in enumerate(figure.images):
        assert isinstance(image, FigureImage)
        left, right, bottom, top = image.get_extent()
        boxes.append((f"picture {k}", (left, bottom, right, top)))
    assert len(boxes) > 50
    width, height = figure.bbox.size
    for _, (left, bottom, right, top) in boxes:
        assert 0 <= left < right <= width and 0 <= bottom < top <= height
    for (name, one), (other_name, other) in itertools.combinations(boxes, 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, (name, other_name)


def test_the_picture_is_the_same_each_time(passed):
    one, other = (figures.png(figures.forward_and_backward(passed)) for _ in range(2))
    assert one == other
    assert Image.open(io.BytesIO(one)).size[0] == 1600


def test_a_picture_can_be_drawn_of_another_network(rng):
    model = Sequential((Conv2D(4, (3, 2)), Flatten(), Dense(700), Dense(3)), (11, 9, 3), engine="numpy")
    picture = figures.forward_and_backward(trace(model, rng.random((1, 11, 9, 3), np.float32), np.array([1])))
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
