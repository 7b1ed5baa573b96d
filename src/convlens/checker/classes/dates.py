"""Dates as tables have them: ISO, what Excel writes, what Canvas and Moodle export."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

__all__ = ["Moment", "between", "day_first", "parse_moment"]

_DAY, _MINUTE, _TICK = timedelta(days=1), timedelta(minutes=1), timedelta(microseconds=1)
_EXCEL = datetime(1899, 12, 30)  # day 0 of Excel's numbers
_NUMBERS = (20_000, 80_000)  # Excel's numbers that are taken for dates: 1954 to 2119
_SLASHES = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})(.*)", re.DOTALL)
_CLOCK = re.compile(r",?\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*([ap]\.?m\.?)?", re.IGNORECASE)
_WORDS = re.compile(
    r"(?:\w+day,\s*)?(\d{1,2}) (\w+) (\d{4})(.*)", re.DOTALL
)  # Moodle: Friday, 20 November 2026, 11:59 PM
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_HELP = "write it as 2026-11-20 or 2026-11-20T23:59"


class Moment(NamedTuple):
    """A date, perhaps with a time. first, last: the first and the last instant that it may mean, for example of a day;
    both have a time zone, or neither has."""

    first: datetime
    last: datetime


def day_first(texts: Iterable[str]) -> bool | None:
    """Return whether dates such as 3/11/2026 have the day first, None if no text tells. Dots mean: the day first."""
    found = [match for text in texts if (match := _SLASHES.fullmatch(text.strip())) and "/" in text]
    if any(int(match[1]) > 12 for match in found):
        return True
    return False if any(int(match[2]) > 12 for match in found) else None


def parse_moment(text: str, day_first: bool | None = None) -> Moment:
    """Return the moment that a text means. Raise ValueError if it is no date or may mean two.

    A date without a time means the whole day, and a time without seconds the whole minute. day_first: how dates such
    as 3/11/2026 are read, None if this is not known

    >>> parse_moment("2026-11-20T23:59").last
    datetime.datetime(2026, 11, 20, 23, 59, 59, 999999)
    """
    text = text.strip()
    try:
        found = _excel(text) or _slashes(text, day_first) or _words(text) or _iso(text)
    except (ValueError, OverflowError) as error:
        more = f" ({error})" if "day or the month" in str(error) else ""
        raise ValueError(f"{text!r} is not a date{more}; {_HELP}") from None
    return found


def _iso(text: str) -> Moment:
    first = datetime.fromisoformat(re.sub(r" ?UTC$", "+00:00", text))
    if not re.search(r"\d:\d", text) or text.endswith(" 00:00:00"):  # so Excel writes a day
        return _whole(first, _DAY)
    return _whole(first, timedelta(seconds=1) if re.search(r"\d:\d\d:\d", text.partition("+")[0]) else _MINUTE)


def _excel(text: str) -> Moment | None:
    if not re.fullmatch(r"\d{5}(\.\d+)?", text) or not _NUMBERS[0] <= float(text) < _NUMBERS[1]:
        return None
    days, _, part = text.partition(".")
    first = _EXCEL + timedelta(days=int(days), seconds=round(86400 * float(f"0.{part or 0}")))
    return _whole(first, _DAY if not part else timedelta(seconds=1))


def _slashes(text: str, day_first: bool | None) -> Moment | None:
    if not (found := _SLASHES.fullmatch(text)):
        return None
    one, two = int(found[1]), int(found[2])
    order = True if "." in text[: found.start(4)] else day_first
    if order is None and one != two:
        if one <= 12 and two <= 12:
            raise ValueError("the day or the month may come first")
        order = one > 12
    day, month = (one, two) if order else (two, one)
    return _at(int(found[3]), month, day, found[4])


def _words(text: str) -> Moment | None:
    found = _WORDS.fullmatch(text)
    if not found or found[2][:3].lower() not in _MONTHS:
        return None
    return _at(int(found[3]), _MONTHS.index(found[2][:3].lower()) + 1, int(found[1]), found[4])


def _at(year: int, month: int, day: int, clock: str) -> Moment:
    """Return a date with a time of day such as " 11:59 PM" or ""."""
    date = datetime(year, month, day)
    if not clock.strip():
        return _whole(date, _DAY)
    found = _CLOCK.fullmatch(clock.strip())
    if not found:
        raise ValueError(clock)
    hour = int(found[1])
    if found[4]:
        if not 1 <= hour <= 12:
            raise ValueError(clock)
        hour = hour % 12 + 12 * found[4].lower().startswith("p")
    whole = date.replace(hour=hour, minute=int(found[2]), second=int(found[3] or 0))
    return _whole(whole, timedelta(seconds=1) if found[3] else _MINUTE)


def _whole(first: datetime, width: timedelta) -> Moment:
    return Moment(first, first + width - _TICK)


def between(begin: datetime, end: datetime) -> timedelta:
    """Return the time from `begin` to `end`. Times without a zone are this machine's if the other one has a zone."""
    if (begin.tzinfo is None) != (end.tzinfo is None):
        begin, end = begin.astimezone(UTC), end.astimezone(UTC)
    return end - begin
