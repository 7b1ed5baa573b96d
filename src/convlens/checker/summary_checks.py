"""The checks of task 6, the summary of a paper: only what a program can see. A reader must judge the text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from convlens.checker.checks import Checks, Failed
from convlens.checker.submission import File
from convlens.checker.verdict import FORM

__all__ = ["CHECKS"]

CHECKS = Checks(FORM)
SECTIONS = ("Introduction", "Procedures", "Results", "Conclusion", "Personal Notes")
# The text is read here, outside a sandbox. So each expression reads one line, in time proportional to its length.
_PICTURE = re.compile(r"!\[[^\]\n]{0,300}\](\([^)\n]|\[)|<img\s", re.IGNORECASE)
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(\S.*)")
_UNDERLINE = re.compile(r"(=+|-{2,})[ \t]*")
# About a third of the words of an English text are among these, and few words of a text in any other language
_ENGLISH = frozenset("the of and to in a is that for with as by on are be this from it was".split())  # noqa: SIM905
_SHORT = 300  # words, about a page: a shorter text cannot fill five sections
_ENGLISH_SHARE = 0.15  # the smallest share of these words that passes: half of their share in English


def _text(file: File) -> str:
    try:
        return (file.content or b"").decode()
    except UnicodeDecodeError as error:
        line = (file.content or b"").count(b"\n", 0, error.start) + 1
        raise Failed(f"the summary must be text in UTF-8; line {line} is not") from None


@CHECKS.add()
def exists(file: File) -> None:
    """The summary exists: a Markdown file whose name starts with 6-."""
    if file.content is None:
        raise Failed(file.problem)
    _text(file)


@CHECKS.add("exists")
def picture(file: File) -> None:
    """A picture stands at the top, before the first section."""
    lines = _text(file).splitlines()
    found = next((k for k, line in enumerate(lines) if _PICTURE.search(line)), None)
    if found is None:
        raise Failed("there is no picture")
    first = next((k for k, text in _headings(lines) if text == SECTIONS[0].lower()), len(lines))
    if found > first:
        raise Failed("the first picture comes after the heading of the first section")


@CHECKS.add("exists")
def sections(file: File) -> None:
    """The summary has the sections Introduction, Procedures, Results, Conclusion, Personal Notes, in this order."""
    headings = [text for _, text in _headings(_text(file).splitlines())]
    missing = [name for name in SECTIONS if name.lower() not in headings]
    if missing:
        raise Failed(f"there is no section {', '.join(missing)}")
    places = [headings.index(name.lower()) for name in SECTIONS]
    if places != sorted(places):
        raise Failed(f"the sections are in another order: {', '.join(sorted(SECTIONS, key=_place(places)))}")


@CHECKS.add("exists")
def length(file: File) -> None:
    """The summary has at least 300 words."""
    words = len(re.findall(r"\w+", _text(file)))
    if words < _SHORT:
        raise Failed(f"the summary has {words} words")


@CHECKS.add("exists", "length")
def language(file: File) -> None:
    """The summary is in English."""
    words = re.findall(r"[a-z]+", _text(file).lower())
    share = sum(word in _ENGLISH for word in words) / max(1, len(words))
    if share < _ENGLISH_SHARE:
        raise Failed(f"{share:.0%} of the words are very common English words; in an English text about a third are")


def _headings(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield the line number and the text of each heading, in lower case, without numbering and Markdown marks."""
    for k, line in enumerate(lines):
        found = _HEADING.match(line)
        text = found[1] if found else ""
        if not found and k + 1 < len(lines) and _UNDERLINE.fullmatch(lines[k + 1]):
            text = line
        if text := re.sub(r"[*_`:]", "", text).rstrip("# \t").lstrip("0123456789. \t").lower():
            yield k, text


def _place(places: list[int]):  # type: ignore[no-untyped-def]
    order = dict(zip(SECTIONS, places, strict=True))
    return lambda name: order[name]
