"""Draw the four figures of src/convlens/engines/compiled/README.md.

    python -m scripts.make_engine_figures

The figures are plain SVG. Their white background keeps them readable on dark pages. Their numbers come from the code.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from scripts.svg import BLUE, GREEN, GREY, ORANGE, SOFT, Picture

from convlens.engines.compiled.over_examples import LANES, convolve, from_nhwc

FOLDER = Path(__file__).resolve().parents[1] / "src" / "convlens" / "engines" / "compiled" / "figures"


def cells(picture: Picture, x: float, y: float, size: float, fills: Iterable[str]) -> None:
    """Add a row of squares with these colours."""
    for k, fill in enumerate(fills):
        picture.box(x + k * size, y, size, size, fill)


def register_tile() -> None:
    """Draw one iteration of multiply_tile's innermost loop."""
    p = Picture(760, 300, "A register tile: one vector of x times a number of w for each of eight outputs")
    p.text(20, 28, "One iteration of multiply_tile's inner loop: TILE = 8 outputs, vectors of 16 numbers", 15)
    p.text(20, 62, "w[o, c, a, d]")
    p.text(150, 62, "sums, one vector register for each output o", colour=SOFT)
    for o in range(8):
        p.box(40, 74 + 24 * o, 34, 22, ORANGE, f"o+{o}" if o else "o", 11)
        p.text(96, 90 + 24 * o, "×", 14, "middle")
        cells(p, 150, 74 + 24 * o, 22, [BLUE] * 16)
    p.text(530, 90, "x[c, a, taps[d] + p]")
    cells(p, 530, 100, 13, [GREEN] * 16)
    p.text(530, 136, "one load serves all", colour=SOFT)
    p.text(530, 152, "eight multiply-adds", colour=SOFT)
    p.arrow(525, 107, 508, 107)
    p.text(530, 200, "sum[o] += w[o] × x", 14)
    p.text(530, 220, "w is broadcast. Eight sums", colour=SOFT)
    p.text(530, 236, "hide the latency of the", colour=SOFT)
    p.text(530, 252, "multiply-add.", colour=SOFT)
    p.text(
        20,
        288,
        "The loops over c, a, d run inside the micro-kernel; the sums are stored once, at its end.",
        colour=SOFT,
    )
    p.save(FOLDER / "register-tile.svg")


def lanes() -> None:
    """Draw a block of examples as an Image."""
    p = Picture(760, 300, f"{LANES} examples in lanes: every vector holds one pixel of each example")
    p.text(20, 28, f"An Image: {LANES} examples side by side (drawn: 4)", 15)
    fills = [BLUE, GREEN, ORANGE, GREY]
    for e, fill in enumerate(fills):
        p.text(20, 72 + 56 * e, f"example {e}")
        for row in range(2):
            for column in range(4):
                p.box(96 + 26 * column, 50 + 56 * e + 24 * row, 24, 22, fill, f"{row}{column}", 10)
    p.arrow(215, 155, 262, 155)
    p.text(280, 62, "plane c, row 0, with a frame of one column on each side")
    for row in range(2):
        y = 76 + 92 * row
        for column in range(6):
            for e, fill in enumerate(fills):
                inside = 1 <= column <= 4
                x = 280 + column * 76 + e * 18
                p.box(x, y, 17, 34, fill if inside else "white", f"{row}{column - 1}" if inside else "0", 9)
        p.text(280, y + 52, f"row {row}", colour=SOFT)
    p.text(356, 144, "one column = one vector: pixel (0, 0) of every example", colour=SOFT)
    p.arrow(390, 132, 390, 114)
    p.text(280, 252, "pitch: the distance from one row to the next")
    p.text(280, 270, "One column is a step of 16 numbers, so every vector is aligned, for any kernel.")
    p.save(FOLDER / "lanes.svg")


def tape() -> None:
    """Draw a tape of two calls."""
    p = Picture(760, 260, "A tape: two calls, and a slot that is filled when the tape is played")
    p.text(20, 28, "A tape of two calls: from_nhwc(x=Slot, y=image, …) and convolve(x=image, …)", 15)
    numbers = [
        ("length", GREY), ("slots", GREY),
        ("code", ORANGE), (str(len(from_nhwc.names)), GREY), ("x", GREEN), ("y", BLUE), ("…", "white"),
        ("code", ORANGE), (str(len(convolve(8).names)), GREY), ("x", BLUE), ("…", "white"), ("w", BLUE), ("…", "white"),
        ("at 4", GREEN), ("array 0", GREEN), ("past 0", GREEN),
    ]  # fmt: skip
    for k, (text, fill) in enumerate(numbers):
        p.box(20 + 45 * k, 70, 44, 34, fill, text, 10)
        p.text(42 + 45 * k, 62, str(k) if k < 6 else "", 9, "middle", SOFT)
    p.text(20, 128, "head", colour=SOFT)
    p.text(112, 128, "call 1: machine code, number of arguments, the arguments", colour=SOFT)
    p.text(112, 148, "call 2 follows", colour=SOFT)
    p.text(606, 128, "a slot: the argument,", colour=SOFT)
    p.text(606, 144, "the array, the offset", colour=SOFT)
    p.text(20, 186, "play(tape, slots):", 13)
    p.text(20, 206, "1. write the places of the given arrays into their arguments")
    p.text(20, 224, "2. call the machine code of each kernel with its arguments, without Python between the calls")
    p.text(
        20,
        242,
        "Names are checked when a tape is written. Only plain calls run later, so names cost no time.",
        colour=SOFT,
    )
    p.save(FOLDER / "tape.svg")


def helpers() -> None:
    """Draw the helpers and their mailboxes."""
    p = Picture(760, 290, "Helpers: each has a mailbox; all threads take pieces from one job")
    p.text(20, 28, "Helpers and their mailboxes: two helpers, a job of eight pieces", 15)
    p.box(20, 60, 130, 40, GREY, "calling thread")
    for k, state in enumerate(("AT_WORK", "CALLED")):
        y = 60 + 90 * k
        p.box(250, y, 150, 40, BLUE, f"box {k}: {state}", 11)
        p.box(250, y + 42, 150, 20, BLUE, "place of the job", 10)
        p.box(590, y, 140, 40, GREY, f"helper {k + 1}")
        p.arrow(150, 80, 248, y + 20)
        p.arrow(588, y + 20, 402, y + 20)
    p.text(415, 72, "spins for half a millisecond", 11, colour=SOFT)
    p.text(415, 162, "waits for its lock", 11, colour=SOFT)
    p.text(20, 234, "job")
    p.box(60, 218, 60, 26, ORANGE, "next: 3", 11)
    for k in range(8):
        p.box(130 + 62 * k, 218, 58, 26, GREEN if k < 3 else "white", f"piece {k}", 10)
    p.text(
        20,
        272,
        "Each thread takes the next piece with an atomic add. The bits of a piece do not depend on its thread.",
        colour=SOFT,
    )
    p.save(FOLDER / "helpers.svg")


def main() -> None:
    """Draw all four figures."""
    register_tile()
    lanes()
    tape()
    helpers()


if __name__ == "__main__":
    main()
