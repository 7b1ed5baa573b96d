"""report.figures and report.pixels: colours show the right numbers, labels do not overlap, settings are restored."""

import io
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from convlens.report import figures, pixels

matplotlib = pytest.importorskip("matplotlib")


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
