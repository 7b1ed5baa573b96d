"""Convert 0x07-cnn/6-alexnet.md and its pictures to one HTML file that needs no other file. See `make summary`."""

from __future__ import annotations

import base64
import mimetypes
import re
from pathlib import Path

from markdown_it import MarkdownIt

FOLDER = Path(__file__).resolve().parents[1] / "0x07-cnn"
SUMMARY, PAGE = FOLDER / "6-alexnet.md", FOLDER / "6-alexnet.html"

STYLE = """
:root { color-scheme: light dark; }
body { font: 17px/1.55 Georgia, serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { font-family: system-ui, sans-serif; line-height: 1.25; }
h1 { font-size: 1.9rem; } h2 { margin-top: 2.5rem; } h3 { margin-top: 1.8rem; }
img { max-width: 100%; height: auto; background: white; border-radius: 4px; }
table { display: block; overflow-x: auto; border-collapse: collapse; font: 14px/1.4 system-ui, sans-serif; }
th, td { padding: .3rem .6rem; text-align: left; vertical-align: top; border-bottom: 1px solid #8886; }
code { font-size: .86em; } pre { overflow-x: auto; padding: .8rem 1rem; background: #8882; border-radius: 4px; }
"""


def page(text: str, folder: Path) -> str:
    """Convert a Markdown text to an HTML page. The pictures that the text names in `folder` become part of the page."""
    body = MarkdownIt("commonmark").enable("table").render(text)
    body = re.sub(r'src="([^"]+)"', lambda found: f'src="{_data_uri(folder / found[1])}"', body)
    body = re.sub(r" (%|×) ?(?=[\d<)])?", lambda found: found[0].replace(" ", "\u00a0"), body)
    title = next(line.removeprefix("# ") for line in text.splitlines() if line.startswith("# "))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )


def _data_uri(path: Path) -> str:
    kind = mimetypes.guess_type(path.name)[0]
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


if __name__ == "__main__":
    PAGE.write_text(page(SUMMARY.read_text(encoding="utf-8"), FOLDER), encoding="utf-8")
    print(f"written: {PAGE}")
