"""Convert ink to the form of MNIST: light on dark, at most 20 x 20, centred by mass in 28 x 28."""

from __future__ import annotations

import numpy as np

from convlens.data.handwriting.colours import Grey
from convlens.data.handwriting.ink import CONTRAST, NothingToSeeError
from convlens.data.handwriting.regions import Levels, box_of

__all__ = ["as_mnist", "inverted", "is_like_mnist", "no_contrast"]

_SIDE, _DIGIT, _CENTRE = 28, 20, 14
_OFF = 1.0  # the centre of mass of a digit in MNIST lies within 0.5 pixels of 14; with the noise of a JPEG, within 1
_FAINT = 40  # levels up to this are no ink, when it is asked where the ink lies
_FINE = 4  # strokes are measured and widened at 4 times the final resolution
_THIN, _PEN = 1.5, 2.0  # a stroke narrower than _THIN final pixels is widened to _PEN final pixels


def no_contrast(grey: Grey) -> None:
    """Raise NothingToSeeError if the levels of a picture differ by less than CONTRAST."""
    contrast = int(grey.max()) - int(grey.min())
    if contrast < CONTRAST:
        raise NothingToSeeError(contrast)


def inverted(grey: Grey) -> Grey:
    """Return a picture light on dark: inverted if its border is light."""
    border = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])
    return grey if np.median(border) < 128 else 255 - grey


def is_like_mnist(grey: Grey) -> bool:
    """Whether the ink of a picture (28, 28), light on dark, lies as in MNIST: 20 pixels long, centred by mass."""
    ink = grey > _FAINT
    if not ink.any():
        return False
    rows, columns = box_of(ink)
    longest = max(rows.stop - rows.start, columns.stop - columns.start)
    i, j = _mass_centre(grey.astype(np.float64))
    return 17 <= longest <= 21 and max(abs(i - _CENTRE), abs(j - _CENTRE)) <= _OFF


def as_mnist(ink: Levels) -> Grey:
    """Scale cropped ink (0 … 1) to 20 pixels on its longer side, and centre it in uint8 (28, 28)."""
    return _centred(_scaled(ink))


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


def _mass_centre(mass: Levels) -> tuple[float, float]:
    h, w = mass.shape
    total = float(mass.sum())
    return float(mass.sum(axis=1) @ np.arange(h)) / total, float(mass.sum(axis=0) @ np.arange(w)) / total


def _centred(digit: Grey) -> Grey:
    """Place the digit in 28 x 28 with its centre of mass in the middle, to the nearest pixel.

    In MNIST the centre of mass is at 13.5 to 14.5 in both directions.
    """
    h, w = digit.shape
    i, j = _mass_centre(digit.astype(np.float64))
    top, left = min(max(0, round(_CENTRE - i)), _SIDE - h), min(max(0, round(_CENTRE - j)), _SIDE - w)
    whole = np.zeros((_SIDE, _SIDE), np.uint8)
    whole[top : top + h, left : left + w] = digit
    return whole
