"""The report of a run: one HTML file with figures, pictures and tables. Other modules compute all its numbers."""

from convlens.report.report import write_report

__all__ = ["write_report"]
