"""A picture of one digit, made as MNIST was: light on dark, at most 20 x 20, centred by mass in 28 x 28."""

from __future__ import annotations

import os

import numpy as np

from convlens.data.digits import Images
from convlens.data.ink import CONTRAST, Box, Levels, NothingToSeeError, find_ink
from convlens.data.picture import Grey, read_grey

__all__ = ["like_mnist", "read_digit"]

_SIDE, _DIGIT, _CENTRE = 28, 20, 14
_WORK = 256  # longest side, in pixels, at which a digit is looked for
_MARGIN = 0.25  # of the digit's longer side: what is left around it for the second look
_FINE = 4  # a stroke is measured and widened at this many times the final resolution
_THIN, _PEN = 1.5, 2.0  # final pixels: a stroke narrower than the first is drawn as wide as the second


def read_digit(path: str | os.PathLike[str]) -> Images:
    """The digit in the picture at `path`, float32 (28, 28, 1), uint8 / 256, ready to be predicted.

    Any size, light on dark or dark on light, on paper that may be uneven, with specks and noise. A picture of 28 x 28
    is taken to be made like MNIST already: its pixels are kept as they are (turned light on dark), so that an exported
    digit predicts exactly as in its data set.

    Raises FileNotFoundError, or ValueError for what is not a picture or shows nothing, naming `path` and the rule.
    """
    try:
        return np.divide(like_mnist(read_grey(path)), 256, dtype=np.float32)[..., np.newaxis]
    except NothingToSeeError as error:
        raise ValueError(f"{os.fspath(path)} {error}") from None


def like_mnist(grey: Grey) -> Grey:
    """Grey levels uint8 (h, w) -> uint8 (28, 28): paper removed, cropped to the ink, scaled and centred.

    Raises NothingToSeeError (a ValueError) when the ink differs from the paper by less than CONTRAST grey levels.
    """
    if grey.shape == (_SIDE, _SIDE):
        contrast = int(grey.max()) - int(grey.min())
        if contrast < CONTRAST:
            raise NothingToSeeError(contrast)
        border = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])
        return grey if np.median(border) < 128 else 255 - grey
    small = _shrunk(grey)
    _, box = find_ink(small)
    ink, box = find_ink(_shrunk(grey[_around(box, small.shape, grey.shape)]))
    return _centred(_scaled(ink[box]))


def _shrunk(grey: Grey) -> Levels:
    """At most _WORK pixels on the longer side, each the mean of those it stands for."""
    from PIL import Image

    longest = max(grey.shape)
    if longest <= _WORK:
        return grey.astype(np.float64)
    h, w = (max(1, round(length * _WORK / longest)) for length in grey.shape)
    return np.asarray(Image.fromarray(grey).resize((w, h), Image.Resampling.BOX), dtype=np.float64)


def _around(box: Box, small: tuple[int, ...], whole: tuple[int, ...]) -> Box:
    """The box found at size `small`, with a margin, at size `whole`."""
    margin = _MARGIN * max(side.stop - side.start for side in box)
    rows, columns = (
        slice(max(0, int((side.start - margin) * b / a)), min(b, int(np.ceil((side.stop + margin) * b / a))))
        for side, a, b in zip(box, small, whole, strict=True)
    )
    return rows, columns


def _scaled(ink: Levels) -> Grey:
    """Ink 0 … 1, cropped -> grey levels with a longer side of 20 pixels; thin strokes widened, or they would fade."""
    from PIL import Image, ImageFilter

    h, w = (max(1, round(length * _DIGIT / max(ink.shape))) for length in ink.shape)
    image = Image.fromarray(np.rint(ink * 255).astype(np.uint8))
    fine = image.resize((w * _FINE, h * _FINE), Image.Resampling.BOX)
    width = _stroke_width(np.asarray(fine)) / _FINE
    if width < _THIN:
        reach = round((_PEN - width) * _FINE / 2)
        level = np.asarray(fine.filter(ImageFilter.MaxFilter(2 * reach + 1)), dtype=np.float64)
        image = Image.fromarray(np.rint(level * (255 / level.max())).astype(np.uint8))
    return np.asarray(image.resize((w, h), Image.Resampling.HAMMING))


def _stroke_width(level: Grey) -> float:
    """The mean width of the strokes in pixels: twice the area over the outline."""
    stroke = np.pad(level > level.max() / 2, 1)
    outline = np.count_nonzero(stroke[1:] != stroke[:-1]) + np.count_nonzero(stroke[:, 1:] != stroke[:, :-1])
    # counted along pixel edges, a line of any direction is 4 / pi of its length on average
    return 2 * np.count_nonzero(stroke) / (outline * np.pi / 4)


def _centred(digit: Grey) -> Grey:
    """In the middle of 28 x 28 by centre of mass, to the nearest pixel; in MNIST it is 13.5 to 14.5 both ways."""
    h, w = digit.shape
    mass = digit.astype(np.float64)
    i, j = mass.sum(axis=1) @ np.arange(h) / mass.sum(), mass.sum(axis=0) @ np.arange(w) / mass.sum()
    top, left = min(max(0, round(_CENTRE - i)), _SIDE - h), min(max(0, round(_CENTRE - j)), _SIDE - w)
    whole = np.zeros((_SIDE, _SIDE), np.uint8)
    whole[top : top + h, left : left + w] = digit
    return whole
