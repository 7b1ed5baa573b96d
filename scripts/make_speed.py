"""Draw docs/growth.svg, and write the tables of speeds into README.md and docs/performance.md.

    python -m scripts.make_speed [JSON]

The figures come from the file that `python -m benchmarks` writes. A table stands between two marks: see `speed_tables`.
"""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path
from typing import Any

from scripts.speed_tables import into

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "benchmarks.json"
TARGET, PAGES = ROOT / "docs" / "growth.svg", (ROOT / "README.md", ROOT / "docs" / "performance.md")
Rows = list[dict[str, Any]]
SERIES = {"convlens numba": ("convlens", "ours"), "torch eager": ("PyTorch", "peer"), "limit": ("limit", "limit")}
LABELS = {
    "threads": "threads",
    "batch": "images in a batch",
    "image size": "rows and columns of an image",
    "network": "network, by million operations for an image",
}
WIDTH, HEIGHT, LEFT, TOP = 380, 280, 90, 84
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

    out = [f'<text x="{left + 10}" y="{top + 14}" font-size="16">{LABELS[axis]}</text>']
    mark = low
    while mark <= high * 1.01:
        _, y = place(xs[0], mark)
        out.append(f'<line class="grid" x1="{left + LEFT}" x2="{left + LEFT + w}" y1="{y:.1f}" y2="{y:.1f}"/>')
        out.append(f'<text x="{left + LEFT - 6}" y="{y + 5:.1f}" font-size="15" text-anchor="end">{mark:,.0f}</text>')
        mark *= 10
    last = -math.inf
    for x in xs:
        at, _ = place(x, low)
        if at - last > 52:  # no label covers another
            out.append(f'<text x="{at:.1f}" y="{top + h + 53}" font-size="15" text-anchor="middle">{x:g}</text>')
            last = at
    for program, line in lines.items():
        _, kind = SERIES[program]
        dash = ' stroke-dasharray="6 4"' if kind == "limit" else ""
        places = [place(x, y) for x, y in sorted(line)]
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        if axis != "network" or kind == "limit":  # networks are single points, not steps of a growth
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
        '<text x="10" y="26" font-size="18">µs for one image of a training step; less is better</text>',
    ]
    for k, (name, kind) in enumerate(SERIES.values()):
        text = "limit: the machine's product speed, without Winograd" if kind == "limit" else name
        dash = ' stroke-dasharray="6 4"' if kind == "limit" else ""
        out.append(f'<polyline class="{kind}" points="{10 + 130 * k},53 {36 + 130 * k},53"{dash}/>')
        out.append(f'<text class="{kind}" x="{42 + 130 * k}" y="58" font-size="16">{text}</text>')
    for k, (axis, lines) in enumerate(panels):
        out += panel(axis, lines, WIDTH * (k % 2), TOP + HEIGHT * (k // 2))
    return "\n".join([*out, "</svg>"]) + "\n"


def main() -> None:
    """Draw the picture and write the tables."""
    benchmarks = json.loads(Path(sys.argv[1] if len(sys.argv) > 1 else RESULTS).read_text())["benchmarks"]
    for path in PAGES:
        path.write_text(into(path.read_text(encoding="utf-8"), benchmarks), encoding="utf-8")
    TARGET.write_text(draw(benchmarks.get("growth", [])), encoding="utf-8")


if __name__ == "__main__":
    main()
