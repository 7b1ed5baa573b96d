"""The checks of task 6, a summary of a paper: what a program can see of a text. Whether it is good, a reader says."""

from __future__ import annotations

import re

from convlens.checker.checks import Checks, Failed
from convlens.checker.submission import File

__all__ = ["CHECKS"]

CHECKS = Checks()
SECTIONS = ("Introduction", "Procedures", "Results", "Conclusion", "Personal Notes")
_PICTURE = re.compile(r"!\[[^\]]*\]\([^)]+\)|!\[[^\]]*\]\[[^\]]*\]|<img\s", re.IGNORECASE)
_HEADING = re.compile(r"^\s{0,3}#{1,6}\s+(.+?)\s*#*\s*$|^(.+)\n(?:=+|-{2,})\s*$", re.MULTILINE)
_ENGLISH = frozenset("the of and to in a is that for with as by on are be this from it was".split())  # noqa: SIM905
_SHORT = 300  # words


def _text(file: File) -> str:
    try:
        return (file.content or b"").decode()
    except UnicodeDecodeError as error:
        raise Failed(f"it must be text in UTF-8; byte {error.start} is none") from None


@CHECKS.add()
def exists(file: File) -> None:
    """The summary is there, a Markdown file whose name starts with 6-."""
    if file.content is None:
        raise Failed(file.problem)
    _text(file)


@CHECKS.add("exists")
def picture(file: File) -> None:
    """A picture stands at the top, before the first section."""
    text = _text(file)
    found = _PICTURE.search(text)
    if not found:
        raise Failed("there is no picture")
    first = next((m for m in _HEADING.finditer(text) if _plain(m) == SECTIONS[0].lower()), None)
    if first and found.start() > first.start():
        raise Failed("the first picture comes after the heading of the first section")


@CHECKS.add("exists")
def sections(file: File) -> None:
    """It has the sections Introduction, Procedures, Results, Conclusion and Personal Notes, in this order."""
    headings = [_plain(found) for found in _HEADING.finditer(_text(file))]
    missing = [name for name in SECTIONS if name.lower() not in headings]
    if missing:
        raise Failed(f"no section {', '.join(missing)}")
    places = [headings.index(name.lower()) for name in SECTIONS]
    if places != sorted(places):
        raise Failed(f"the sections come in another order: {', '.join(sorted(SECTIONS, key=_place(places)))}")


@CHECKS.add("exists")
def length(file: File) -> None:
    """It says something: at least 300 words."""
    words = len(re.findall(r"\w+", _text(file)))
    if words < _SHORT:
        raise Failed(f"it has {words} words")


@CHECKS.add("exists", "length")
def language(file: File) -> None:
    """It is in English."""
    words = re.findall(r"[a-z]+", _text(file).lower())
    share = sum(word in _ENGLISH for word in words) / max(1, len(words))
    if share < 0.15:
        raise Failed(f"{share:.0%} of its words are among the commonest of English; in English about a third are")


def _plain(found: re.Match[str]) -> str:
    """A heading without its number and marks"""
    text = found.group(1) or found.group(2) or ""
    return re.sub(r"^[\d.\s]+|[*_`:]", "", text).strip().lower()


def _place(places: list[int]):  # type: ignore[no-untyped-def]
    order = dict(zip(SECTIONS, places, strict=True))
    return lambda name: order[name]
