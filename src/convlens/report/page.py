"""The parts of a report's HTML page: formatted numbers, tables, pictures, and the style. No scripts, no links."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from convlens.arrays import Array
from convlens.report.pixels import Pixels, data_uri, fold, grey, shrink, zoom

if TYPE_CHECKING:
    from convlens.nn.layer import Shape

__all__ = [
    "cells",
    "count",
    "document",
    "image",
    "loss",
    "name",
    "number",
    "percent",
    "picture",
    "section",
    "shape",
    "strip",
    "table",
    "tiles",
]

_STRIP, _UNITS = 128, 1024  # the most units in one row of a strip, and in a strip
_LARGEST = 128  # the longest side of a feature map on the screen
_NAME = 24  # the most letters of a class's name that are shown


def percent(value: float | None, decimals: int = 2) -> str:
    """Format a fraction as a percentage: 0.965 -> 96.50 %. None gives a dash."""
    return "—" if value is None else f"{value * 100:.{decimals}f}\u00a0%"


def loss(value: float | None) -> str:
    """Format a loss with four decimals. None gives a dash."""
    return "—" if value is None else f"{value:.4f}"


def number(value: float) -> str:
    """Format a number with two decimals and a typographic minus: -0.384 -> −0.38."""
    return f"{value:.2f}".replace("-", "−")


def shape(sizes: Shape) -> str:
    """Format a shape: (5, 5, 16) -> 5 × 5 × 16."""
    return " × ".join(map(str, sizes))


def count(n: int, what: str) -> str:
    """Format a count with its noun: 1,000 images, 1 image."""
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def name(text: str, longest: int = _NAME) -> str:
    """Return the name of a class as HTML. A long name is cut, and the whole name appears under the mouse pointer.

    Names of any script keep their own direction, so that the text around a name in Arabic or Hebrew stays in order.
    """
    if text.isascii() and text.isprintable() and len(text) <= longest:
        return escape(text)
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    title = "" if cut == text else f' title="{escape(text)}"'
    return f"<bdi{title}>{escape(cut)}</bdi>"


def section(title: str, content: str) -> str:
    """Return a section with its heading. `content` is HTML."""
    return f'<section id="{title.lower().replace(" ", "-")}">\n<h2>{escape(title)}</h2>\n{content}\n</section>'


def table(head: Sequence[str], rows: Iterable[Sequence[object]], foot: Sequence[object] | None = None) -> str:
    """Return a table of texts. The first cell of a row is its heading. Columns of numbers are aligned to the right."""
    texts = [[str(cell) for cell in row] for row in (*rows, *([foot] if foot else []))]
    lines = [[escape(cell) for cell in row] for row in texts]
    return cells(head, lines[: len(lines) - bool(foot)], lines[-1] if foot else None)


def cells(head: Sequence[str], rows: Iterable[Sequence[str]], foot: Sequence[str] | None = None) -> str:
    """Return a table as `table` does, of cells that are HTML. `head` is text."""
    every = [*rows, *([foot] if foot else [])]
    numeric = [all(row[k] == "" or row[k][0].isdigit() or row[k] == "—" for row in every) for k in range(len(head))]
    marks = [' class="number"' if right else "" for right in numeric]

    def line(row: Sequence[str]) -> str:
        (mark, first), *others = zip(marks, row, strict=True)
        rest = "".join(f"<td{mark}>{cell}</td>" for mark, cell in others)
        return f'<tr><th scope="row"{mark}>{first}</th>{rest}</tr>'

    top = "".join(f'<th scope="col"{mark}>{escape(cell)}</th>' for mark, cell in zip(marks, head, strict=True))
    lines = [line(row) for row in every]
    bottom = f"\n<tfoot>{lines.pop()}</tfoot>" if foot else ""
    body = "\n".join(lines)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead>\n<tbody>\n{body}\n</tbody>{bottom}</table></div>'


def image(pixels: Pixels, size: float, alt: str) -> str:
    """Return an <img> element whose pixels are drawn `size` x `size` screen pixels large."""
    h, w = (max(1, round(side * size)) for side in pixels.shape[:2])
    smooth = "" if float(size).is_integer() else ' class="smooth"'
    return f'<img src="{data_uri(pixels)}" width="{w}" height="{h}" alt="{escape(alt)}"{smooth}>'


def picture(x: Array, longest: int, alt: str, limits: tuple[float, float] = (0.0, 1.0)) -> str:
    """Return an image (h, w, c) whose longer side is about `longest` screen pixels.

    A small image is enlarged without smoothing; a large one is averaged to at most 1.5 times `longest`, so that the
    page stays small. limits: the numbers that are black and white, see `convlens.report.pixels.grey`.
    """
    painted = shrink(grey(x, *limits), longest * 3 // 2)
    side = max(painted.shape[:2])
    return image(painted, longest // side if side <= longest else longest / side, alt)


def tiles(painted: Pixels, label: str, like: Shape | None = None, most: int = 64) -> str:
    """Return maps (n, h, w, 4) side by side, at most the first `most`. Screen readers read `label` aloud.

    like: the (h, w) of other maps. These maps are drawn as far apart as the others, so that they line up. Maps with a
    side above 128 are averaged to fewer pixels.
    """
    shown = [shrink(part, _LARGEST) for part in painted[:most]]
    h, w = shown[0].shape[:2]
    size = _zoom(*painted.shape[1:3]) * painted.shape[1] / h
    cell = round(w * size)
    if like is not None:
        cell = max(w, round(like[1] * _zoom(*like[:2])))
        size = cell // w
    images = "\n".join(image(part, size, "") for part in shown)
    more = f"\n<p>The first {len(shown)} of {len(painted):,}.</p>" if len(painted) > len(shown) else ""
    return (
        f'<div class="tiles" style="--cell:{cell}px" role="img" aria-label="{escape(label)}">\n{images}\n</div>{more}'
    )


def _zoom(h: int, w: int) -> float:
    """Return how large one pixel of a map is drawn: a whole number, or below 1 if a side is above 128."""
    side = max(h, w)
    return _LARGEST / side if side > _LARGEST else max(1, min(zoom(side), _LARGEST // side))


def strip(painted: Pixels, label: str) -> str:
    """Return units (n, 4) side by side in rows of equal length, at most the first 1,024.

    Screen readers read `label` aloud.
    """
    cells = fold(painted[:_UNITS], _STRIP).repeat(2, axis=0)
    more = f"\n<p>The first {_UNITS:,} of {len(painted):,}.</p>" if len(painted) > _UNITS else ""
    return f'<div class="strip">{image(cells, 8, label)}</div>{more}'


def document(title: str, body: str) -> str:
    """Return the whole page. `title` is text, `body` is HTML."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


_STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --soft: #57606a; --paper: #fff; --card: #f6f8fa; --line: #d0d7de;
  --wrong: #e5534b; --right: #1a7f37; --bar: #e0701a }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --soft: #9da7b3; --paper: #0d1117; --card: #161b22; --line: #30363d;
    --wrong: #d1453d; --right: #3fb950 } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif }
main { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1rem 3rem }
h1 { font-size: 1.8rem; margin: 0 0 1rem; overflow-wrap: anywhere }
h2 { font-size: 1.3rem; margin: 2.5rem 0 .5rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line) }
h3 { font-size: 1rem; margin: 1.25rem 0 .4rem }
h3 span, p, caption { color: var(--soft); font-weight: normal }
p { max-width: 46rem }
.figures { display: flex; flex-wrap: wrap; gap: .6rem; margin: 0 }
.figures div { flex: 1 1 11.5rem; background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: .5rem .75rem }
dt { color: var(--soft); font-size: .85rem }
dd { margin: 0; font-size: 1.25rem; font-weight: 600; overflow-wrap: anywhere; font-variant-numeric: tabular-nums }
.curves { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 1rem }
svg { width: 100%; height: auto; stroke-linejoin: round }
svg text { font-family: system-ui, sans-serif !important }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .7rem; text-align: left; border-bottom: 1px solid var(--line) }
th { font-weight: 600 }
td:not([class]) { min-width: 8rem }
thead th { color: var(--soft); white-space: nowrap }
.number { text-align: right; white-space: nowrap }
tfoot th, tfoot td { border-bottom: 0; font-weight: 600 }
caption { text-align: left; padding-bottom: .4rem }
.confusion td, .confusion th { text-align: center; min-width: 2.6rem; padding: .3rem .4rem;
  border: 1px solid var(--line) }
.confusion td { background: color-mix(in srgb, var(--wrong) var(--heat, 0%), transparent) }
.confusion .hit { color: var(--right); font-weight: 600; background: color-mix(in srgb, var(--right) 12%, transparent) }
.confusion .none { color: color-mix(in srgb, var(--soft) 45%, transparent) }
.confusion .sum { color: var(--soft); border-width: 0 0 1px; white-space: nowrap; text-align: right }
.confusion thead th { vertical-align: bottom }
.confusion thead .turned { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left }
.confusion tbody th { white-space: nowrap; text-align: left }
img { image-rendering: pixelated; display: block; max-width: 100%; height: auto }
img.smooth { image-rendering: auto }
.mistakes { display: grid; grid-template-columns: repeat(auto-fill, minmax(7.2rem, 1fr)); gap: .75rem }
figure { margin: 0; padding: .6rem; background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  break-inside: avoid }
figure img { margin: 0 auto }
figcaption { margin-top: .4rem; font-size: .85rem; line-height: 1.35; font-variant-numeric: tabular-nums }
.alike { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 28rem), 1fr)); gap: .75rem }
.alike figure { display: grid; grid-template-columns: minmax(6.6rem, 1.6fr) repeat(5, minmax(0, 1fr)); gap: .4rem .5rem;
  align-items: end; text-align: center; font-size: .8rem; line-height: 1.35; font-variant-numeric: tabular-nums }
.alike div { overflow-wrap: anywhere }
.alike div:first-child { padding-right: 1.1rem; border-right: 1px solid var(--line) }
.alike img { margin: 0 auto .3rem }
.alike b { font-size: .95rem }
.named.alike figure { align-items: start }
.named.alike b { font-size: .8rem }
.alike .other { color: color-mix(in srgb, var(--wrong) 75%, var(--ink)) }
.named.mistakes { grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)) }
figcaption { overflow-wrap: anywhere }
@media (max-width: 32rem) { .alike figure { grid-template-columns: repeat(5, minmax(0, 1fr)) }
  .alike div:first-child { grid-column: 1 / -1; padding: 0; border: 0 } }
.notes { color: var(--soft); padding-left: 1.2rem }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, var(--cell)); justify-items: center; gap: .4rem }
.tiles img, .strip img { outline: 1px solid var(--line) }
.passes { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: .6rem 1.5rem }
.passes .strip { overflow: hidden }
.bar { display: block; height: .8rem; min-width: 1px; background: var(--bar) }
.bars td:last-child { width: 16rem }
pre { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem;
  white-space: pre-wrap }
@media print {
  html { font-size: 9.5px } main { padding: 0 } .wide { overflow: visible } .curves { grid-template-columns: 1fr 1fr }
  h2, h3 { break-after: avoid } tr, svg, .tiles, .confusion, .bars { break-inside: avoid }
  .tiles img, .strip img, .alike img { zoom: .65 }
  .tiles { grid-template-columns: repeat(auto-fill, calc(.65 * var(--cell))) }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact } }
"""
