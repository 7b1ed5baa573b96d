"""A link from the report into the explorer's page, which shows one picture there: the fragment of `model/link.js`."""

from __future__ import annotations

import base64
import json
import zlib
from html import escape

from convlens.arrays import Array

__all__ = ["explorer_link"]


def explorer_link(page: str, network: str, image: Array, label: int) -> str:
    """Return a sentence that links to `page` with this picture (h, w, c) and its class, as HTML."""
    pixels = [float(f"{value:.9g}") for value in image.ravel()]  # nine digits are enough for float32
    view = {"part": "network", "network": network, "image": pixels, "label": label, "mode": "value", "ties": "first"}
    fragment = base64.urlsafe_b64encode(zlib.compress(json.dumps(view).encode())).decode().rstrip("=")
    link = f'<a href="{escape(page)}#view={fragment}">The explorer\'s page with this picture</a>'
    return f"<p>{link} shows every number of the network, forward and backward, also for digits that you draw.</p>\n"
