"""What a run looks like: one HTML file with figures, pictures and tables. All numbers come from elsewhere."""

from convlens.report.report import write_report

__all__ = ["write_report"]
