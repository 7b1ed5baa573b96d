"""scripts/make_alexnet_picture.py: its numbers agree with the model, no text overlaps, its files are in 0x07-cnn."""

import importlib.util
import io
import itertools
import sys

import pytest
from PIL import Image
from tests.support.places import ROOT

from convlens.models.alexnet import INPUT_SHAPE, LAYERS
from convlens.nn import Conv2D, Dense, Dropout, Flatten, LocalResponseNormalization, MaxPooling2D, Sequential

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_alexnet_picture", ROOT / "scripts" / "make_alexnet_picture.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # for its dataclasses
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def table(script):
    return script.stages(LAYERS, INPUT_SHAPE)


@pytest.fixture(scope="module")
def figure(script, table):
    return script.draw(table)


def test_the_table_agrees_with_a_model(script):
    layers = (
        Conv2D(4, (3, 2), strides=(1, 2), activation="relu", groups=2),
        LocalResponseNormalization(3),
        MaxPooling2D((2, 3), strides=(2, 1)),
        Conv2D(6, (2, 3), padding="same", activation="relu"),
        Flatten(),
        Dense(7, activation="relu"),
        Dropout(0.25),
        Dense(5),
    )
    model = Sequential(layers, (11, 14, 2), engine="numpy")
    found = script.stages(layers, (11, 14, 2))
    rows = {row.name: row for row in model.table}
    weighted = [row for row in model.table if row.parameters]
    assert [stage.name for stage in found] == [row.name for row in weighted]
    for stage, row in zip(found, weighted, strict=True):
        assert (stage.layer, stage.given, stage.out) == (row.layer, row.input_shape, row.output_shape)
        assert stage.parameters == row.parameters
        assert stage.kernel == model.named_weights()[f"{stage.name}/kernel"].shape[:-1]
    first, second, dense, last = found
    assert first.norm is layers[1] and first.pool is layers[2] and first.end == rows["max_pooling2d"].output_shape
    assert second.pool is None and second.end == second.out and dense.dropout is layers[6] and last.dropout is None
    assert (first.groups, second.groups, dense.groups) == (2, 1, 1)
    assert first.products == 9 * 7 * 4 * (3 * 2 * 1) and dense.products == dense.given[0] * 7
    assert dict(script.rows(found))["stride"] == ["", "1 × 2", "1", "", ""]


def test_the_alexnet_table_has_the_papers_numbers(script, table):
    assert sum(stage.parameters for stage in table) == 60_965_224
    cells = dict(script.rows(table))
    assert cells["output"] == [
        *("227 × 227 × 3", "55 × 55 × 96", "27 × 27 × 256", "13 × 13 × 384", "13 × 13 × 384", "13 × 13 × 256"),
        *("4,096", "4,096", "1,000"),
    ]
    assert cells["kernel"][1:6] == ["11 × 11 × 3", "5 × 5 × 48", "3 × 3 × 256", "3 × 3 × 192", "3 × 3 × 192"]
    assert cells["groups"][1:6] == ["1", "2", "1", "2", "2"]
    assert cells["pooled"][1:6] == ["27 × 27 × 96", "13 × 13 × 256", "", "", "6 × 6 × 256"]
    assert cells["dropout"][6:] == ["0.5", "0.5", ""]
    assert all(len(line) == 9 for line in cells.values())


def texts(figure):
    (axes,) = figure.axes
    return [text for text in axes.texts if text.get_text()]


def test_every_cell_is_in_the_picture(script, table, figure):
    drawn = [text.get_text() for text in texts(figure)]
    for heading, cells in script.rows(table):
        assert heading in drawn
        for cell in filter(None, cells):
            assert drawn.count(cell) >= cells.count(cell), (heading, cell)
    assert script.share(table) in drawn


def test_no_text_overlaps_another_or_leaves_the_picture(figure):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [(text.get_text(), text.get_window_extent(renderer).extents) for text in texts(figure)]
    assert len(boxes) > 80
    width, height = figure.bbox.size
    for _, (left, bottom, right, top) in boxes:
        assert 0 <= left < right <= width and 0 <= bottom < top <= height
    for (name, one), (other_name, other) in itertools.combinations(boxes, 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, (name, other_name)


def test_the_text_alternative_has_all_numbers_of_the_picture(script, table):
    words = script.words(table)
    for stage in table:
        (line,) = [line for line in words.splitlines() if line.startswith(f"{stage.name}: ")]
        assert script.sizes(stage.out) in line and f"{stage.parameters:,} parameters" in line
        assert script.sizes(stage.end) in line
        assert ("normalisation" in line, "max pooling" in line, "dropout" in line) == (
            stage.norm is not None,
            stage.pool is not None,
            stage.dropout is not None,
        )


def test_the_script_makes_the_files_in_the_coursework(script, tmp_path, capsys):
    script.main(["--out", str(tmp_path / "new" / "a.png")])
    assert capsys.readouterr().out.count("bytes") == 2
    for path in (tmp_path / "new" / "a.png", script.OUT):
        assert path.stat().st_size < 300_000
        picture = Image.open(io.BytesIO(path.read_bytes())).convert("RGBA")
        assert picture.size == (2000, 1190)
        assert picture.getpixel((0, 0)) == picture.getpixel((1999, 1189)) == (255, 255, 255, 255)
    new = (tmp_path / "new" / "a.txt").read_text(encoding="utf-8")
    assert new == script.OUT.with_suffix(".txt").read_text(encoding="utf-8")


def test_a_layer_without_a_drawing_is_refused(script):
    from convlens.nn import AveragePooling2D

    with pytest.raises(TypeError, match="the picture has no drawing for a AveragePooling2D"):
        script.stages((Conv2D(2, 3), AveragePooling2D(2)), (9, 9, 1))
