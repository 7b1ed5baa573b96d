"""The checks of a paper's summary, which leave everything that a program cannot see to a reader."""

import pytest

from convlens.checker.submission import LARGEST, File
from convlens.checker.summary_checks import CHECKS, SECTIONS

PROSE = (
    "The network that we trained in this work is the largest of its kind, and it was fitted to a set of images. " * 20
)
GOOD = "# AlexNet\n\n![a network](network.png)\n\n" + "\n\n".join(f"## {name}\n\n{PROSE}" for name in SECTIONS) + "\n"


def outcome(text):
    content = text.encode() if isinstance(text, str) else text
    return {found.name: (found.status, found.message) for found in CHECKS.run(File(content))}


def test_a_summary_in_good_form_passes():
    assert {status for status, _ in outcome(GOOD).values()} == {"pass"}


@pytest.mark.parametrize(
    ("change", "check", "said"),
    [
        (lambda text: text.replace("![a", "[a"), "picture", "there is no picture"),
        (
            lambda text: text.replace("![a network](network.png)", "") + "![a](b.png)",
            "picture",
            "the first picture comes after the heading of the first section",
        ),
        (lambda text: text.replace("## Results", "## Findings"), "sections", "there is no section Results"),
        (
            lambda text: text.replace("Results", "X").replace("Procedures", "Results").replace("## X", "## Procedures"),
            "sections",
            "the sections are in another order: Introduction, Results, Procedures, Conclusion, Personal Notes",
        ),
        (lambda text: text.replace(PROSE, "Short."), "length", "the summary has 16 words"),
        (
            lambda text: text.replace(PROSE, "Das Netz lernt Bilder zu erkennen. " * 50),
            "language",
            "",
        ),
    ],
    ids=["no picture", "late picture", "a section", "order", "length", "language"],
)
def test_a_fault_fails_its_check(change, check, said):
    status, message = outcome(change(GOOD))[check]
    assert status == "fail"
    assert message == said or (not said and "are very common English words" in message)


def test_headings_and_pictures_may_be_written_in_other_ways():
    text = GOOD.replace("## Introduction", "Introduction\n============").replace("## Results", "## 3. **Results:**")
    text = text.replace("![a network](network.png)", '<img src="network.png" alt="a network">')
    assert {status for status, _ in outcome(text).values()} == {"pass"}


@pytest.mark.parametrize("part", ["# a" + " " * 9, "![", "![a]", "=", "-", "1. ", "#", " ", "<img", "# a\n", "*_`:"])
def test_the_largest_text_is_read_in_linear_time(part):
    """If the time grew faster than the length of a line, this test would not end."""
    text = part * (LARGEST // len(part)) + "b\n"
    assert outcome(text)["sections"][0] == "fail"


def test_a_missing_empty_or_binary_file():
    assert outcome(b"\xff\xfe")["exists"] == ("fail", "the summary must be text in UTF-8; line 1 is not")
    assert outcome("")["length"] == ("fail", "the summary has 0 words")
    missing = CHECKS.run(File(None, problem="the file is missing"))
    assert (missing[0].status, missing[0].message) == ("fail", "the file is missing")
    assert {found.status for found in missing[1:]} == {"could not tell"}
