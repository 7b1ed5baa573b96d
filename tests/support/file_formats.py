"""Formats of files: CSV tables, folders of pictures and IDX files, as other tools write them."""

import numpy as np
import pytest
from tests.support.formats_of_others import (
    BALANCED,
    LETTERS,
    PIECES,
    Made,
    digits,
    frame,
    idx,
    joined,
    made,
    pictures,
    pil,
    seen,
    some,
    write_idx,
)

# kaggle.csv: CSV files as pandas writes them


@made("kaggle.csv", "train.csv and an unlabelled test.csv")
def _(folder):
    frame("train").to_csv(folder / "train.csv", index=False)
    frame("test").drop(columns="label").to_csv(folder / "test.csv", index=False)
    (folder / "sample_submission.csv").write_text("ImageId,Label\n1,0\n2,0\n")
    return Made(folder, joined("train"))


@made("kaggle.csv", "train and test with names 1x1 to 28x28, packed, with an index")
def _(folder):
    for part in ("train", "test"):
        table = frame(part, lambda k: f"{k // 28 + 1}x{k % 28 + 1}")
        table.to_csv(folder / f"mnist_{part}.csv.gz", index=True)
    return Made(folder, joined("train") | seen(some("test")))


@made("kaggle.csv", "read without a header and written again")
def _(folder):
    pandas = pytest.importorskip("pandas")
    frame("train").to_csv(folder / "plain.csv", index=False, header=False)
    pandas.read_csv(folder / "plain.csv").to_csv(folder / "again.csv", index=False)  # names such as 0, 0.1, 0.2
    x, y = digits()["train"]
    return Made(folder / "again.csv", seen({"train": (x[1:], y[1:])}))


# imgfolder


@made("imgfolder", "torchvision's ImageFolder, PNG")
def _(folder):
    x, y = digits()["train"]
    pictures(folder / "root", x, y, PIECES, lambda a, path: pil().fromarray(a).save(f"{path}.png"))
    order = sorted(range(10), key=PIECES.__getitem__)
    return Made(folder, seen({"train": (x, np.argsort(order)[y])}), tuple(PIECES[k] for k in order))


@made("imgfolder", "train and validation in colour as Keras has cats and dogs")
def _(folder):
    for part, name in (("train", "train"), ("valid", "validation")):
        x, y = digits()[part]
        pictures(
            folder / "filtered" / name,
            np.stack([x, 255 - x, x], -1),
            y,
            tuple(f"{k}" for k in range(10)),
            lambda a, path: pil().fromarray(a).save(f"{path}.BMP"),
        )
    (folder / "filtered" / "vectorize.py").write_text("print(1)\n")
    return Made(folder, seen(some("train", "valid", image=lambda x: np.stack([x, 255 - x, x], -1))))


@made("imgfolder", "many kinds of pictures, with what systems leave beside them")
def _(folder):
    ways = [("png", {}), ("tif", {}), ("bmp", {}), ("webp", {"lossless": True}), ("gif", {}), ("pgm", {})]
    count = iter(range(1000))

    def write(array, path):
        suffix, how = ways[next(count) % len(ways)]
        image = pil().fromarray(array)
        (image.convert("P") if suffix == "png" else image).save(f"{path}.{suffix}", **how)

    for part, name in (("train", "Train"), ("valid", "Val"), ("test", "Test")):
        pictures(folder / name, *digits()[part], LETTERS, write)
        (folder / name / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
        (folder / name / "A" / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    (folder / "__MACOSX").mkdir()
    return Made(folder, seen(digits()), LETTERS[:10])


# emnist_digits


@made("emnist_digits", "the archive's gzip folder")
def _(folder):
    for part, name in (("train", "train"), ("test", "test")):
        x, y = digits()[part]
        write_idx(folder / "gzip", f"emnist-digits-{name}", x.swapaxes(1, 2), y, packed=True)
    return Made(folder, joined("train") | seen(some("test")))


@made("emnist_digits", "torchvision's EMNIST/raw, letters")
def _(folder):
    parts = digits(26)
    for part in ("train", "test"):
        x, y = parts[part]
        for packed in (True, False):
            write_idx(folder / "EMNIST" / "raw", f"emnist-letters-{part}", x.swapaxes(1, 2), y + 1, packed=packed)
    (folder / "EMNIST" / "raw" / "emnist-letters-mapping.txt").write_text("1 65 97\n")
    return Made(folder, seen({part: parts[part] for part in ("train", "test")}), LETTERS)


@made("emnist_digits", "Kaggle's CSV of the balanced set")
def _(folder):
    parts = digits(47)
    for part in ("train", "test"):
        x, y = parts[part]
        rows = np.column_stack([y, x.swapaxes(1, 2).reshape(len(x), -1)])
        np.savetxt(folder / f"emnist-balanced-{part}.csv", rows, fmt="%d", delimiter=",")
    return Made(folder, seen({part: parts[part] for part in ("train", "test")}), BALANCED)


# torch/MNIST/raw


def _torch(folder, name, ways):
    for packed in ways:
        for part, stem in (("train", "train"), ("test", "t10k")):
            write_idx(folder / name / "raw", stem, *digits()[part], packed=packed)
    return Made(folder, joined("train") | seen(some("test")))


@made("torch/MNIST/raw", "MNIST, packed and unpacked side by side")
def _(folder):
    return _torch(folder, "MNIST", (True, False))


@made("torch/MNIST/raw", "FashionMNIST, packed, with what torchvision made of it")
def _(folder):
    (folder / "FashionMNIST" / "processed").mkdir(parents=True)
    (folder / "FashionMNIST" / "processed" / "training.pt").write_bytes(b"PK\3\4")
    return _torch(folder, "FashionMNIST", (True,))


@made("torch/MNIST/raw", "KMNIST, a file in each folder")
def _(folder):
    for part, stem in (("train", "train"), ("test", "t10k")):
        for kind, array in zip(("images.idx3", "labels.idx1"), digits()[part], strict=True):
            place = folder / "KMNIST" / f"{stem}-{kind}-ubyte"
            place.mkdir(parents=True)
            (place / place.name.replace(".idx", "-idx")).write_bytes(idx(array))
    return Made(folder, joined("train") | seen(some("test")))
