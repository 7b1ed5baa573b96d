"""Draw docs/growth.svg and print the README's table of speeds: `python -m scripts.make_speed [JSON]`.

The figures come from the file that `python -m benchmarks` writes. The table stands in the README between the lines
`<!-- speed -->` and `<!-- /speed -->`; where it has these lines, the table is written there.
"""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "benchmarks.json"
TARGET, README = ROOT / "docs" / "growth.svg", ROOT / "README.md"
BEGIN, END = "<!-- speed -->", "<!-- /speed -->"
Rows = list[dict[str, Any]]
SERIES = {"convlens numba": ("convlens", "ours"), "torch eager": ("PyTorch", "peer"), "limit": ("limit", "limit")}
LABELS = {
    "threads": "threads",
    "batch": "images in a batch",
    "image size": "rows and columns of an image",
    "network": "million operations for one image, nine networks",
}
PEERS = {"PyTorch": ("torch eager", "torch compile"), "Keras": ("keras tensorflow",), "JAX": ("jax jit",)}
WIDTH, HEIGHT, LEFT, TOP = 380, 270, 64, 70
STYLE = """text{fill:#1f2328;font-family:system-ui,sans-serif}.ground{fill:#fff}.grid{stroke:#d5d9df}
.ours{stroke:#c2410c;fill:#c2410c}.peer{stroke:#4b5563;fill:#4b5563}.limit{stroke:#1d4ed8;fill:#1d4ed8}
polyline{fill:none!important;stroke-width:2}text.ours,text.peer,text.limit{stroke:none}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.ground{fill:#0d1117}.grid{stroke:#343b44}
.ours{stroke:#fb923c;fill:#fb923c}.peer{stroke:#b3bcc8;fill:#b3bcc8}.limit{stroke:#7cb0ff;fill:#7cb0ff}}"""


def series(rows: Rows, axis: str) -> dict[str, list[tuple[float, float]]]:
    """Return program -> points (x, µs for one image)."""
    found: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        match = re.fullmatch(rf"growth with {axis}, ([\d.e+]+): (.+)", row["what"])
        if match and match[2] in SERIES and row["measured"]:
            found.setdefault(match[2], []).append((float(match[1]), row["measured"]))
    return found


def panel(axis: str, lines: dict[str, list[tuple[float, float]]], left: float, top: float) -> list[str]:
    """Return one panel, with logarithmic axes, as SVG elements."""
    points = [point for line in lines.values() for point in line]
    low, high = (round_ten(min(y for _, y in points), math.floor), round_ten(max(y for _, y in points), math.ceil))
    xs = sorted({x for x, _ in points})
    w, h = WIDTH - LEFT - 30, HEIGHT - 90

    def place(x: float, y: float) -> tuple[float, float]:
        across = math.log(x / xs[0]) / math.log(xs[-1] / xs[0]) if len(xs) > 1 else 0.5
        return left + LEFT + across * w, top + 30 + (1 - math.log(y / low) / math.log(high / low)) * h

    out = [f'<text x="{left + 10}" y="{top + 14}" font-size="13">{LABELS[axis]}</text>']
    mark = low
    while mark <= high * 1.01:
        _, y = place(xs[0], mark)
        out.append(f'<line class="grid" x1="{left + LEFT}" x2="{left + LEFT + w}" y1="{y:.1f}" y2="{y:.1f}"/>')
        out.append(f'<text x="{left + LEFT - 6}" y="{y + 4:.1f}" font-size="11" text-anchor="end">{mark:,.0f}</text>')
        mark *= 10
    last = -math.inf
    for x in xs:
        at, _ = place(x, low)
        if at - last > 34:  # no label covers another
            out.append(f'<text x="{at:.1f}" y="{top + h + 48}" font-size="11" text-anchor="middle">{x:g}</text>')
            last = at
    for program, line in lines.items():
        _, kind = SERIES[program]
        dash = ' stroke-dasharray="6 4"' if kind == "limit" else ""
        places = [place(x, y) for x, y in sorted(line)]
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        out.append(f'<polyline class="{kind}" points="{joined}"{dash}/>')
        if kind != "limit":
            out += [f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in places]
    return out


def round_ten(value: float, towards: Any) -> float:
    """Return the power of ten below or above a value."""
    return float(10.0 ** towards(math.log10(value)))


def draw(rows: Rows) -> str:
    """Return the picture as SVG text, with one panel for each axis in the rows."""
    panels = [(axis, lines) for axis in LABELS if (lines := series(rows, axis))]
    if not panels:
        raise ValueError("the file must have results of growth; it has none: python -m benchmarks growth")
    height = TOP + HEIGHT * ((len(panels) + 1) // 2)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {height}" role="img">'
        f"<title>How the cost of a training step grows, beside PyTorch and the machine's limit</title>"
        f'<style>{STYLE}</style><rect class="ground" width="{2 * WIDTH}" height="{height}"/>',
        '<text x="10" y="24" font-size="15">µs for one image of a training step; less is better</text>',
    ]
    for k, (name, kind) in enumerate(SERIES.values()):
        text = "limit: the machine's product speed, without Winograd" if kind == "limit" else name
        dash = ' stroke-dasharray="6 4"' if kind == "limit" else ""
        out.append(f'<polyline class="{kind}" points="{10 + 110 * k},44 {36 + 110 * k},44"{dash}/>')
        out.append(f'<text class="{kind}" x="{42 + 110 * k}" y="48" font-size="12">{text}</text>')
    for k, (axis, lines) in enumerate(panels):
        out += panel(axis, lines, WIDTH * (k % 2), TOP + HEIGHT * (k // 2))
    return "\n".join([*out, "</svg>"]) + "\n"


def table(rows: Rows) -> str:
    """Return the Markdown table of the rows of `benchmarks.networks`: images a second, and the ratio to the fastest."""
    found = {row["what"]: row["measured"] for row in rows if row["measured"] is not None}
    names = [what.removesuffix(", training: convlens numba") for what in found if what.endswith(": convlens numba")]
    lines = ["| network, images a second | convlens | " + " | ".join(PEERS) + " | by the fastest |"]
    lines.append("|---|" + "---|" * (len(PEERS) + 2))
    for name in names:
        what = f"{name}, training: "
        if what + "convlens numba" not in found:
            continue  # a row on memory
        best = [max(found.get(what + one, 0.0) for one in programs) for programs in PEERS.values()]
        ratio = found.get(what + "times as fast as the fastest peer")
        cells = [number(found[what + "convlens numba"]), *map(number, best), f"**{ratio:.2g}**" if ratio else "–"]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def number(value: float) -> str:
    """Format a speed with three significant digits, or a dash if it is absent."""
    return f"{float(f'{value:.3g}'):,.0f}" if value else "–"


def into(text: str, made: str) -> str:
    """Return the text with the table between its two marks; unchanged without them."""
    return re.sub(f"(?s){BEGIN}.*{END}", lambda _: f"{BEGIN}\n{made}\n{END}", text)


def main() -> None:
    """Draw the picture; write the table into the README, or print it where the README has no place for it."""
    benchmarks = json.loads(Path(sys.argv[1] if len(sys.argv) > 1 else RESULTS).read_text())["benchmarks"]
    TARGET.write_text(draw(benchmarks.get("growth", [])), encoding="utf-8")
    made, text = table(benchmarks.get("networks", [])), README.read_text()
    print(made)
    if (after := into(text, made)) != text:
        README.write_text(after)


if __name__ == "__main__":
    main()
