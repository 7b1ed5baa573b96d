"""Photographs as people take them: what is no digit is left out, several digits each get a place, doubts are told."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from convlens.data import load, read_digits
from convlens.data.handwriting.digits import find_digits

Grey = NDArray[np.uint8]
H, W = 300, 400


@pytest.fixture(scope="module")
def digits() -> Grey:
    """A real digit of each class, uint8 (10, 28, 28)."""
    embedded = load("embedded")
    rows = [np.flatnonzero(embedded.y_valid == label)[3] for label in range(10)]
    return (embedded.x_valid[rows, ..., 0] * 256).astype(np.uint8)


def sheet(digit: Grey, side: int = 150, at: tuple[int, int] = (150, 200), shade: float = 1) -> NDArray[np.float64]:
    """A light sheet (H, W) with the digit around `at`."""
    level = np.full((H, W), 225.0)
    drawn = np.asarray(Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)) / 255
    top, left = at[0] - side // 2, at[1] - side // 2
    level[top : top + side, left : left + side] *= 1 - 0.85 * shade * drawn
    return level


def photo(level: NDArray[np.float64]) -> Grey:
    """Noise and JPEG."""
    noisy = level + np.random.default_rng(0).normal(0, 3, level.shape)
    file = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=85)
    return np.asarray(Image.open(file))


def level_of(image: Image.Image) -> NDArray[np.float64]:
    level: NDArray[np.float64] = np.asarray(image).astype(np.float64)
    return level


def likeness(found: Grey | NDArray[np.float32], digit: Grey) -> float:
    """The largest correlation of two digits, one of them moved by at most a pixel."""
    moved = (np.roll(found, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1))
    return max(float(np.corrcoef(other.ravel(), digit.ravel())[0, 1]) for other in moved)


def drawn(level: NDArray[np.float64], draw: Callable[[ImageDraw.ImageDraw], None]) -> NDArray[np.float64]:
    image = Image.fromarray(level.clip(0, 255).astype(np.uint8))
    draw(ImageDraw.Draw(image))
    return level_of(image)


def desk(level: NDArray[np.float64]) -> NDArray[np.float64]:
    out: NDArray[np.float64] = 70.0 + np.zeros((H + 120, W + 160)) + 12 * np.sin(np.arange(H + 120) / 3)[:, np.newaxis]
    out[60 : H + 60, 80 : W + 80] = level
    return out


def frame(level: NDArray[np.float64]) -> NDArray[np.float64]:
    out = level.copy()
    out[:9] = out[-25:] = 5
    out[:, -14:] = 5
    return out


def finger(level: NDArray[np.float64]) -> NDArray[np.float64]:
    return drawn(level, lambda pen: pen.ellipse((-60, H - 90, 90, H + 60), fill=120))


def box(level: NDArray[np.float64]) -> NDArray[np.float64]:
    return drawn(level, lambda pen: pen.rectangle((95, 50, 310, 245), outline=60, width=3))


def fold(level: NDArray[np.float64]) -> NDArray[np.float64]:
    out = drawn(level, lambda pen: pen.line((0, 130, W, 142), fill=110, width=2))
    out[136:] *= 0.85
    return out


def ruled(level: NDArray[np.float64]) -> NDArray[np.float64]:
    def lines(pen: ImageDraw.ImageDraw) -> None:
        for y in range(-20, H, 31):
            pen.line((0, y, W, y + 12), fill=110, width=2)

    return np.minimum(level, drawn(np.full((H, W), 255.0), lines))


def squared(level: NDArray[np.float64]) -> NDArray[np.float64]:
    def lines(pen: ImageDraw.ImageDraw) -> None:
        for x in range(0, W, 31):
            pen.line((x, 0, x - 9, H), fill=110, width=2)

    return np.minimum(ruled(level), drawn(np.full((H, W), 255.0), lines))


def hard_shadow(level: NDArray[np.float64]) -> NDArray[np.float64]:
    out = level.copy()
    i, j = np.mgrid[0:H, 0:W]
    out[3 * j - 2 * i > 300] *= 0.45
    return out


def page_edge(level: NDArray[np.float64]) -> NDArray[np.float64]:
    out = level.copy()
    out[:, :20] = 40
    out[:, 20:24] *= 0.7
    return out


def tick(level: NDArray[np.float64]) -> NDArray[np.float64]:
    return drawn(level, lambda pen: pen.line([(330, 40), (340, 60), (370, 20)], fill=40, width=5))


TROUBLES = [desk, frame, finger, box, fold, ruled, squared, hard_shadow, page_edge, tick]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
def test_the_digit_is_found_in_spite_of_the_trouble(digits: Grey, trouble: Callable[..., NDArray[np.float64]]) -> None:
    found = []
    for digit in digits[[2, 3, 5, 7, 9]]:
        (one,) = find_digits(photo(trouble(sheet(digit))))
        found.append(likeness(one.image[..., 0], digit))
    assert np.median(found) > 0.9
    assert min(found) > 0.8


@pytest.mark.parametrize("label", [2, 3])
@pytest.mark.parametrize("dark", [0.5, 0.7])
def test_a_fold_that_joins_a_digit_to_the_border_is_left_out(digits: Grey, label: int, dark: float) -> None:
    """The fold is darker above the digit than below. Its dark part joins the digit to the border."""
    level = sheet(digits[label])
    i, j = np.mgrid[0:H, 0:W]
    distance = j - 190 + 0.05 * i
    level *= 1 - (dark + (0.35 - dark) * i / H) * np.exp(-((distance / 2) ** 2))
    level[distance > 0] *= 0.85
    (found,) = find_digits(photo(level))
    assert likeness(found.image[..., 0], digits[label]) > 0.8


def test_a_line_at_the_border_is_doubted_however_sure_the_network_is() -> None:
    line = photo(drawn(np.full((H, W), 225.0), lambda pen: pen.line((200, 130, 206, H), fill=60, width=6)))
    (found,) = find_digits(line)
    assert found.firm == ("it reaches the border of the picture: it may be a line",)
    assert found.doubts == ()


def thick_zero(level: NDArray[np.float64]) -> NDArray[np.float64]:
    def loop(pen: ImageDraw.ImageDraw) -> None:
        pen.ellipse((150, 80, 250, 220), fill=40)
        pen.ellipse((188, 135, 214, 170), fill=225)

    return drawn(level, loop)


@pytest.mark.parametrize("trouble", [None, hard_shadow, finger], ids=["alone", "hard shadow", "finger"])
def test_a_thick_zero_with_a_small_hole_is_found(trouble: Callable[..., NDArray[np.float64]] | None) -> None:
    level = thick_zero(np.full((H, W), 225.0))
    (found,) = find_digits(photo(level if trouble is None else trouble(level)))
    top, left, bottom, right = found.box
    assert abs(top - 80) < 6 and abs(left - 150) < 6 and abs(bottom - 220) < 6 and abs(right - 250) < 6
    assert found.image[14, 5:23, 0].min() < 0.3 < 0.7 < found.image[14, 7:10, 0].max()


def test_areas_are_no_strokes(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("areas") / "stain.png"
    level = drawn(np.full((H, W), 225.0), lambda pen: pen.rectangle((150, 80, 260, 220), fill=40))
    Image.fromarray(level.astype(np.uint8)).save(path)
    with pytest.raises(ValueError, match=r"by 16 of 255 grey levels; got areas without strokes$"):
        read_digits(path)


def test_what_is_left_out_is_told(digits: Grey) -> None:
    assert find_digits(photo(tick(sheet(digits[3]))))[0].remarks == ("1 other mark was left out",)
    assert find_digits(photo(box(sheet(digits[3]))))[0].remarks == ("4 lines were removed",)
    assert find_digits(photo(sheet(digits[3])))[0].remarks == ()


def test_several_digits_are_found_from_left_to_right(digits: Grey) -> None:
    level = np.minimum(sheet(digits[4], 120, (150, 80)), sheet(digits[1], 120, (146, 190)))
    level = np.minimum(level, sheet(digits[7], 120, (155, 300)))
    found = find_digits(photo(level))
    assert len(found) == 3
    for digit, want, middle in zip(found, digits[[4, 1, 7]], (80, 190, 300), strict=True):
        _, left, _, right = digit.box
        assert left < middle < right
        assert np.corrcoef(digit.image.ravel(), want.ravel())[0, 1] > 0.6


def test_the_box_lies_around_the_digit_in_pixels_of_the_picture(digits: Grey) -> None:
    level = np.full((900, 1300), 230.0)
    level[300:420, 800:920] = sheet(digits[5], 120, (60, 60))[:120, :120]
    (found,) = find_digits(photo(level))
    top, left, bottom, right = found.box
    assert 300 <= top < bottom <= 420 and 800 <= left < right <= 920
    assert bottom - top > 60


def test_a_drawing_of_28_x_28_off_the_centre_is_centred(digits: Grey) -> None:
    for digit in digits[[0, 2, 6]]:
        moved = np.roll(digit, (3, -4), (0, 1))
        for level in (moved, 255 - moved):
            (found,) = find_digits(level)
            assert not found.kept
            assert np.corrcoef(found.image.ravel(), digit.ravel())[0, 1] > 0.7
        assert find_digits(digit)[0].kept


def test_a_wide_mark_and_one_at_the_border_are_doubted(digits: Grey) -> None:
    (wide,) = find_digits(photo(sheet(np.rot90(digits[1]).copy())))
    assert wide.doubts == ("it is wider than a digit: it may be turned, or several digits that touch",)
    cut = photo(sheet(digits[5])[:150])
    assert find_digits(cut)[0].doubts[0] == "it reaches the border of the picture"


@pytest.mark.parametrize("colours", [((255, 0, 0), (0, 130, 0)), ((0, 0, 255), (76, 0, 0))])
def test_ink_and_paper_of_equal_brightness_differ_in_colour(
    digits: Grey, tmp_path_factory: pytest.TempPathFactory, colours: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    cover = (1 - sheet(digits[4], shade=1.17) / 225)[..., np.newaxis].clip(0, 1)
    ink, paper = (np.array(colour, dtype=float) for colour in colours)
    path = tmp_path_factory.mktemp("colours") / "photo.png"
    Image.fromarray((paper * (1 - cover) + ink * cover).astype(np.uint8)).save(path)
    (found,) = read_digits(path)
    assert np.corrcoef(found.image.ravel(), digits[4].ravel())[0, 1] > 0.8
