"""Pictures of digits are converted to the form of MNIST."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from convlens.data import load, read_digit
from convlens.data.handwriting import decode
from convlens.data.handwriting.digits import like_mnist
from convlens.data.handwriting.ink import NothingToSeeError

Grey = NDArray[np.uint8]


@pytest.fixture(scope="module")
def digits() -> Grey:
    """100 real digits, ten of each class, uint8 (100, 28, 28)."""
    embedded = load("embedded")
    rows = np.concatenate([np.flatnonzero(embedded.y_valid == label)[:10] for label in range(10)])
    return (embedded.x_valid[rows, ..., 0] * 256).astype(np.uint8)


def render(
    digit: Grey,
    rng: np.random.Generator,
    size: tuple[int, int],
    share: tuple[float, float] = (0.4, 0.9),
    ink: float = 0,
    paper: float = 255,
    noise: float = 0,
    slope: float = 0,
) -> Grey:
    """A picture (h, w) = `size` with the digit at a random place.

    share: the range of the digit's size, as a fraction of the shorter side. noise: its standard deviation.
    slope: how much darker the paper is in one corner than in the opposite one, as a fraction.
    """
    h, w = size
    side = int(min(size) * rng.uniform(*share))
    drawn = np.asarray(Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)) / 255
    top, left = rng.integers(0, h - side + 1), rng.integers(0, w - side + 1)
    cover = np.zeros(size)
    cover[top : top + side, left : left + side] = drawn
    light = 1 - slope * (np.linspace(0, 0.5, h)[:, np.newaxis] + np.linspace(0, 0.5, w))
    level = (paper + (ink - paper) * cover) * light + noise * rng.standard_normal(size)
    return np.rint(level).clip(0, 255).astype(np.uint8)


def likeness(found: Grey, digit: Grey) -> float:
    """The correlation of two digits."""
    return float(np.corrcoef(found.ravel(), digit.ravel())[0, 1])


def jpeg(level: Grey, quality: int) -> Grey:
    file = io.BytesIO()
    Image.fromarray(level).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("L"))


CASES: dict[str, tuple[dict[str, Any], int | None]] = {
    "60 x 90": ({"size": (60, 90)}, None),
    "90 x 60, light on dark": ({"size": (90, 60), "ink": 255, "paper": 0}, None),
    "500 x 380": ({"size": (500, 380)}, None),
    "to the edge": ({"size": (200, 200), "share": (1, 1)}, None),
    "28 x 40": ({"size": (28, 40), "share": (1, 1)}, None),
    "small on a large sheet": ({"size": (1200, 1600), "share": (0.1, 0.3)}, 75),
    "jpeg of quality 20": ({"size": (300, 400)}, 20),
    "noisy, grey, jpeg": ({"size": (300, 400), "ink": 40, "paper": 200, "noise": 10}, 60),
    "very noisy": ({"size": (300, 400), "ink": 40, "paper": 200, "noise": 25}, None),
    "uneven paper": ({"size": (300, 400), "ink": 40, "paper": 220, "noise": 4, "slope": 0.5}, 70),
    "low contrast": ({"size": (300, 400), "ink": 110, "paper": 150, "noise": 3}, 80),
}


@pytest.mark.parametrize("case", CASES)
def test_the_digit_is_recovered_from_its_picture(digits: Grey, case: str) -> None:
    options, quality = CASES[case]
    rng = np.random.default_rng(1)
    found = []
    for digit in digits[::9]:
        level = render(digit, rng, **options)
        found.append(likeness(like_mnist(jpeg(level, quality) if quality else level), digit))
    assert np.median(found) > 0.9
    assert min(found) > 0.5  # at worst one pixel off: the centre of mass was between two pixels


@pytest.mark.smoke
def test_a_picture_of_28_x_28_keeps_its_pixels(digits: Grey, tmp_path: Path) -> None:
    path = tmp_path / "digit.png"
    for digit in digits:
        Image.fromarray(digit).save(path)
        found = read_digit(path)
        assert found.dtype == np.float32 and found.shape == (28, 28, 1)
        assert np.array_equal(found[..., 0], digit / np.float32(256))
    Image.fromarray(255 - digits[0]).save(path)
    assert np.array_equal(read_digit(path)[..., 0], digits[0] / np.float32(256))


def saved(path: Path, kind: str, level: Grey) -> None:
    """Write dark ink on light paper, `level` (h, w), in the format `kind`."""
    image = Image.fromarray(level)
    deep = level.astype(np.uint16) * 257
    ink = 255 - level
    black = np.zeros_like(level)
    if kind == "rgb":
        image.convert("RGB").save(path)
    elif kind == "blue ink":
        Image.fromarray(np.stack([level, level, np.full_like(level, 255)], axis=-1)).save(path)
    elif kind == "palette":
        image.quantize(16).save(path)
    elif kind == "one bit":
        image.convert("1", dither=Image.Dither.NONE).save(path)
    elif kind == "16 bits":
        Image.fromarray(deep).save(path)
    elif kind == "32 bits":
        Image.fromarray(deep.astype(np.int32) * 1000).save(path, "TIFF")
    elif kind == "float":
        Image.fromarray(level / np.float32(256)).save(path, "TIFF")
    elif kind == "cmyk":
        image.convert("RGB").convert("CMYK").save(path, "JPEG", quality=95)
    elif kind == "black on nothing":
        Image.merge("LA", [Image.fromarray(black), Image.fromarray(ink)]).save(path)
    elif kind == "white on nothing":
        Image.merge("LA", [Image.fromarray(255 - black), Image.fromarray(ink)]).save(path)
    elif kind == "round corners":
        h, w = level.shape
        i, j = np.ogrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j]
        seen = np.where(abs(i) ** 8 + abs(j) ** 8 < 1, 255, 0).astype(np.uint8)
        hidden = np.where(seen > 0, level, 0).astype(np.uint8)
        Image.merge("LA", [Image.fromarray(hidden), Image.fromarray(seen)]).save(path)
    elif kind == "palette with a transparent colour":
        image.point(lambda value: 255 if value > 100 else 0).convert("P").save(path, transparency=255)
    elif kind == "turned by exif":
        exif = Image.Exif()
        exif[0x0112] = 6
        image.transpose(Image.Transpose.ROTATE_90).save(path, "JPEG", quality=95, exif=exif)
    elif kind == "gif":
        image.save(path, "GIF")
    elif kind == "webp":
        image.convert("RGB").save(path, "WEBP")
    else:
        raise AssertionError(kind)


KINDS = [
    "rgb",
    "blue ink",
    "palette",
    "one bit",
    "16 bits",
    "32 bits",
    "float",
    "cmyk",
    "black on nothing",
    "white on nothing",
    "round corners",
    "palette with a transparent colour",
    "turned by exif",
    "gif",
    "webp",
]


@pytest.fixture(scope="module")
def seen(digits: Grey) -> list[tuple[Grey, Grey]]:
    """Pictures, and the digit that is found in each."""
    rng = np.random.default_rng(2)
    levels = [render(digit, rng, size=(120, 160)) for digit in digits[::13]]
    return [(level, like_mnist(level)) for level in levels]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_shows_the_same_digit(seen: list[tuple[Grey, Grey]], tmp_path: Path, kind: str) -> None:
    path = tmp_path / "picture.png"  # the reader looks at the content, not at the name
    found = []
    for level, digit in seen:
        saved(path, kind, level)
        found.append(likeness((read_digit(path)[..., 0] * 256).astype(np.uint8), digit))
    assert np.median(found) > 0.9
    assert min(found) > 0.6


@pytest.mark.smoke
def test_sixteen_bits_of_28_x_28_are_rounded_exactly(digits: Grey, tmp_path: Path) -> None:
    path = tmp_path / "digit.png"
    Image.fromarray(digits[3].astype(np.uint16) * 257).save(path)
    assert np.array_equal(read_digit(path)[..., 0], digits[3] / np.float32(256))


def test_specks_are_dropped(digits: Grey) -> None:
    rng = np.random.default_rng(4)
    for digit in digits[::13]:
        level = render(digit, rng, size=(200, 260), share=(0.6, 0.7))
        clean = like_mnist(level)
        level[4:8, 5:9] = level[190:193, 250:254] = 0
        assert likeness(like_mnist(level), clean) > 0.95


@pytest.mark.smoke
@pytest.mark.parametrize("width", [2, 5, 12])
def test_a_thin_pen_gives_full_strokes(width: int) -> None:
    from PIL import ImageDraw

    image = Image.new("L", (400, 300), 240)
    ImageDraw.Draw(image).line([(150, 40), (230, 60), (150, 150), (240, 200), (140, 260)], fill=30, width=width)
    found = like_mnist(np.asarray(image))
    assert found.max() == 255
    ink = np.count_nonzero(found > 127)
    assert 35 < ink < 140  # MNIST's digits have 40 to 200 such pixels


def test_results_have_the_form_of_mnist(digits: Grey) -> None:
    rng = np.random.default_rng(3)
    for digit in digits[::9]:
        found = like_mnist(render(digit, rng, size=(75, 110)))
        rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
        assert max(np.ptp(rows), np.ptp(columns)) + 1 <= 20
        assert found[:, 0].max() == found[0].max() == 0
        mass = found.sum(dtype=float)
        assert abs(found.sum(axis=1) @ np.arange(28) / mass - 14) <= 0.5
        assert abs(found.sum(axis=0) @ np.arange(28) / mass - 14) <= 0.5


@given(level=arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_any_picture_is_a_digit_or_shows_nothing(level: Grey) -> None:
    try:
        found = like_mnist(level)
    except NothingToSeeError as error:
        assert str(error).startswith("must show ink that differs from its paper")
    else:
        assert found.shape == (28, 28) and found.dtype == np.uint8 and found.max() > 0


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (3, 900), (28, 29)])
def test_extreme_shapes_are_accepted(size: tuple[int, int]) -> None:
    level = np.zeros(size, np.uint8)
    level[: max(1, size[0] // 3), : max(1, size[1] // 3)] = 200
    assert like_mnist(level).shape == (28, 28)


def refused(path: Path, error: type[Exception] = ValueError) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(error) as caught:
            read_digit(path)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert "\n" not in str(caught.value)
    return str(caught.value)


NOTHING = "must show ink that differs from its paper, beyond the noise, by 16 of 255 grey levels; got "


@pytest.mark.smoke
@pytest.mark.parametrize("size", [(28, 28), (1, 1), (60, 90), (700, 500)])
@pytest.mark.parametrize("level", [0, 7, 255])
def test_a_blank_sheet_shows_nothing(tmp_path: Path, size: tuple[int, int], level: int) -> None:
    path = tmp_path / "blank.png"
    Image.fromarray(np.full(size, level, np.uint8)).save(path)
    assert refused(path) == f"{path} {NOTHING}0"


@pytest.mark.smoke
def test_faint_ink_and_mere_noise_show_nothing(tmp_path: Path) -> None:
    path = tmp_path / "faint.png"
    level = np.full((60, 90), 200, np.uint8)
    level[20:40, 30:50] -= 15
    Image.fromarray(level).save(path)
    assert refused(path) == f"{path} {NOTHING}15"
    small = np.zeros((28, 28), np.uint8)
    small[9:20, 12:15] = 15
    Image.fromarray(small).save(path)
    assert refused(path) == f"{path} {NOTHING}15"
    rng = np.random.default_rng(0)
    for deviation in (2, 8, 25):
        noise = 130 + deviation * rng.standard_normal((200, 250))
        Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(path)
        assert refused(path).startswith(f"{path} {NOTHING}")
    Image.new("RGBA", (60, 90), (200, 0, 0, 0)).save(path)
    assert refused(path) == f"{path} {NOTHING}0"


@pytest.mark.smoke
def test_a_file_that_is_not_a_picture_is_named(tmp_path: Path) -> None:
    path = tmp_path / "digit.png"
    assert refused(path, FileNotFoundError) == f"there is no file '{path}'"
    assert refused(tmp_path, IsADirectoryError) == f"{tmp_path} must be a picture; it is a folder"
    for content in (b"", b"a digit", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"):
        path.write_bytes(content)
        assert refused(path) == f"{path} must be a picture (PNG, JPEG, WEBP, GIF, BMP, TIFF, PPM); it is not one"


@pytest.mark.smoke
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_a_cut_off_picture_is_named(tmp_path: Path, digits: Grey, kind: str) -> None:
    path = tmp_path / "digit"
    level = render(digits[0], np.random.default_rng(0), size=(300, 200), noise=9)
    Image.fromarray(level).convert("RGB" if kind == "WEBP" else "L").save(path, kind)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert refused(path).startswith(f"{path} must be a ")


def test_a_gigantic_picture_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.png"
    monkeypatch.setattr(decode, "MAX_PIXELS", 5000)
    Image.new("L", (100, 51)).save(path)
    assert refused(path) == f"{path} must have at most 5,000 pixels; got 100 x 51"
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3000)  # Pillow's own limit: above it a warning, above twice an error
    assert refused(path) == f"{path} must have at most 5,000 pixels; got 100 x 51"
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
    assert refused(path) == f"{path} must have at most 5,000 pixels; it has over twice as many"


def altered(path: Path, digit: Grey, kind: str, data: st.DataObject) -> Path:
    """Write a picture of the digit with one to three other bytes."""
    file = io.BytesIO()
    Image.fromarray(digit).resize((40, 30)).save(file, kind, **({"progressive": True} if kind == "JPEG" else {}))
    content = bytearray(file.getvalue())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    return path


@settings(max_examples=100)
@given(data=st.data())
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF"])
def test_altered_bytes_are_a_picture_or_a_one_line_error(
    tmp_path_factory: pytest.TempPathFactory, digits: Grey, kind: str, data: st.DataObject
) -> None:
    path = altered(tmp_path_factory.getbasetemp() / f"altered-{kind}", digits[1], kind, data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            assert decode.read_picture(path).pixels.dtype == np.uint8
        except ValueError as error:
            assert str(error).startswith(str(path)) and "\n" not in str(error)


@settings(max_examples=12)
@given(data=st.data())
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF"])
def test_altered_bytes_are_a_digit_or_a_one_line_error(
    tmp_path_factory: pytest.TempPathFactory, digits: Grey, kind: str, data: st.DataObject
) -> None:
    path = altered(tmp_path_factory.getbasetemp() / f"altered-{kind}", digits[1], kind, data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            assert read_digit(path).shape == (28, 28, 1)
        except ValueError as error:
            assert str(error).startswith(str(path)) and "\n" not in str(error)
