"""The report of a run: one HTML file with figures, pictures and tables. Other modules compute all its numbers.

`write_report` is imported when it is first used: the checker needs the parts of a page alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convlens.report.report import write_report

__all__ = ["write_report"]


def __getattr__(name: str) -> Any:
    """Import `write_report`."""
    if name not in __all__:
        raise AttributeError(f"convlens.report must have the name; got {name!r}")
    from convlens.report.report import write_report

    return write_report
