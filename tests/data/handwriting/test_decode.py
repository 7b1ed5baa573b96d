"""Files of cameras and other programs are decoded to the same colours; for other files it is told what to do."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convlens.data.handwriting.decode import read_picture

rng = np.random.default_rng(0)
LEVEL = np.repeat(np.repeat(rng.integers(0, 256, (12, 9), dtype=np.uint8), 8, axis=0), 8, axis=1)
LEVEL[0, 0] = 255


@pytest.mark.parametrize(
    ("bits", "top"), [(8, 255), (10, 1023), (12, 4095), (14, 16383), (16, 65535)], ids=lambda value: str(value)
)
def test_levels_are_scaled_from_the_depth_that_holds_them(tmp_path: Path, bits: int, top: int) -> None:
    path = tmp_path / f"{bits}.png"
    deep = np.rint(LEVEL.astype(float) / 255 * top).astype(np.uint16)
    Image.fromarray(deep).save(path)
    assert np.array_equal(read_picture(path).pixels[..., 1], LEVEL)
    Image.fromarray(deep.astype(np.int32)).save(path, "TIFF")
    assert np.array_equal(read_picture(path).pixels[..., 2], LEVEL)


def test_fractions_are_levels_from_black_to_white(tmp_path: Path) -> None:
    path = tmp_path / "fractions.tif"
    Image.fromarray((LEVEL / 255).astype(np.float32)).save(path)
    assert np.array_equal(read_picture(path).pixels[..., 0], LEVEL)
    Image.fromarray((LEVEL * 100.0 - 3).astype(np.float32)).save(path)
    pixels = read_picture(path).pixels[..., 0].astype(int)
    assert (pixels.min(), pixels.max()) == (0, 255)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_without_its_last_bytes_is_read_with_a_remark(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "photo.jpg"
    noisy = np.clip(LEVEL * 0.5 + 100 + rng.normal(0, 9, LEVEL.shape), 0, 255).astype(np.uint8)
    Image.fromarray(noisy).convert(mode).save(path, quality=92)
    content, whole = path.read_bytes(), read_picture(path)
    assert whole.remarks == ()
    path.write_bytes(content[:-20])
    cut = read_picture(path)
    assert cut.pixels.shape == whole.pixels.shape
    assert np.array_equal(cut.pixels[:64], whole.pixels[:64])
    assert cut.pixels[-1].min() > 0  # the last row that is there is repeated
    (remark,) = cut.remarks
    assert remark.startswith("the file is cut off: ") and remark.endswith("% of its rows are missing")


def test_a_jpeg_of_which_much_is_missing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    noisy = np.clip(LEVEL * 0.5 + 100 + rng.normal(0, 9, LEVEL.shape), 0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(path, quality=92)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    with pytest.raises(ValueError, match=r"must be a whole picture; OSError: the file is cut off: \d+% of its rows"):
        read_picture(path)


def progressive(path: Path) -> bytes:
    smooth = np.clip(LEVEL * 0.5 + 100 + rng.normal(0, 9, LEVEL.shape), 0, 255).astype(np.uint8)
    Image.fromarray(np.stack([smooth, smooth, 255 - smooth], axis=-1)).save(path, "JPEG", quality=92, progressive=True)
    return path.read_bytes()


def test_a_progressive_jpeg_without_its_end_is_read_wherever_it_is_cut_behind_its_first_scan(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    content = progressive(path)
    whole = read_picture(path)
    assert whole.remarks == ()
    scans = [k for k in range(len(content) - 1) if content[k : k + 2] == b"\xff\xda"]
    assert len(scans) > 5
    far = []
    for stop in [*range(scans[1] + 20, len(content) - 2, 97), *(scans[-1] + k for k in (-3, 1, 4, 12))]:
        path.write_bytes(content[:stop])
        cut = read_picture(path)
        assert cut.remarks == ("the file is cut off: its finest details are missing",)
        far.append(float(np.abs(cut.pixels.astype(int) - whole.pixels).mean()))
    assert max(far) < 40  # eight pixels wide and high each, the squares show the coarsest scan
    assert far[-1] < far[0] / 3  # only the last bit of some details is missing


def test_a_progressive_jpeg_without_its_first_scan_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    content = progressive(path)
    first = content.index(b"\xff\xda")
    for stop in (first + 20, first + 40):
        path.write_bytes(content[:stop])
        with pytest.raises(ValueError, match=r"the file is cut off: its first scan, the coarsest, is not whole$"):
            read_picture(path)


def png_of_16_bits(levels: np.ndarray) -> bytes:
    """A PNG of levels uint16 (h, w, 3 or 4), which Pillow cannot write."""
    h, w, c = levels.shape

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    head = struct.pack(">IIBBBBB", w, h, 16, 2 if c == 3 else 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("bits", "top"), [(8, 255), (10, 1023), (12, 4095), (14, 16383), (16, 65535)])
@pytest.mark.parametrize("channels", [3, 4])
def test_levels_of_a_png_in_colour_are_scaled_from_the_depth_that_holds_them(
    tmp_path: Path, bits: int, top: int, channels: int
) -> None:
    path = tmp_path / "colour.png"
    colours = np.stack([LEVEL, LEVEL[::-1], LEVEL[:, ::-1], np.full_like(LEVEL, 255)], axis=-1)[..., :channels]
    path.write_bytes(png_of_16_bits(np.rint(colours.astype(float) / 255 * top).astype(np.uint16)))
    found = read_picture(path).pixels.astype(int)
    assert np.abs(found - colours[..., :3]).max() <= (1 if bits == 16 else 0)


def test_a_blank_first_frame_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "moving.gif"
    frames = [Image.new("L", LEVEL.shape[::-1], 230), Image.fromarray(LEVEL), Image.fromarray(255 - LEVEL)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=50)
    picture = read_picture(path)
    assert picture.remarks == ("frame 2 of 3, the first that is not blank",)
    assert np.abs(picture.pixels[..., 1].astype(int) - LEVEL).max() < 3
    frames[0].save(path, save_all=True, append_images=[Image.new("L", LEVEL.shape[::-1], 231)], duration=50)
    assert read_picture(path).remarks == ("the first of 2 frames",)


def test_the_first_of_several_frames_is_read_with_a_remark(tmp_path: Path) -> None:
    path = tmp_path / "two.tif"
    first = Image.fromarray(LEVEL)
    first.save(path, save_all=True, append_images=[Image.new("L", (5, 4))])
    picture = read_picture(path)
    assert np.array_equal(picture.pixels[..., 0], LEVEL)
    assert picture.remarks == ("the first of 2 frames",)


OTHERS = {
    "photo.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(50), "HEIC", "heif-convert photo.heic picture.jpg"),
    "photo.avif": (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif" + bytes(50), "AVIF", "heif-convert photo.avif picture.jpg"),
    "scan.pdf": (b"%PDF-1.4\n", "PDF", "pdftoppm -png -r 150 scan.pdf page"),
    "seven.svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG", "rsvg-convert seven.svg -o picture.png"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_files_are_told_how_to_convert_them(tmp_path: Path, name: str) -> None:
    content, kind, command = OTHERS[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match="must be a picture") as caught:
        read_picture(path)
    assert f"; it is {kind}: convert it first, for example with `{command}` (Debian package " in str(caught.value)
