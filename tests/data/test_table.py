"""CSV files of pixels: header or not, label first or last, text or numbers."""

import gzip
from typing import Any

import numpy as np
import pytest

from convlens.data import load


def digits(n=40, h=5, w=5):
    """Images whose border is paper, as in handwriting, and labels from 0 to 3."""
    rng = np.random.default_rng(0)
    x = np.zeros((n, h, w), np.uint8)
    x[:, 1:-1, 1:-1] = rng.integers(17, 256, (n, h - 2, w - 2))
    return x, np.arange(n) % 4


def write(path, x, y, *, header=None, last=False, mark=","):
    rows = [[str(v) for v in image.ravel()] for image in x]
    rows = [[*row, str(label)] if last else [str(label), *row] for row, label in zip(rows, y, strict=True)]
    text = "".join(mark.join(row) + "\n" for row in ([header] if header else []) + rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


PIXELS = [f"pixel{k}" for k in range(25)]
FORMS: dict[str, Any] = {
    "Kaggle": {"header": ["label", *PIXELS]},
    "no header": {},
    "label last": {"last": True},
    "label last with a header": {"header": [*PIXELS, "label"], "last": True},
    "scikit-learn": {"header": [*PIXELS, "target"], "last": True},
    "semicolons": {"header": ["Label", *PIXELS], "mark": ";"},
    "tabs": {"mark": "\t"},
    "pandas' numbers": {"header": [str(k) for k in range(26)]},
    "rows and columns": {"header": ["label", *(f"{i}x{j}" for i in range(1, 6) for j in range(1, 6))]},
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_data(tmp_path, form, packed):
    x, y = digits()
    found = load(write(tmp_path / f"set.csv{'.gz' * packed}", x, y, **FORMS[form]))
    assert found.pixels_train.dtype == np.uint8 and found.class_names == ("0", "1", "2", "3")
    whole = {(image.tobytes(), label) for p in ("train", "valid") for image, label in
             zip(getattr(found, f"pixels_{p}"), getattr(found, f"y_{p}").tolist(), strict=True)}  # fmt: skip
    assert whole == {(image.tobytes(), label) for image, label in zip(x, y.tolist(), strict=True)}


def test_pandas_writes_what_is_read(tmp_path):
    pandas = pytest.importorskip("pandas")
    x, y = digits()
    table = pandas.DataFrame(x.reshape(len(x), -1), columns=PIXELS)
    table["label"] = np.array(["a b", "c,d", "é", "z"])[y]
    table.to_csv(tmp_path / "set.csv")  # with the index
    found = load(tmp_path / "set.csv")
    assert found.class_names == ("a b", "c,d", "z", "é")
    assert found.pixels_train.shape == (32, 5, 5, 1)
    assert found.notes[0] == "the column without a name is an index and is left out"


def test_images_that_are_not_square_need_names_of_rows_and_columns(tmp_path):
    x, y = digits(h=5, w=7)
    names = [f"{i}x{j}" for i in range(1, 6) for j in range(1, 8)]
    assert load(write(tmp_path / "a.csv", x, y, header=["label", *names])).pixels_train.shape[1:] == (5, 7, 1)
    with pytest.raises(ValueError, match="must have a label and a square number of pixels, h = w; got 35 pixels"):
        load(write(tmp_path / "b.csv", x, y, header=["label", *(f"p{k}" for k in range(35))]))


def test_a_folder_has_a_file_for_each_part(tmp_path):
    x, y = digits()
    write(tmp_path / "mnist_train.csv", x, y, header=["label", *PIXELS])
    write(tmp_path / "mnist_test.csv", x[:8], y[:8], header=["label", *PIXELS])
    found = load(tmp_path)
    assert [len(p) for p in (found.y_train, found.y_valid, found.y_test)] == [32, 8, 8]
    (tmp_path / "mnist_test.csv").write_text(",".join(PIXELS) + "\n" + ",".join(["0"] * 25) + "\n")
    assert load(tmp_path).notes[0] == "mnist_test.csv has no labels and is left out"


HEAD = "label," + ",".join(PIXELS) + "\n"
ROW = "1," + ",".join(["7"] * 25) + "\n"
MISTAKES = {
    "no labels": (HEAD[6:] + ROW[2:], " must have a column of labels; all of its 25 columns are pixels"),
    "header alone": (HEAD, " must hold at least one image; it holds a header alone"),
    "files": ("file,label\na.png,cat\n", " must have a column for the label and one for each pixel; got 2 columns"),
    "both": ((("0," * 26)[:-1] + "\n" + ("1," * 26)[:-1] + "\n") * 3, " must have its labels in the first or last"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_named(tmp_path, case):
    text, message = MISTAKES[case]
    path = tmp_path / "set.csv"
    path.write_text(text)
    with pytest.raises(ValueError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}{message}")


def test_text_of_another_encoding_is_refused(tmp_path):
    (tmp_path / "set.csv").write_bytes((HEAD + ROW).encode("utf-16"))
    with pytest.raises(ValueError, match=r"must be CSV in UTF-8; save it in this encoding$"):
        load(tmp_path / "set.csv")
