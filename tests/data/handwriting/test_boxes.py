"""A printed box around a digit is removed as a whole, however short its sides are."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from convlens.data.handwriting.boxes import without_boxes
from convlens.data.handwriting.digits import find_digits

H, W = 400, 300


def sheet(width: int, lean: int = 0) -> Image.Image:
    """A sheet (H, W) with a box whose sides are shorter than 0.4 of the shorter side of the picture."""
    image = Image.new("L", (W, H), 220)
    pen = ImageDraw.Draw(image)
    corners = [(70, 140), (215, 140 + lean), (215 - lean, 250), (70 - lean, 250 - lean), (70, 140)]
    pen.line(corners, fill=90, width=width, joint="curve")
    return image


@pytest.mark.parametrize("width", [3, 6])
@pytest.mark.parametrize("lean", [0, 4])
def test_the_sides_of_a_box_are_not_read_as_ones(width: int, lean: int) -> None:
    image = sheet(width, lean)
    ImageDraw.Draw(image).ellipse((120, 165, 160, 230), outline=40, width=10)
    (found,) = find_digits(np.asarray(image))
    top, left, bottom, right = found.box
    assert abs(top - 165) < 5 and abs(left - 120) < 5 and abs(bottom - 230) < 5 and abs(right - 160) < 5
    assert found.remarks == ("4 lines were removed",)


def test_an_empty_box_and_a_digit_in_an_open_one_are_kept() -> None:
    empty = np.asarray(sheet(3)) < 150
    assert without_boxes(empty)[1] == 0
    open_ = empty.copy()
    open_[150:240, 200:230] = False
    open_[180:230, 120:140] = True
    left, count = without_boxes(open_)
    assert count == 0 and np.array_equal(left, open_)
    closed = empty.copy()
    closed[180:230, 120:140] = True
    left, count = without_boxes(closed)
    assert count == 1 and left.sum() == 1000
