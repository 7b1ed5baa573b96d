"""Reports as JUnit XML, the format that continuous integration services show."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from convlens.checker.escapes import escaped
from convlens.checker.verdict import FAIL, PASS, UNKNOWN, FileReport, Finding, Report

__all__ = ["junit"]


def junit(reports: Sequence[Report]) -> str:
    """Return a test suite for each file of each submission, with a test case for each check.

    A check that fails is a failure. A check that could not tell is skipped if another check of the file fails, and is
    an error if none does. So a file that did not pass is never green.
    """
    root = ET.Element("testsuites", name="convlens check")
    for report in reports:
        for name, file in report.files.items():
            root.append(_suite(f"{report.name}/{name}" if report.name else name, report.tier, file))
    for kind in ("tests", "failures", "errors", "skipped"):
        root.set(kind, str(sum(int(suite.get(kind, 0)) for suite in root)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(name: str, tier: str, file: FileReport) -> ET.Element:
    statuses = [finding.status for finding in file.checks]
    unknown = "skipped" if file.status == FAIL else "errors"
    counts = {"failures": statuses.count(FAIL), "errors": 0, "skipped": 0, unknown: statuses.count(UNKNOWN)}
    suite = ET.Element("testsuite", name=_line(name), tests=str(len(statuses)))
    for kind, number in counts.items():
        suite.set(kind, str(number))
    properties = ET.SubElement(suite, "properties")
    ET.SubElement(properties, "property", name="tier", value=_line(tier))
    for finding in file.checks:
        case = ET.SubElement(suite, "testcase", classname=_line(name), name=_line(finding.name))
        if finding.status != PASS:
            kind = "failure" if finding.status == FAIL else "skipped" if unknown == "skipped" else "error"
            outcome = ET.SubElement(case, kind, message=_line(finding.message))
            outcome.text = _text(finding)
    return suite


def _text(finding: Finding) -> str:
    parts = (finding.sentence, finding.message, f"Likely: {finding.hint}" if finding.hint else "")
    return escaped("\n".join(part for part in parts if part), keep="\n")


def _line(text: str) -> str:
    return escaped(text)
