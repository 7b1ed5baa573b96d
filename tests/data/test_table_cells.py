"""A cell of a CSV file that is no pixel or no label: the sentence names its row, its column and what it holds."""

import numpy as np
import pytest

from convlens.data import load

ROWS, PIXELS = 22, 25
FINITE, BYTES = "must be a finite number; got ", "must be from 0 to 255, as all pixels of 21 other images are; got "
WHOLE = "must be a whole number from 0, as labels are that are numbers; got "
PIXEL = {
    **{cell: f"{FINITE}'{cell}'" for cell in ("1e300", "1e39", "-inf", "nan", "x", "0x1F", "1_000", "٣")},
    **dict.fromkeys(("", " "), f"{FINITE}nothing"),
    **{cell: f"{BYTES}{cell}" for cell in ("300", "-1", "65535", "255.5")},
}
LABEL = {
    "": "must be a label; got nothing",
    **{cell: f"{WHOLE}'{cell}'" for cell in ("nan", "inf", "1e300", "-1", "1.5")},
}
FORMS = ("header", "header and index", "label last", "no header", "label last, no header")


def write(path, form, *, pixel=None, label=None, blank=False):
    """Write a file with one odd cell in image 4: pixel 9, or the label. Return the name of the column of each."""
    rng = np.random.default_rng(0)
    rows = []
    for image in range(ROWS):
        cells = list(map(str, rng.integers(5, 256, PIXELS)))
        name = str(image % 3)
        if image == 4:
            cells[9] = cells[9] if pixel is None else pixel
            name = name if label is None else label
        cells = [*cells, name] if "last" in form else [name, *cells]
        rows.append([str(100 + image), *cells] if "index" in form else cells)
    names = [f"p{k}" for k in range(PIXELS)]
    names = [*names, "label"] if "last" in form else ["label", *names]
    names = ["id", *names] if "index" in form else names
    lines = [",".join(cells) + "\n" for cells in ([] if "no header" in form else [names]) + rows]
    path.write_text(("\n\n" if blank else "").join(lines), encoding="utf-8")
    place, first = 9 + ("last" not in form) + ("index" in form), PIXELS if "last" in form else int("index" in form)
    named = "no header" not in form
    return (
        f"column {place + 1}{' (p9)' if named else ''}",
        f"column {first + 1}{' (label)' if named else ''}",
    )


def message(path):
    with pytest.raises(ValueError) as caught:
        load(path)
    return str(caught.value)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cell", PIXEL)
def test_a_pixel(tmp_path, cell, form):
    path = tmp_path / "set.csv"
    column, _ = write(path, form, pixel=cell)
    assert message(path) == f"{path}: row {5 + ('no header' not in form)}, {column} {PIXEL[cell]}"


@pytest.mark.parametrize("form", FORMS[:3])
@pytest.mark.parametrize("cell", LABEL)
def test_a_label(tmp_path, cell, form):
    path = tmp_path / "set.csv"
    _, column = write(path, form, label=cell)
    assert message(path) == f"{path}: row 6, {column} {LABEL[cell]}"


def test_empty_lines_count_as_an_editor_counts_them(tmp_path):
    path = tmp_path / "set.csv"
    for odd, said in (({"pixel": "x"}, FINITE), ({"pixel": "300"}, BYTES), ({"label": "-1"}, WHOLE)):
        write(path, "header", blank=True, **odd)
        assert message(path).startswith(f"{path}: row 16, column ") and said in message(path)


def test_a_row_of_another_length(tmp_path):
    path = tmp_path / "set.csv"
    write(path, "header")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:5], "", lines[5] + ",1", *lines[6:]]))
    assert message(path).startswith(f"{path}: row 7 must have 25 numbers beside its label; got 26")


def test_numbers_of_another_range_are_no_slip(tmp_path):
    path = tmp_path / "set.csv"
    rng = np.random.default_rng(0)
    for low, high in ((0, 4000), (-128, 128)):
        x = rng.integers(low, high, (20, 25))
        path.write_text("".join(",".join(map(str, [k % 3, *row])) + "\n" for k, row in enumerate(x.tolist())))
        assert len(load(path).y_train) == 17
    fractions = rng.normal(0.5, 0.1, (20, 25))
    fractions[3, 4] = -0.01  # resampled images overshoot
    path.write_text("".join(",".join(map(str, [k % 3, *row])) + "\n" for k, row in enumerate(fractions.tolist())))
    assert len(load(path).y_train) == 17


def test_labels_of_minus_one_and_one_are_two_classes(tmp_path):
    path = tmp_path / "set.csv"
    write(path, "header")
    lines = path.read_text().splitlines()
    signs = [f"{(-1) ** k}{line[1:]}" for k, line in enumerate(lines[1:])]
    path.write_text("\n".join([lines[0], *signs]))
    assert load(path).class_names == ("-1", "1")
