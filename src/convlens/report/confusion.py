"""The report's confusion matrix: a table for few classes, the most confused pairs and the worst classes for many."""

from __future__ import annotations

from convlens.inspection.confusion import Confusion
from convlens.report.page import cells, count, name, percent
from convlens.report.shown import Shown

__all__ = ["confusion"]

_CLASSES = 30  # the most classes whose matrix is shown whole
_NAMED = 3  # pairs of confused classes in the text
_LISTED = 20  # pairs and classes in the tables of many classes


def confusion(shown: Shown, found: Confusion) -> str:
    """Return the confusion matrix of the validation part."""
    images, wrong = int(found.images.sum()), int(found.errors.sum())
    often = "; ".join(
        f"{shown.html(k)} predicted as {shown.html(j)} ({count(n, 'time')})" for k, j, n in found.pairs(_NAMED)
    )
    words = (
        f"The network predicts {count(images, 'validation image')}, which it was not trained on: "
        f"{images - wrong:,} right, {wrong:,} wrong. {f'Most frequent mistakes: {often}. ' if often else ''}"
        "The test part, if there is one, is not used."
    )
    if len(found.counts) > _CLASSES:
        return f"<p>{words}</p>\n{_pairs(shown, found)}\n{_worst(shown, found)}"
    return f"<p>{words} The colour of a cell shows its number of mistakes.</p>\n{_matrix(shown, found)}"


def _matrix(shown: Shown, found: Confusion) -> str:
    most = max(1, int(found.errors.max()))
    names = shown.names[: len(found.counts)]
    long = any(len(text) > 3 for text in names)

    def cell(k: int, j: int) -> str:
        n = int(found.counts[k, j])
        if k == j:
            return f'<td class="hit">{n:,}</td>'
        return f'<td style="--heat:{15 + 55 * n / most:.0f}%">{n:,}</td>' if n else '<td class="none">0</td>'

    lines = []
    for k, (images, recall) in enumerate(zip(found.images.tolist(), found.recall, strict=True)):
        row = "".join(cell(k, j) for j in range(len(names)))
        lines.append(
            f'<tr><th scope="row">{shown.html(k)}</th>{row}'
            f'<td class="sum">{images:,}</td><td class="sum">{percent(recall, 1)}</td></tr>'
        )
    columns = [f'<span class="turned">{name(text)}</span>' if long else name(text) for text in names]
    head = "".join(f'<th scope="col">{text}</th>' for text in (*columns, "images", "right"))
    return (
        '<div class="wide"><table class="confusion">\n'
        "<caption>One row for each true label, one column for each prediction</caption>\n"
        f'<thead><tr><th scope="col">true</th>{head}</tr></thead>\n<tbody>\n'
        + "\n".join(lines)
        + "\n</tbody></table></div>"
    )


def _pairs(shown: Shown, found: Confusion) -> str:
    pairs = found.pairs(_LISTED)
    if not pairs:
        return ""
    rows = [(shown.html(k), shown.html(j), f"{n:,}", percent(n / int(found.images[k]), 1)) for k, j, n in pairs]
    return "<h3>The most confused pairs <span>the most frequent first</span></h3>\n" + (
        cells(("true label", "predicted as", "times", "of the label's images"), rows)
    )


def _worst(shown: Shown, found: Confusion) -> str:
    known = [(recall, k) for k, recall in enumerate(found.recall) if recall is not None]
    rows = [
        (shown.html(k), f"{int(found.images[k]):,}", f"{int(found.right[k]):,}", percent(recall, 1))
        for recall, k in sorted(known)[:_LISTED]
    ]
    return f"<h3>The labels predicted worst <span>{len(rows)} of {len(known):,} with images</span></h3>\n" + (
        cells(("true label", "images", "right", "fraction right"), rows)
    )
