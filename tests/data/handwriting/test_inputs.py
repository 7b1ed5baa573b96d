"""A whole picture gives another network exactly the pixels that it gives in a data set."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convlens.data import load
from convlens.data.handwriting.inputs import read_whole

LEVEL = np.random.default_rng(0).integers(0, 256, (20, 27, 4), dtype=np.uint8)


def saved(folder: Path, kind: str, k: int) -> None:
    """Write a picture of 20 x 27 in one of the forms that a data set may have."""
    level = np.roll(LEVEL, k, axis=1)
    path = folder / f"{k}.{'jpg' if kind == 'jpeg' else 'tif' if kind == 'deep' else 'png'}"
    if kind == "transparent":
        Image.fromarray(level).save(path)
    elif kind == "deep":
        Image.fromarray((level[..., 0].astype(np.uint16) << 4) + 7).save(path)
    elif kind == "turned":
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(level[..., :3].transpose(1, 0, 2)).save(path, exif=exif)
    else:
        Image.fromarray(level[..., :3]).save(path)


@pytest.mark.parametrize("kind", ["plain", "transparent", "deep", "turned", "jpeg"])
@pytest.mark.parametrize("size", [None, (13, 10)], ids=["its own size", "stretched"])
def test_a_training_picture_gives_its_training_pixels(tmp_path: Path, kind: str, size: tuple[int, int] | None) -> None:
    for part in ("train", "test"):
        for name in ("ant", "bee"):
            (tmp_path / part / name).mkdir(parents=True)
            for k in range(10):
                saved(tmp_path / part / name, kind, k)
    data = load(tmp_path, size=size)
    trained = {image.tobytes() for image in data.x_test}
    h, w, c = data.pixels_test.shape[1:]
    for path in sorted((tmp_path / "test" / "bee").iterdir()):
        found, remarks = read_whole(path, (h, w), c == 3, data.scale, None)
        assert remarks == () and found.tobytes() in trained


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.png"
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_whole(path, (13, 10), True, 1.0, None)
    path.write_bytes(b"some notes")
    with pytest.raises(ValueError, match="must be a picture"):
        read_whole(path, (13, 10), True, 1.0, None)


def test_a_jpeg_without_its_end_is_read_with_a_remark(tmp_path: Path) -> None:
    path = tmp_path / "bee.jpg"
    Image.fromarray(np.repeat(np.repeat(LEVEL[..., :3], 8, 0), 8, 1)).save(path, quality=90)
    whole, _ = read_whole(path, (13, 10), True, 1.0, None)
    path.write_bytes(path.read_bytes()[:-30])
    cut, remarks = read_whole(path, (13, 10), True, 1.0, None)
    assert remarks[0].startswith("the file is cut off: ")
    np.testing.assert_allclose(cut[:10], whole[:10], rtol=0, atol=12)
