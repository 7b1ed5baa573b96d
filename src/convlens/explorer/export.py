"""The page as one file. It needs nothing else, makes no request, and does everything but run Python code."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from convlens.explorer.bundle import bundle
from convlens.explorer.files import PAGE, PageFile, page_files

__all__ = ["export_page", "with_one_script"]

_STYLE = re.compile(r'<link rel="stylesheet" href="\./([\w./-]+\.css)" ?/?>')
_SCRIPT = re.compile(r'<script type="module" src="\./([\w./-]+\.js)"></script>')
_CHARSET = '<meta charset="utf-8">'


def export_page(data: Mapping[str, Any], files: Mapping[str, PageFile] | None = None) -> bytes:
    """Return the page with its data, styles and modules in it, as UTF-8.

    data: what `source.js` reads, see `convlens.explorer.data`; files: those of `page_files`. A content security policy
    in the page allows its one script and its styles by their hashes, and no request. Raises ValueError if index.html
    has no place for them.
    """
    files = page_files() if files is None else files
    text = {name: file.content.decode() for name, file in files.items() if name.endswith((".js", ".css", ".html"))}
    modules = {name: content for name, content in text.items() if name.endswith(".js")}
    page = text[PAGE].replace("\r\n", "\n")
    styles: list[str] = []

    def style(found: re.Match[str]) -> str:
        styles.append(text[found[1]].replace("\r\n", "\n"))
        return f"<style>{styles[-1]}</style>"

    page = _STYLE.sub(style, page)
    entries = _SCRIPT.findall(page)
    if len(entries) != 1 or _CHARSET not in page:
        raise ValueError(f"{PAGE} must have {_CHARSET} and one script of the type module; got {len(entries)} scripts")
    script = bundle(modules, entries[0])
    about = f'<script type="application/json" id="convlens-data">{_json(data)}</script>'
    # The script of the type module would run when the page is read to its end: the inline script stands there
    page = _SCRIPT.sub("", page)
    begin, end = page.split("</body>")
    page = f'{begin}{about}\n<script id="convlens-script">{script}</script>\n</body>{end}'
    return page.replace(_CHARSET, f"{_CHARSET}\n{_policy(script, styles)}", 1).encode()


def with_one_script(files: Mapping[str, PageFile]) -> dict[str, PageFile]:
    """Return the files with all modules in the one that the page begins with: a browser asks for one, not for 60."""
    modules = {name: file.content.decode() for name, file in files.items() if name.endswith(".js")}
    (entry,) = _SCRIPT.findall(files[PAGE].content.decode())
    return {**files, entry: PageFile(bundle(modules, entry).encode(), files[entry].media_type)}


def _policy(script: str, styles: list[str]) -> str:
    rules = {
        "default-src": "'none'",
        "script-src": _hash(script),
        "style-src": " ".join(map(_hash, styles)) or "'none'",
        "img-src": "data: blob:",
        "worker-src": "blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    said = "; ".join(f"{name} {value}" for name, value in rules.items())
    return f'<meta http-equiv="Content-Security-Policy" content="{said}">'


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _json(data: Mapping[str, Any]) -> str:
    """Return JSON that cannot end its script element or begin a comment: < is written as a number."""
    return json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
