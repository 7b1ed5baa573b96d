"""The light on a sheet: a lamp at one side, the darker corners of a lens. It changes slowly and has no edges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convlens.data.handwriting.colours import Grey, resized
from convlens.data.handwriting.regions import Levels

__all__ = ["lighting"]

_DEGREE = 4  # of the polynomial in both coordinates
_SMALL = 48  # the longest side, in pixels, of the picture that it is fitted to
_ROUNDS = 20
_NEAR, _MOST = 0.01, 0.04  # pixels this near to the fit are paper: twice the typical distance, within these bounds
_LEAST = 0.7  # this part of the picture must be paper
_BRIGHT, _SOME = 0.1, 0.08  # if more than the part _SOME is brighter than the fit by _BRIGHT, the fit is that of a desk
_RIDGE = 1e-9  # keeps the equations solvable where all paper lies in few rows
_DARK = 8.0  # levels below this are taken as this, so that their logarithm is no noise


def lighting(grey: Grey, shape: tuple[int, int]) -> Levels:
    """Return the light on the paper of a picture, scaled to `shape` (h, w); its median is 1.

    The logarithm of the paper is a polynomial of degree 4 in both coordinates, fitted to a small copy. Pixels far from
    it (ink, a desk) are left out, and it is fitted again. The light is 1 everywhere if too little of the picture has
    such a light: there is a desk, or a hard shadow. It is 1, too, if much is brighter: the fit is that of the desk.
    """
    even = np.ones(shape, dtype=np.float32)
    logs = np.log(np.maximum(resized(grey, min(1.0, _SMALL / max(grey.shape))).astype(np.float64), _DARK))
    terms, values = _terms(*logs.shape), logs.ravel()
    paper = np.abs(values - np.median(values)) < np.log(2)
    for _ in range(_ROUNDS):
        if paper.sum() < 4 * terms.shape[1]:
            return even
        some = terms[paper]  # Legendre's polynomials are nearly orthogonal: the normal equations are well conditioned
        weights = np.linalg.solve(some.T @ some + _RIDGE * np.eye(some.shape[1]), some.T @ values[paper])
        away = np.abs(values - terms @ weights)
        before, paper = paper, away < min(_MOST, max(_NEAR, 2 * float(np.median(away))))
        if np.array_equal(before, paper):
            break
    fitted = terms @ weights
    if paper.mean() < _LEAST or (values - fitted > _BRIGHT).mean() > _SOME:
        return even
    fitted = fitted[paper]
    light = np.clip(_terms(*shape) @ weights, fitted.min(), fitted.max())
    out: Levels = np.exp(light - np.median(light)).astype(np.float32).reshape(shape)
    return out


def _terms(h: int, w: int) -> NDArray[np.float64]:
    """Return the products of Legendre polynomials up to the degree at each pixel: (h · w, terms)."""
    rows, columns = (np.polynomial.legendre.legvander((2 * np.arange(n) + 1) / n - 1, _DEGREE) for n in (h, w))
    pairs = [(a, b) for a in range(_DEGREE + 1) for b in range(_DEGREE + 1 - a)]
    return np.stack([np.outer(rows[:, a], columns[:, b]).ravel() for a, b in pairs], axis=1)
