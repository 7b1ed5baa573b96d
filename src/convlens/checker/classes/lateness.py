"""Late hand-ins: how late a submission is, and which share of its points it loses."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

__all__ = ["Late", "Penalty", "days_late", "parse_penalty"]

_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_PENALTY = re.compile(r"(\d+(?:\.\d+)?)\s*%(?:\s*/\s*(day|hour))?")


@dataclass(frozen=True)
class Penalty:
    """The share of the points that a late submission loses, for each day or hour that has begun, or once."""

    share: float
    each: timedelta | None

    def lost(self, late: timedelta) -> float:
        """Return the share that is lost, at most 1.

        >>> Penalty(0.1, timedelta(days=1)).lost(timedelta(hours=25))
        0.2
        """
        if late <= timedelta(0):
            return 0.0
        return min(1.0, round(self.share * (math.ceil(late / self.each) if self.each else 1), 6))


@dataclass(frozen=True)
class Late:
    """When a submission was handed in, how late (not above 0: in time), and the share of its points that it loses."""

    handed_in: datetime
    late: timedelta
    lost: float = 0.0

    @property
    def days(self) -> int:
        """The days that have begun since the submission was due; 0 in time."""
        return days_late(self.late)

    def as_json(self) -> Mapping[str, Any]:
        """Return the values for JSON."""
        return {"handed_in": self.handed_in.isoformat(), "days_late": self.days, "lost": self.lost}

    def in_words(self) -> str:
        """Return for example "2 days late, -20 %", or "in time"."""
        if not self.days:
            return "in time"
        lost = f", -{100 * self.lost:g} %" if self.lost else ""
        return f"{self.days} day{'s' * (self.days > 1)} late{lost}"


def days_late(late: timedelta) -> int:
    """Return the days that have begun: 1 for a minute, 0 for what is not late."""
    return max(0, math.ceil(late / _DAY))


def parse_penalty(text: str) -> Penalty:
    """Return the penalty in a text such as 10%/day, 5%/hour or 20%. Raise ValueError for any other text."""
    found = _PENALTY.fullmatch(text.strip())
    share = float(found[1]) / 100 if found else math.nan
    if not found or not 0 < share <= 1:
        raise ValueError(f"--late-penalty must be such as 10%/day, 5%/hour or 20%, at most 100%; got {text!r}")
    return Penalty(share, {"day": _DAY, "hour": _HOUR, None: None}[found[2]])
