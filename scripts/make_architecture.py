"""Draw docs/architecture.svg, the rooms and their arrows: `python -m scripts.make_architecture`.

The floors are the table of the architecture test, the arrows are the imports that it reads. An arrow that follows from
others is left out: where cli imports training and training imports nn, there is no arrow from cli to nn.
"""

from __future__ import annotations

from pathlib import Path

from scripts.svg import BLUE, GREEN, INK, SOFT, Picture
from tests.support.rooms import FLOORS, PARTS, arrows

TARGET = Path(__file__).resolve().parents[1] / "docs" / "architecture.svg"
WIDTH, BOX, HEIGHT, GAP = 900, 112, 34, 46


def needed(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The arrows that do not follow from others (the transitive reduction)"""
    below: dict[str, set[str]] = {}

    def reach(room: str) -> set[str]:
        if room not in below:
            below[room] = {further for own, other in pairs if own == room for further in {other, *reach(other)}}
        return below[room]

    return {
        (own, other)
        for own, other in pairs
        if not any(other in reach(between) for start, between in pairs if start == own and between != other)
    }


def draw() -> Picture:
    """The picture"""
    floors = [[room for room in floor if room in PARTS] for floor in FLOORS]
    picture = Picture(WIDTH, len(floors) * (HEIGHT + GAP) + 70, "The rooms of convlens on their floors")
    picture.text(20, 28, "The rooms of src/convlens. A room imports only from floors below its own.", 15)
    place: dict[str, tuple[float, float]] = {}
    for number, floor in enumerate(floors):
        y: float = 50 + (len(floors) - 1 - number) * (HEIGHT + GAP)
        picture.text(20, y + 22, f"floor {number + 1}", 11, colour=SOFT)
        step = (WIDTH - 110) / len(floor)
        for k, room in enumerate(floor):
            place[room] = (110 + step * (k + 0.5), y)
    for own, other in sorted(needed(arrows())):
        (x1, y1), (x2, y2) = place[own], place[other]
        picture.arrow(x1, y1 + HEIGHT, x2, y2)
    for room, (x, y) in place.items():
        picture.box(x - BOX / 2, y, BOX, HEIGHT, GREEN if room == "cli" else BLUE, room, 13)
    picture.text(20, picture.height - 14, "An arrow that follows from others is left out.", 11, colour=INK)
    return picture


if __name__ == "__main__":
    draw().save(TARGET)
