"""Pictures of boxes, arrows and texts as plain SVG, on a white background that keeps them readable on dark pages."""

from __future__ import annotations

from pathlib import Path

INK, SOFT, BLUE, ORANGE, GREEN, GREY = "#1f2328", "#6b7280", "#cfe3ff", "#ffe0b8", "#cdeccd", "#eceff3"


class Picture:
    """An SVG picture of boxes, arrows and texts. All coordinates are in pixels."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self.width, self.height, self.title, self.parts = width, height, title, list[str]()

    def box(self, x: float, y: float, w: float, h: float, fill: str = GREY, text: str = "", size: int = 12) -> None:
        """Add a box with a text in its middle."""
        self.parts.append(f'<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="{fill}" stroke="{INK}" rx="2"/>')
        if text:
            self.text(x + w / 2, y + h / 2 + size * 0.35, text, size, "middle")

    def text(self, x: float, y: float, text: str, size: int = 12, anchor: str = "start", colour: str = INK) -> None:
        """Add a line of text."""
        escaped = text.replace("&", "&amp;").replace("<", "&lt;")
        self.parts.append(
            f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">{escaped}</text>'
        )

    def arrow(self, x1: float, y1: float, x2: float, y2: float) -> None:
        """Add an arrow from (x1, y1) to (x2, y2)."""
        self.parts.append(f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{INK}" marker-end="url(#head)"/>')

    def svg(self) -> str:
        """Return the picture as SVG text."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" role="img" '
            f'font-family="system-ui, sans-serif"><title>{self.title}</title>'
            '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
            'orient="auto">'
            f'<path d="M0 0 L8 4 L0 8 z" fill="{INK}"/></marker></defs>'
            f'<rect width="{self.width}" height="{self.height}" fill="white"/>'
        )
        return "\n".join([head, *self.parts, "</svg>"]) + "\n"

    def save(self, path: Path) -> None:
        """Write the picture to a file."""
        path.parent.mkdir(exist_ok=True)
        path.write_text(self.svg(), encoding="utf-8")
