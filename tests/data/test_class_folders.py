"""A folder with a folder of pictures for each class: every kind of picture, and every mistake, by name."""

import io

import numpy as np
import pytest

from convlens.data import load, picture_reader

Image = pytest.importorskip("PIL.Image")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """The cache of this test."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("CONVLENS_DATA", str(folder))
    return folder / "pictures"


def grey(seed=0, h=6, w=9):
    return np.random.default_rng(seed).integers(0, 256, (h, w), dtype=np.uint8)


def fill(folder, classes=("cat", "dog"), count=5, suffix=".png", image=grey, **save):
    """Write `count` pictures for each class."""
    for k, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            Image.fromarray(image(100 * k + number)).save(folder / name / f"{number}{suffix}", **save)
    return folder


def colour(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (6, 9, 3), dtype=np.uint8)


def test_pictures_are_split_by_class_and_keep_their_names(tmp_path):
    digits = load(fill(tmp_path / "set", ("größe 1.5", "кот"), 10))
    assert digits.class_names == ("größe 1.5", "кот")
    assert digits.pixels_train.shape == (16, 6, 9, 1)
    assert digits.pixels_train.dtype == np.uint8
    assert digits.y_valid.tolist() == [0, 0, 1, 1]
    assert digits.notes == ("4 of 20 pictures are held back to validate, drawn by class with seed 0",)
    assert digits.scale == 1 / 256
    assert load(tmp_path / "set").fingerprint == digits.fingerprint
    assert load(tmp_path / "set", seed=1).fingerprint != digits.fingerprint


def test_names_that_are_numbers_are_sorted_as_numbers(tmp_path):
    assert load(fill(tmp_path, [str(k) for k in range(12)])).class_names[9:] == ("9", "10", "11")


def test_parts_have_their_own_folders(tmp_path):
    for part, count in (("train", 3), ("validation", 2), ("test", 1)):
        fill(tmp_path / "wrapped" / part, count=count, image=lambda seed, c=count: grey(1000 * c + seed))
    digits = load(tmp_path)
    assert [len(y) for y in (digits.y_train, digits.y_valid, digits.y_test)] == [6, 4, 2]
    assert np.array_equal(digits.pixels_test[1, ..., 0], grey(1100))
    assert digits.notes == ()


@pytest.mark.parametrize("suffix", [".png", ".gif", ".bmp", ".webp", ".tif", ".PNG"])
def test_lossless_pictures_of_every_kind(tmp_path, suffix):
    digits = load(fill(tmp_path, suffix=suffix, **({"lossless": True} if suffix == ".webp" else {})))
    assert digits.pixels_train.shape == (8, 6, 9, 1)
    whole = np.concatenate([digits.pixels_train, digits.pixels_valid])[..., 0]
    assert sorted(image.tobytes() for image in whole) == sorted(
        grey(100 * k + number).tobytes() for k in range(2) for number in range(5)
    )


def test_colour_is_kept_where_it_is(tmp_path):
    assert load(fill(tmp_path / "a", image=colour)).pixels_train.shape == (8, 6, 9, 3)
    fill(tmp_path / "b", count=4)
    Image.fromarray(colour()).save(tmp_path / "b" / "cat" / "9.png")
    assert load(tmp_path / "b").pixels_train.shape[3] == 3
    digits = load(fill(tmp_path / "c", image=lambda seed: np.repeat(grey(seed)[..., None], 3, 2)))
    assert digits.pixels_train.shape[3] == 1
    assert "stored in colour but show only grey" in digits.notes[-1]


def test_orientation_transparency_cmyk_and_16_bits(tmp_path):
    fill(tmp_path, count=3, image=colour)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = np.rot90(colour(7), 1)  # orientation 6: turn it clockwise to see it
    Image.fromarray(np.ascontiguousarray(turned)).save(tmp_path / "cat" / "exif.png", exif=exif)
    clear = np.zeros((6, 9, 4), np.uint8)
    Image.fromarray(clear).save(tmp_path / "cat" / "clear.png")
    Image.new("CMYK", (9, 6), (0, 255, 255, 0)).save(tmp_path / "cat" / "cmyk.jpg")
    Image.fromarray(grey(8).astype(np.uint16) * 257).save(tmp_path / "cat" / "deep.png")
    digits = load(tmp_path)
    whole = {image.tobytes() for image in np.concatenate([digits.pixels_train, digits.pixels_valid])}
    assert colour(7).tobytes() in whole
    assert np.full((6, 9, 3), 255, np.uint8).tobytes() in whole
    assert np.repeat(grey(8)[..., None], 3, 2).tobytes() in whole
    assert any(image[0] > 200 and image[1] < 60 for image in whole)  # red


def test_pictures_of_mixed_sizes_need_a_size(tmp_path):
    fill(tmp_path, count=4)
    Image.fromarray(grey(9, 12, 18)).save(tmp_path / "dog" / "large.png")
    with pytest.raises(ValueError) as caught:
        load(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} must hold pictures of one size, or be scaled to one, such as --size 9x6 (width x height); "
        "got 9 x 6 (8), 18 x 12 (1)"
    )
    assert load(tmp_path, size=(5, 7)).pixels_train.shape[1:] == (5, 7, 1)


def broken(folder):
    fill(folder)
    path = folder / "dog" / "3.png"
    path.write_bytes(path.read_bytes()[:-30])
    (folder / "cat" / "none.jpg").write_bytes(b"")
    return folder


def test_broken_pictures_are_named_and_left_out_only_when_asked(tmp_path):
    folder = broken(tmp_path)
    with pytest.raises(ValueError) as caught:
        load(folder)
    assert str(caught.value) == (
        f"{folder} has broken pictures (1 of 11); --skip-broken leaves them out: cat/none.jpg is empty"
    )
    for _ in range(2):  # decoded, and from the cache
        digits = load(folder, skip_broken=True)
        assert len(digits.y_train) + len(digits.y_valid) == 9
        note = digits.notes[-1]
        assert note.startswith("broken and left out (2 of 11 pictures): ")
        assert "dog/3.png is cut off or damaged" in note
        whole = {image.tobytes() for image in np.concatenate([digits.pixels_train, digits.pixels_valid])}
        assert whole == {grey(100 * k + n).tobytes() for k in range(2) for n in range(5)} - {grey(103).tobytes()}
        labels = np.concatenate([digits.y_train, digits.y_valid])
        assert np.bincount(labels).tolist() == [5, 4]
    with pytest.raises(ValueError, match=r"has broken pictures \(2 of 11\); --skip-broken leaves them out"):
        load(folder)


def test_a_picture_that_is_too_large_is_not_decoded(tmp_path):
    fill(tmp_path)
    content = io.BytesIO()
    Image.new("1", (30_000, 5_000)).save(content, "PNG")
    (tmp_path / "cat" / "bomb.png").write_bytes(content.getvalue())
    with pytest.raises(ValueError, match=r"cat/bomb.png has 30000 x 5000 pixels, more than 64,000,000"):
        load(tmp_path)


def test_memory_that_is_not_there_is_not_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr("convlens.data.room.free_memory", lambda: 1000)
    monkeypatch.setattr(picture_reader, "decode", None)
    with pytest.raises(ValueError) as caught:
        load(fill(tmp_path), size=(100, 300))
    assert (
        str(caught.value) == f"{tmp_path} (10 pictures of 300 x 100) needs 300 kB of memory; this machine has 1 kB free"
    )


def test_pictures_are_decoded_once(tmp_path, monkeypatch, cache):
    fill(tmp_path, image=colour)
    steps = []
    first = load(tmp_path, progress=lambda done, total: steps.append((done, total)))
    assert steps[-1] == (30, 30)
    assert len(list(cache.iterdir())) == 1
    with monkeypatch.context() as patch:
        patch.setattr(picture_reader, "decode", None)
        assert load(tmp_path).fingerprint == first.fingerprint
    Image.fromarray(colour(999)).save(tmp_path / "cat" / "0.png")
    assert load(tmp_path).fingerprint != first.fingerprint


def nested(folder):
    fill(folder)
    fill(folder / "cat", ("black",))


def without_pictures(folder):
    fill(folder)
    (folder / "empty").mkdir()


def loose(folder):
    Image.fromarray(grey()).save(folder / "a.png")


def other_classes(folder):
    fill(folder / "train")
    fill(folder / "test", ("cat", "mouse"))


MISTAKES = {
    "one class": (
        lambda folder: fill(folder, ("cat",)),
        "{0} must hold at least two classes; it holds one: cat",
    ),
    "none": (lambda folder: None, "{0} must hold a folder of pictures for each class; it holds nothing that convlens "),
    "loose": (loose, "{0} must hold a folder of pictures for each class; it holds pictures (1) and no folders"),
    "no pictures": (without_pictures, "{0}/empty is a class and must hold pictures; it holds none"),
    "case": (
        lambda folder: fill(folder, ("cat", "Cat", "dog")),
        "{0} must hold classes that differ in more than case; got Cat and cat",
    ),
    "nested": (nested, "{0}/cat is a class and must hold pictures; it holds folders: black"),
    "one picture": (lambda folder: fill(folder, count=1), "{0} must hold two examples of a class, one to train and "),
    "other classes": (other_classes, "{0}/test must have the classes of {0}/train; it also has mouse"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_named(tmp_path, case):
    make, message = MISTAKES[case]
    make(tmp_path)
    with pytest.raises(ValueError) as caught:
        load(tmp_path)
    assert str(caught.value).startswith(message.format(tmp_path))


def test_hidden_files_are_ignored_and_others_are_said(tmp_path):
    fill(tmp_path)
    (tmp_path / ".DS_Store").write_bytes(b"x")
    (tmp_path / "cat" / ".hidden.png").write_bytes(b"x")
    (tmp_path / "cat" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "dog" / "read me.txt").write_text("hello")
    assert load(tmp_path).notes[0] == "left out of dog, as no pictures (1): read me.txt"
