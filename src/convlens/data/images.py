"""Convert a picture of one digit to the form of MNIST: light on dark, at most 20 x 20, centred by mass in 28 x 28."""

from __future__ import annotations

import os

import numpy as np

from convlens.data.digits import Images
from convlens.data.ink import CONTRAST, Box, Levels, NothingToSeeError, find_ink
from convlens.data.picture import Grey, read_grey

__all__ = ["like_mnist", "read_digit"]

_SIDE, _DIGIT, _CENTRE = 28, 20, 14
_WORK = 256  # the longest side, in pixels, of the picture in which the digit is searched
_MARGIN = 0.25  # the margin around the digit for the second search, as a fraction of its longer side
_FINE = 4  # strokes are measured and widened at 4 times the final resolution
_THIN, _PEN = 1.5, 2.0  # a stroke narrower than _THIN final pixels is widened to _PEN final pixels


def read_digit(path: str | os.PathLike[str]) -> Images:
    """Read the digit in the picture at `path` as float32 (28, 28, 1), uint8 / 256, ready for prediction.

    The picture may have any size, be light on dark or dark on light, and have uneven paper, specks and noise. A picture
    of 28 x 28 is assumed to have the form of MNIST already: its pixels are kept (inverted if it is dark on light), so
    an exported digit gives exactly the prediction that it gives in its data set.

    Raises FileNotFoundError, or ValueError for a file that is not a picture or shows nothing. The text names `path` and
    the rule.
    """
    try:
        return np.divide(like_mnist(read_grey(path)), 256, dtype=np.float32)[..., np.newaxis]
    except NothingToSeeError as error:
        raise ValueError(f"{os.fspath(path)} {error}") from None


def like_mnist(grey: Grey) -> Grey:
    """Convert grey levels uint8 (h, w) to uint8 (28, 28): remove the paper, crop to the ink, scale and centre.

    Raises NothingToSeeError (a ValueError) if the ink differs from the paper by less than CONTRAST grey levels.
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
    """Shrink to at most _WORK pixels on the longer side. Each new pixel is the mean of the pixels it replaces."""
    from PIL import Image

    longest = max(grey.shape)
    if longest <= _WORK:
        return grey.astype(np.float64)
    h, w = (max(1, round(length * _WORK / longest)) for length in grey.shape)
    return np.asarray(Image.fromarray(grey).resize((w, h), Image.Resampling.BOX), dtype=np.float64)


def _around(box: Box, small: tuple[int, ...], whole: tuple[int, ...]) -> Box:
    """Convert a box found in a picture of size `small` to a picture of size `whole`, and add a margin."""
    margin = _MARGIN * max(side.stop - side.start for side in box)
    rows, columns = (
        slice(max(0, int((side.start - margin) * b / a)), min(b, int(np.ceil((side.stop + margin) * b / a))))
        for side, a, b in zip(box, small, whole, strict=True)
    )
    return rows, columns


def _scaled(ink: Levels) -> Grey:
    """Scale cropped ink (0 … 1) to a picture in grey levels whose longer side has 20 pixels.

    Thin strokes are widened first; otherwise they would fade.
    """
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
    """Return the mean width of the strokes in pixels: twice the area divided by the length of the outline."""
    stroke = np.pad(level > level.max() / 2, 1)
    outline = np.count_nonzero(stroke[1:] != stroke[:-1]) + np.count_nonzero(stroke[:, 1:] != stroke[:, :-1])
    # counted along the edges of pixels, an outline is on average 4 / pi times as long as it really is
    return 2 * np.count_nonzero(stroke) / (outline * np.pi / 4)


def _centred(digit: Grey) -> Grey:
    """Place the digit in 28 x 28 with its centre of mass in the middle, to the nearest pixel.

    In MNIST the centre of mass is at 13.5 to 14.5 in both directions.
    """
    h, w = digit.shape
    mass = digit.astype(np.float64)
    i, j = mass.sum(axis=1) @ np.arange(h) / mass.sum(), mass.sum(axis=0) @ np.arange(w) / mass.sum()
    top, left = min(max(0, round(_CENTRE - i)), _SIDE - h), min(max(0, round(_CENTRE - j)), _SIDE - w)
    whole = np.zeros((_SIDE, _SIDE), np.uint8)
    whole[top : top + h, left : left + w] = digit
    return whole
