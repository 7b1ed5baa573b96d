"""Drawn photographs of handwritten digits: sheets with light, shadow, lines, a desk, a finger; each from a seed."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

__all__ = ["KINDS", "Scene", "photographs"]

Levels = NDArray[np.float64]
Rng = np.random.Generator

H, W = 480, 640


class Scene:
    """A sheet (h, w, 3) in 0 … 1 on which ink is laid: the product of the paper, the ink and the light."""

    def __init__(self, rng: Rng, h: int = H, w: int = W) -> None:
        self.rng, self.h, self.w = rng, h, w
        tint = np.array([1, rng.uniform(0.97, 1), rng.uniform(0.9, 1)])
        self.paper = np.ones((h, w, 3)) * rng.uniform(0.78, 0.95) * tint
        self.light = np.ones((h, w))
        slope = rng.normal(0, 0.08, 2)
        i, j = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j]
        self.light += slope[0] * i + slope[1] * j
        self.noise, self.quality = rng.uniform(1, 4) / 255, int(rng.integers(70, 93))
        self.shade = rng.uniform(0.75, 0.9)  # how much of the light ink takes away
        self.colour = np.array([1.0, rng.uniform(0.9, 1), rng.uniform(0.8, 1)])
        self.over: list[Callable[[Levels], Levels]] = []

    def lay(self, cover: Levels, shade: float | None = None, colour: Any = None) -> None:
        """Lay ink where cover (h, w) is above 0."""
        take = (self.shade if shade is None else shade) * (self.colour if colour is None else np.asarray(colour))
        self.paper *= 1 - cover[..., None] * take

    def digit(self, digit: NDArray[np.uint8], side: float, y: float, x: float, turn: float = 0, thin: int = 0) -> None:
        """Lay a digit (28, 28) with the middle at (y, x), in pixels; side: the size of its 28 pixels."""
        s = round(side)
        image = Image.fromarray(digit).resize((s, s), Image.Resampling.BICUBIC)
        if thin:
            image = image.filter(ImageFilter.MinFilter(thin))
        if turn:
            image = image.rotate(turn, Image.Resampling.BICUBIC)
        level = np.clip((np.asarray(image) / 255 - 0.25) / 0.5, 0, 1)
        self.lay(place(level, self.h, self.w, y, x))

    def pen(
        self, draw: Callable[[ImageDraw.ImageDraw], None], shade: float, colour: Any = (1, 1, 1), soft: float = 0.7
    ) -> None:
        """Lay what `draw` draws in white on black."""
        image = Image.new("L", (2 * self.w, 2 * self.h))
        draw(ImageDraw.Draw(image))
        image = image.filter(ImageFilter.GaussianBlur(2 * soft)).resize((self.w, self.h), Image.Resampling.BOX)
        self.lay(np.asarray(image) / 255, shade, colour)

    def file(self) -> bytes:
        """Return the photograph as a JPEG."""
        level = self.paper * self.light[..., None]
        for over in self.over:
            level = over(level)
        level = level + self.noise * self.rng.standard_normal((self.h, self.w, 1))
        out = io.BytesIO()
        Image.fromarray(np.rint(level.clip(0, 1) * 255).astype(np.uint8)).save(out, "JPEG", quality=self.quality)
        return out.getvalue()


def place(level: Levels, h: int, w: int, y: float, x: float) -> Levels:
    """Return a canvas (h, w) with `level` around (y, x); what lies outside is cut off."""
    a, b = level.shape
    top, left = round(y - a / 2), round(x - b / 2)
    canvas = np.zeros((h + 2 * a, w + 2 * b))
    canvas[top + a : top + 2 * a, left + b : left + 2 * b] = level
    return canvas[a : a + h, b : b + w]


def plain(
    rng: Rng, digit: NDArray[np.uint8], side: tuple[float, float] = (180, 380), turn: float = 0, thin: int = 0
) -> Scene:
    """A digit somewhere on a sheet."""
    scene = Scene(rng)
    s = rng.uniform(*side)
    y, x = rng.uniform(0.4 * s, H - 0.4 * s), rng.uniform(0.4 * s, W - 0.4 * s)
    scene.digit(digit, s, y, x, turn, thin)
    return scene


def middle(rng: Rng, digit: NDArray[np.uint8], low: float = 200, high: float = 280) -> Scene:
    """A digit near the middle of a sheet."""
    scene = Scene(rng)
    scene.digit(digit, rng.uniform(low, high), H / 2 + rng.normal(0, 20), W / 2 + rng.normal(0, 30))
    return scene


def shadow(rng: Rng, digit: NDArray[np.uint8], hard: bool = False) -> Scene:
    """A shadow over a part of the sheet; its edge is soft, or hard and across the digit."""
    scene = middle(rng, digit)
    angle, i, j = rng.uniform(0, 2 * np.pi), *np.mgrid[-H / 2 : H / 2 : H * 1j, -W / 2 : W / 2 : W * 1j]
    edge = i * np.sin(angle) + j * np.cos(angle) - rng.normal(0, 40)
    width = rng.uniform(1, 5) if hard else rng.uniform(60, 150)
    scene.light *= 1 - (rng.uniform(0.4, 0.6) if hard else rng.uniform(0.3, 0.5)) / (1 + np.exp(-edge / width))
    return scene


def pencil(rng: Rng, digit: NDArray[np.uint8]) -> Scene:
    """Grey strokes with the grain of the paper."""
    scene = Scene(rng)
    scene.shade = rng.uniform(0.3, 0.45)
    grain = np.asarray(Image.fromarray(rng.integers(0, 255, (H // 2, W // 2), dtype=np.uint8)).resize((W, H)))
    before = scene.paper.copy()
    scene.digit(digit, rng.uniform(180, 320), H / 2, W / 2)
    scene.paper += (before - scene.paper) * (grain[..., None] / 255 * 0.5)
    return scene


def ring(rng: Rng, digit: NDArray[np.uint8]) -> Scene:
    """The ring of a cup of coffee."""
    scene = middle(rng, digit)
    r, y, x = rng.uniform(140, 240), 2 * rng.uniform(0, H), 2 * rng.uniform(0, W)
    wide = int(rng.integers(8, 24))
    scene.pen(
        lambda d: d.ellipse((x - 2 * r, y - 2 * r, x + 2 * r, y + 2 * r), outline=255, width=wide),
        rng.uniform(0.12, 0.28),
        (0.6, 0.8, 1),
        2,
    )
    return scene


def desk(rng: Rng, digit: NDArray[np.uint8]) -> Scene:
    """A sheet on a wooden or dark desk, turned a little."""
    scene = Scene(rng)
    half = np.array([rng.uniform(0.3, 0.42) * H, rng.uniform(0.28, 0.42) * W])
    centre = np.array([H / 2, W / 2]) + rng.normal(0, 15, 2)
    turn = rng.normal(0, 0.08)
    y, x = centre + rng.normal(0, 10, 2)
    scene.digit(digit, rng.uniform(0.8, 1.3) * half.min(), y, x, -float(np.rad2deg(turn)))
    c, s = np.cos(turn), np.sin(turn)
    corners = [
        centre + np.array([[c, s], [-s, c]]) @ (half * k) + rng.normal(0, 5, 2)
        for k in ((-1, -1), (-1, 1), (1, 1), (1, -1))
    ]
    mask = Image.new("L", (W, H))
    ImageDraw.Draw(mask).polygon([(float(x), float(y)) for y, x in corners], fill=255)
    cover = np.asarray(mask.filter(ImageFilter.GaussianBlur(1))) / 255
    base = np.array([[0.45, 0.3, 0.2], [0.25, 0.25, 0.28], [0.6, 0.45, 0.3], [0.12, 0.11, 0.1]][rng.integers(4)])
    grain = np.asarray(
        Image.fromarray(rng.integers(0, 255, (H // 3, 5), dtype=np.uint8)).resize((W, H), Image.Resampling.BICUBIC)
    )
    wood = base * (1 + rng.uniform(0, 0.35) * (grain[..., None] / 255 - 0.5))
    fall = np.asarray(mask.filter(ImageFilter.GaussianBlur(6))) / 255
    scene.paper = scene.paper * cover[..., None] + wood * (1 - 0.4 * fall[..., None]) * (1 - cover[..., None])
    return scene


def frame(rng: Rng, digit: NDArray[np.uint8]) -> Scene:
    """The black frame of a scanner, on two to four sides."""
    scene = middle(rng, digit)
    sides = rng.permutation(4)[: rng.integers(2, 5)]
    i, j = np.mgrid[0:H, 0:W]
    for side in sides:
        width = rng.uniform(8, 70)
        lean = rng.normal(0, 0.02)
        distance = [i + lean * j, H - 1 - i + lean * j, j + lean * i, W - 1 - j + lean * i][side]
        scene.paper[distance < width] = rng.uniform(0, 0.08)
    return scene


def finger(rng: Rng, digit: NDArray[np.uint8]) -> Scene:
    """A finger in a corner."""
    scene = middle(rng, digit, 180, 240)
    y, x = rng.choice([0, H]), rng.choice([0, W])
    i, j = np.mgrid[0:H, 0:W]
    angle = np.arctan2(H / 2 - y, W / 2 - x) + rng.normal(0, 0.2)
    along, across = (
        (j - x) * np.cos(angle) + (i - y) * np.sin(angle),
        -(j - x) * np.sin(angle) + (i - y) * np.cos(angle),
    )
    reach, wide = rng.uniform(60, 150), rng.uniform(35, 70)
    inside = 1 / (1 + np.exp((np.hypot(np.maximum(along - reach, 0), across) - wide) / 1.5))
    round_ = 1 - 0.35 * (across / wide) ** 2
    skin = np.array([0.8, 0.58, 0.46]) * rng.uniform(0.5, 1) * round_[..., None].clip(0.3, 1)
    scene.paper = scene.paper * (1 - inside[..., None]) + skin * inside[..., None]
    return scene


def mark(rng: Rng, digit: NDArray[np.uint8]) -> Scene:
    """A second mark on the sheet: a tick, a cross, a scribble, a line or some words."""
    scene = middle(rng, digit, 180, 260)
    y, x = 2 * rng.choice([70, H - 70]), 2 * rng.choice([90, W - 90])
    r = 2 * rng.uniform(15, 38)
    wide = int(rng.integers(6, 14))
    kind = rng.integers(5)

    def draw(d: ImageDraw.ImageDraw) -> None:
        if kind == 0:
            d.line([(x - r, y), (x - r / 3, y + r), (x + r, y - r)], fill=255, width=wide)
        elif kind == 1:
            d.line([(x - r, y - r), (x + r, y + r)], fill=255, width=wide)
            d.line([(x - r, y + r), (x + r, y - r)], fill=255, width=wide)
        elif kind == 2:
            points = [(x - r + 2 * r * t / 12, y + r * (1 if t % 2 else -1) * rng.uniform(0.2, 1)) for t in range(13)]
            d.line(points, fill=255, width=wide)
        elif kind == 3:
            d.line([(x - r, y), (x + r, y + rng.normal(0, 10))], fill=255, width=wide)
        else:
            for k in range(5):
                d.arc(
                    (x - r + k * r / 2, y - r / 4, x - r + k * r / 2 + r / 2.4, y + r / 4),
                    rng.uniform(0, 90),
                    330,
                    fill=255,
                    width=wide // 2,
                )

    scene.pen(draw, scene.shade, scene.colour)
    return scene


def box(rng: Rng, digit: NDArray[np.uint8]) -> Scene:
    """A printed box around the digit."""
    scene = middle(rng, digit, 150, 230)
    a, b = 2 * rng.uniform(110, 160), 2 * rng.uniform(110, 160)
    y, x, wide = H + rng.normal(0, 12), W + rng.normal(0, 12), int(rng.integers(3, 10))
    scene.pen(lambda d: d.rectangle((x - b, y - a, x + b, y + a), outline=255, width=wide), rng.uniform(0.5, 0.9))
    return scene


def fold(rng: Rng, digit: NDArray[np.uint8]) -> Scene:
    """A fold across the sheet: a dark and a light line, and another shade beyond."""
    scene = middle(rng, digit)
    angle = rng.choice([0, np.pi / 2]) + rng.normal(0, 0.06)
    i, j = np.mgrid[-H / 2 : H / 2 : H * 1j, -W / 2 : W / 2 : W * 1j]
    d = i * np.sin(angle) + j * np.cos(angle) - rng.normal(0, 40)
    w = rng.uniform(1, 4)
    scene.light *= 1 - rng.uniform(0.15, 0.5) * np.exp(-((d / w) ** 2)) + 0.1 * np.exp(-(((d - 2 * w) / w) ** 2))
    scene.light *= 1 - rng.uniform(0.05, 0.3) / (1 + np.exp(-d / w))
    return scene


def ruled(rng: Rng, digit: NDArray[np.uint8], squares: bool = False) -> Scene:
    """Ruled or squared paper, turned a little."""
    scene = middle(rng, digit, 150, 320)
    step, lean, wide = 2 * rng.uniform(22, 60), rng.normal(0, 0.04), int(rng.integers(2, 6))
    shade, colour = rng.uniform(0.2, 0.6), [(1, 0.6, 0.3), (0.5, 0.5, 0.5), (1, 1, 1), (0.3, 0.8, 1)][rng.integers(4)]

    def draw(d: ImageDraw.ImageDraw) -> None:
        for k in range(-20, 120):
            y = k * step
            d.line([(0, y), (2 * W, y + lean * 2 * W)], fill=255, width=wide)
            if squares:
                d.line([(y + lean * 2 * H, 0), (y, 2 * H)], fill=255, width=wide)

    scene.pen(draw, shade, colour)
    return scene


def page_edge(rng: Rng, digit: NDArray[np.uint8]) -> Scene:
    """The edge of the page at one side, with its shadow, and a dark ground beyond."""
    scene = middle(rng, digit)
    i, j = np.mgrid[0:H, 0:W]
    lean = rng.normal(0, 0.04)
    d = [i + lean * j, H - 1 - i + lean * j, j + lean * i, W - 1 - j + lean * i][rng.integers(4)] - rng.uniform(15, 60)
    beyond = 1 / (1 + np.exp(d / 1.2))
    ground = rng.uniform(0.1, 0.75) * np.array([1, 0.95, 0.9])
    scene.paper = scene.paper * (1 - beyond[..., None]) + ground * beyond[..., None] * (1 - 0.5 * np.exp(d / 8))[
        ..., None
    ].clip(0.4, 1)
    return scene


def cropped(rng: Rng, digit: NDArray[np.uint8]) -> Scene:
    """The digit fills the picture."""
    side = rng.uniform(150, 420)
    rows, columns = (np.flatnonzero((digit > 60).any(axis=axis)) for axis in (1, 0))
    unit = side / 28
    margin = rng.uniform(0.4, 3) * unit
    top, bottom, left, right = rows[0] * unit, (rows[-1] + 1) * unit, columns[0] * unit, (columns[-1] + 1) * unit
    h, w = round(bottom - top + 2 * margin), round(right - left + 2 * margin)
    scene = Scene(rng, h, w)
    scene.digit(digit, side, side / 2 - top + margin, side / 2 - left + margin)
    return scene


def several(rng: Rng, digits: list[NDArray[np.uint8]]) -> Scene:
    """Two to four digits in a row."""
    scene = Scene(rng)
    side = min(rng.uniform(120, 220), 0.9 * W / (0.75 * len(digits)))
    step = side * rng.uniform(0.75, 0.95)
    start = W / 2 - step * (len(digits) - 1) / 2
    for k, digit in enumerate(digits):
        scene.digit(digit, side, H / 2 + rng.normal(0, 8), start + k * step)
    return scene


def coloured(rng: Rng, digit: NDArray[np.uint8]) -> bytes:
    """Ink and paper of other colours, some of equal brightness."""
    scene = middle(rng, digit)
    cover = 1 - scene.paper[..., :1] / scene.paper[..., :1].max()
    cover = np.clip((cover - 0.2) / 0.4, 0, 1)
    pairs = [
        ((255, 0, 0), (0, 130, 0)),
        ((0, 0, 255), (76, 0, 0)),
        ((255, 230, 0), (255, 255, 255)),
        ((30, 60, 200), (250, 250, 240)),
        ((250, 250, 245), (40, 90, 60)),
        ((200, 40, 40), (60, 130, 60)),
    ]
    ink, ground = (np.array(c, float) for c in pairs[rng.integers(len(pairs))])
    level = (ground * (1 - cover) + ink * cover) / 255
    scene.paper, scene.light = level, 1 + 0.3 * (scene.light - 1)
    return scene.file()


def off_centre(rng: Rng, digit: NDArray[np.uint8]) -> bytes:
    """28 x 28 with the digit 2 to 4 pixels off the middle."""
    shift = rng.integers(-4, 5, 2)
    shift[rng.integers(2)] = rng.choice([-4, -3, 3, 4])
    out = io.BytesIO()
    level = np.roll(digit, shift, (0, 1))
    Image.fromarray(level if rng.random() < 0.5 else 255 - level).save(out, "PNG")
    return out.getvalue()


def deep(rng: Rng, digit: NDArray[np.uint8]) -> bytes:
    """8 or 12 bits in a PNG of 16, a TIFF of 32 bits or of fractions."""
    scene = middle(rng, digit)
    level = np.rint((scene.paper * scene.light[..., None]).mean(axis=2).clip(0, 1) * 255)
    out = io.BytesIO()
    kind = rng.integers(4)
    if kind < 2:
        Image.fromarray((level * (1, 16)[kind]).astype(np.uint16)).save(out, "PNG")
    else:
        Image.fromarray(level.astype(np.int32) if kind == 2 else (level / 255).astype(np.float32)).save(out, "TIFF")
    return out.getvalue()


KINDS: dict[str, Callable[[Rng, NDArray[np.uint8]], Scene | bytes]] = {
    "plain": plain,
    "soft shadow": shadow,
    "pencil": pencil,
    "thin": lambda rng, digit: plain(rng, digit, (200, 300), thin=int(rng.choice([5, 7]))),
    "tilted": lambda rng, digit: plain(rng, digit, turn=float(rng.uniform(8, 15) * rng.choice([-1, 1]))),
    "tiny": lambda rng, digit: plain(rng, digit, (30, 60)),
    "cropped": cropped,
    "coffee ring": ring,
    "desk": desk,
    "frame": frame,
    "finger": finger,
    "second mark": mark,
    "two digits": plain,  # drawn by `several`
    "several digits": plain,
    "box": box,
    "fold": fold,
    "ruled": ruled,
    "squared": lambda rng, digit: ruled(rng, digit, squares=True),
    "hard shadow": lambda rng, digit: shadow(rng, digit, hard=True),
    "page edge": page_edge,
    "coloured": coloured,
    "off centre": off_centre,
    "deep": deep,
    "turned": lambda rng, digit: plain(rng, np.rot90(digit, int(rng.choice([1, 3])))),
}


def photographs(kind: str, count: int, seed: int) -> list[tuple[bytes, list[int]]]:
    """Return `count` photographs of a kind as files, each with the digits that it shows."""
    import convlens

    data = convlens.load("embedded")
    digits = np.rint(data.x_valid[..., 0] * 256).astype(np.uint8)
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    order = rng.permutation(len(digits))
    made = []
    for k in range(count):
        rows = [int(order[k])]
        if kind.endswith("digits"):
            extra = 1 if kind == "two digits" else int(rng.integers(2, 4))
            rows += [int(r) for r in rng.permutation(len(digits))[:extra]]
            drawn: Scene | bytes = several(rng, [digits[r] for r in rows])
        else:
            drawn = KINDS[kind](rng, digits[rows[0]])
        made.append((drawn if isinstance(drawn, bytes) else drawn.file(), [int(data.y_valid[r]) for r in rows]))
    return made
