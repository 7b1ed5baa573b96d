"""Reports as a page, as XML and as a table for a spreadsheet: untrusted text does no harm in any of them."""

import base64
import csv
import io
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convlens.checker.classes.tally import likely, reason, tally
from convlens.checker.escapes import escaped
from convlens.checker.render.csv import csv_table
from convlens.checker.render.heat import heat_map, map_in_words
from convlens.checker.render.html import class_page, submission_page
from convlens.checker.render.junit import junit
from convlens.checker.verdict import FAIL, FORM, PARTS, PASS, UNKNOWN, ErrorMap, FileReport, Finding, Report

pytestmark = pytest.mark.smoke

NASTY = "<b>&\"'\x1b[31m\n\x00\udcff\u202eé]]>"
FILES = ("0-conv_forward.py", "1-pool_forward.py")
MAP = ErrorMap("dA_prev[0, :, :, 1]", [[0, 0, 3], [10, -1, 0]])


def finding(status, name="one", hint="", message=None, mistake="", maps=()):
    said = "" if status == PASS else f"message of {name}" if message is None else message
    return Finding(name, f"Sentence of {name}.", status, said, hint, mistake, list(maps))


def report(name, *statuses, hint="", mistake="", seconds=None, reference=None):
    """Return a report with a file for each status, in which failing files have the hint."""
    files = {}
    for file, status in zip(FILES, statuses, strict=False):
        found = finding(status, "two", hint if status == FAIL else "", mistake=mistake)
        files[file] = FileReport([finding(PASS), found], seconds, reference)
    return Report(name, "landlock", files)


NASTY_REPORT = Report(
    NASTY,
    NASTY,
    {
        FILES[0]: FileReport([finding(FAIL, NASTY, NASTY, NASTY, maps=[ErrorMap(NASTY, MAP.rows), MAP])]),
        NASTY: FileReport([finding(UNKNOWN, NASTY, message=NASTY)]),
    },
)


class Page(HTMLParser):
    """A parsed page. Wrongly nested tags are errors."""

    def __init__(self, text):
        super().__init__()
        self.text, self.words = text, ""
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, Any]]] = []
        text.encode()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.words += " "
        if tag not in ("meta", "img", "br", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words += data

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def alone(page):
    """Assert that the page needs no other file, runs no script, and has what every page should have."""
    assert page.text.startswith('<!DOCTYPE html>\n<html lang="en">')
    for forbidden in ("http:", "https:", "<script", "<link", "<iframe", "@import", "url("):
        assert forbidden not in page.text
    for _, attributes in page.tags:
        assert attributes.get("src", "data:").startswith("data:")
        assert attributes.get("href", "#").startswith("#")
        assert not any(name.startswith("on") for name in attributes)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for a in page.of("a")} <= set(ids)
    assert [len(page.of(tag)) for tag in ("h1", "main", "title", "style")] == [1, 1, 1, 1]
    assert "prefers-color-scheme: dark" in page.text and 'name="viewport"' in page.text
    assert all(image["alt"] for image in page.of("img"))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", page.text)


# Untrusted text ------------------------------------------------------------------------------------------------------


def test_unprintable_characters_are_written_as_escapes():
    assert escaped(NASTY) == "<b>&\"'\\x1b[31m\\n\\x00\\udcff\\u202eé]]>"
    assert escaped("a\nb\tc", keep="\n") == "a\nb\\tc"
    assert escaped("conv 3×3 → ü 漢 🙂") == "conv 3×3 → ü 漢 🙂"


def test_untrusted_text_is_harmless_in_a_page():
    for text in (submission_page(NASTY_REPORT), class_page(NASTY, [NASTY_REPORT], {"seed": NASTY})):
        page = Page(text)
        alone(page)
        assert "<b>&" not in page.text
        assert escaped(NASTY) in page.words


def test_untrusted_text_is_harmless_in_xml():
    root = ET.fromstring(junit([NASTY_REPORT]).encode())
    failure = root.find(".//failure")
    assert failure is not None and failure.text is not None
    assert failure.get("message") == escaped(NASTY)
    assert failure.text.splitlines()[0] == escaped(f"Sentence of {NASTY}.", keep="\n").splitlines()[0]
    assert root[0].get("name") == f"{escaped(NASTY)}/{FILES[0]}"


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_a_spreadsheet_runs_no_formula(name):
    (_, row) = csv.reader(io.StringIO(csv_table([report(name, FAIL, hint=name)]), newline=""))
    assert row[0] == row[-2] == "'" + name


def test_a_table_has_every_name_unchanged():
    names = ["a,b", 'say "hi"', "two\nlines", "semi;colon", " space ", "ünal"]
    text = csv_table([report(name, PASS) for name in names])
    _, *rows = csv.reader(io.StringIO(text, newline=""))
    assert [row[0] for row in rows] == names
    assert '"semi;colon","1.0"' in text  # quoted, since spreadsheets have different separators
    (line,) = csv_table([report("\udcff\x1b[31m", PASS)]).encode().splitlines()[1:]
    assert line.startswith(b'"\\udcff\\x1b[31m","1.0"')


# One submission ------------------------------------------------------------------------------------------------------


def test_the_page_of_a_submission():
    failing = [finding(PASS), finding(FAIL, "two", "Crop it.", maps=[MAP]), finding(UNKNOWN, "three")]
    advice = replace(finding(PASS, "four"), message="The images are integers.", hint="Write dtype=float.")
    files = {
        FILES[0]: FileReport([*failing, replace(finding(PASS, "style"), part=FORM)]),
        FILES[1]: FileReport([finding(PASS), advice]),
    }
    page = Page(submission_page(Report("ann", "bubblewrap", files)))
    alone(page)
    words = " ".join(page.words.split())
    for said in (
        "code 1 of 2 files pass",
        "score, code 66.7 %",
        "form 1 of 1 files pass",
        "sandbox bubblewrap",
        f"{FILES[0]} ✗ code ✓ form",
        f"{FILES[1]} ✓ code 2 of 2 checks pass. Advice",
        "2 of 4 checks pass.",
        "The images are integers. Advice: Write dtype=float.",
        "✗ fail Sentence of two. two message of two Likely: Crop it.",
        "1 could not be checked ? could not tell Sentence of three.",
        "2 pass ✓ Sentence of one. one",
        map_in_words(MAP),
    ):
        assert said in words, said
    assert len(page.of("img")) == 1 and len(page.of("details")) == 3


def test_a_map_shows_where_an_array_differs():
    data = heat_map(MAP)
    picture = Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2], validate=True)))
    pixels = np.asarray(picture.convert("RGBA"))
    size = pixels.shape[0] // 2
    assert pixels.shape == (2 * size, 3 * size, 4)
    colours = pixels[::size, ::size]
    right, little, much, none = colours[0, 0], colours[0, 2], colours[1, 0], colours[1, 1]
    assert (colours[0, 1] == right).all() and (colours[1, 2] == right).all()
    assert (little[:3] == much[:3]).all() and little[3] < much[3]
    assert len({tuple(colour[:3]) for colour in (right, much, none)}) == 3
    assert (pixels[size - 1] == 0).all() and (pixels[:, size - 1] == 0).all()
    wrong = "3 of 2 × 3 cells are wrong (1 not finite)"
    assert map_in_words(MAP) == f"{wrong}; the first is in row 0, column 2 (counted from 0)"
    assert map_in_words(ErrorMap("", [[0, 0]])) == "all 1 × 2 cells are right"


@pytest.mark.parametrize("rows", [[], [[]], [[10]]])
def test_a_map_of_at_most_one_cell_has_no_picture(rows):
    found = FileReport([finding(FAIL, maps=[ErrorMap("dA", rows)])])
    page = submission_page(Report("a", "landlock", {FILES[0]: found}))
    assert "<img" not in page and 'class="maps"' not in page


def test_a_page_shows_a_common_reason_once():
    same = [finding(FAIL, name, "Crop it.", f"it raises {name}", "crop") for name in ("one", "two", "three")]
    other = finding(FAIL, "four", "Use kw.")
    page = Page(submission_page(Report("ann", "landlock", {FILES[0]: FileReport([*same, other, finding(PASS)])})))
    alone(page)
    words = " ".join(page.words.split())
    first, _, rest = words.partition("2 more for the same reason: two, three")
    assert "it raises one" in first and "it raises two" not in first
    assert "Sentence of two. two it raises two" in rest and "it raises three" in rest
    assert words.count("Likely: Crop it.") == 1 and words.count("Likely: Use kw.") == 1
    assert "Sentence of four." in rest


def test_a_page_starts_with_the_likely_mistakes():
    failing = [finding(FAIL, name, "Crop it.") for name in ("one", "two")]
    files = {FILES[0]: FileReport([finding(FAIL)]), FILES[1]: FileReport([*failing, finding(FAIL, "x", "Use kw.")])}
    page = Page(submission_page(Report("ann", "landlock", files)))
    alone(page)
    words = " ".join(page.words.split())
    summary = f"Likely mistakes {FILES[1]}: Crop it. (2 checks) {FILES[1]}: Use kw. (1 check)"
    assert summary in words
    assert words.index(summary) < words.index(f"{FILES[0]} ✗ code")
    assert [a["href"] for a in page.of("a")] == ["#f1", "#f1"]
    assert "Likely mistakes" not in submission_page(Report("ann", "landlock", {FILES[0]: FileReport([finding(FAIL)])}))


def test_the_counts_in_the_xml_are_right():
    mixed = FileReport([finding(PASS), finding(FAIL, "two", "hint"), finding(UNKNOWN, "three")])
    unsure = FileReport([finding(PASS), finding(UNKNOWN, "two")])
    root = ET.fromstring(junit([Report("a", "landlock", {FILES[0]: mixed, FILES[1]: unsure}), report("b", PASS)]))
    assert root.attrib == {"name": "convlens check", "tests": "7", "failures": "1", "errors": "1", "skipped": "1"}
    assert [suite.get("name") for suite in root] == [f"a/{FILES[0]}", f"a/{FILES[1]}", f"b/{FILES[0]}"]
    for suite in root:
        cases = suite.findall("testcase")
        assert int(suite.attrib["tests"]) == len(cases)
        for kind, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.attrib[kind]) == len(suite.findall(f"testcase/{tag}"))
        tier = suite.find("properties/property")
        assert tier is not None and tier.attrib == {"name": "tier", "value": "landlock"}
    assert root.findtext(".//failure") == "Sentence of two.\nmessage of two\nLikely: hint"


# A class -------------------------------------------------------------------------------------------------------------


def test_the_summary_of_a_class():
    reports = [
        report("a", PASS, PASS, seconds=1.0),
        report("b", FAIL, PASS, hint="Crop 2 rows.", mistake="crop", seconds=1.0),
        report("c", FAIL, FAIL, hint="Crop 3 rows.", mistake="crop", seconds=2.0),
        report("d", PASS, FAIL, hint="Use kw.", seconds=20.0, reference=1.5),
        report("e", UNKNOWN, UNKNOWN),
    ]
    found = tally(reports)
    assert (found.submissions, found.passed, found.failed, found.unknown) == (5, 1, 3, 1)
    assert found.code == pytest.approx((1 + 0.75 + 0.5 + 0.75 + 1) / 5)
    assert found.form is None
    first, second = (found.files[name] for name in FILES)
    assert first.code == second.code == (2, 2, 1)
    assert first.form == (0, 0, 0)
    assert first.usual == 1.5
    assert [(one.name, one.seconds, one.times) for one in first.slow] == [("d", 20.0, 13.3)]
    # Once for each student, by the mistake's name
    assert [(one.hint, one.names) for one in found.mistakes] == [("Crop 2 rows.", ["b", "c"]), ("Use kw.", ["d"])]
    first_one = {"hint": "Crop 2 rows.", "part": "code", "names": ["b", "c"], "submissions": 2}
    assert found.as_json()["mistakes"][0] == first_one
    assert found.as_json()["files"][FILES[0]]["slow"] == [{"name": "d", "seconds": 20.0, "times": 13.3}]
    assert [one.hint for one in likely(reports[2])] == ["Crop 3 rows."]


def test_every_mistake_of_each_student_is_counted_and_named():
    two = FileReport([finding(FAIL, "a", "Crop it."), finding(FAIL, "b", "Use kw."), finding(FAIL, "c", "Crop it.")])
    ann = Report("ann", "landlock", {FILES[0]: two, FILES[1]: FileReport([finding(FAIL, "d", "Use sw.")])})
    bob = Report("bob", "landlock", {FILES[0]: FileReport([finding(FAIL, "d", "Use kw.")])})
    assert {one.hint: one.names for one in tally([ann, bob]).mistakes} == {
        "Use kw.": ["ann", "bob"],
        "Crop it.": ["ann"],
        "Use sw.": ["ann"],
    }


@pytest.mark.parametrize(
    ("seconds", "reference", "slow"),
    [(0.3, 0.1, True), (0.2, 0.1, False), (0.09, 0.001, False), (0.11, 0.001, True), (9.0, None, False)],
)
def test_slow_is_above_a_tenth_of_a_second_and_twice_the_reference(seconds, reference, slow):
    found = tally([report("a", PASS, seconds=seconds, reference=reference)])
    assert bool(found.files[FILES[0]].slow) == slow


def test_a_class_may_be_empty_or_without_times():
    assert tally([]).code is None
    assert tally([report("a", PASS)]).files[FILES[0]].usual is None


def test_the_table_of_a_class():
    reports = [report("a", PASS, PASS), report("b", FAIL, UNKNOWN, hint="Crop it.")]
    form = [replace(finding(FAIL, "style", "Shorten it."), part=FORM), replace(finding(PASS), part=FORM)]
    reports.append(Report("c", "landlock", {FILES[0]: FileReport([finding(PASS), *form])}))
    assert list(csv.reader(io.StringIO(csv_table(reports)))) == [
        ["name", "code", "form", *(f"{name} {part}" for name in FILES for part in PARTS), "hint", "form hint"],
        ["a", "1.0", "", "pass", "", "pass", "", "", ""],
        ["b", "0.75", "", "fail", "", "could not tell", "", "Crop it.", ""],
        ["c", "1.0", "0.5", "pass", "fail", "", "", "", "Shorten it."],
    ]


@pytest.mark.parametrize(("status", "said"), [(FAIL, "message of two"), (UNKNOWN, "message of two"), (PASS, "")])
def test_without_a_known_mistake_the_table_has_the_message(status, said):
    one = report("a", PASS, status)
    assert reason(one) == said
    assert list(csv.reader(io.StringIO(csv_table([one]))))[1][-2] == said


def test_the_page_of_a_class():
    slow = report("b", FAIL, UNKNOWN, hint="Crop it.", seconds=0.9, reference=0.1)
    reports = [report("a", PASS, PASS, seconds=0.1), slow]
    untold = finding(UNKNOWN, "graded", message="it is gone")
    reports += [report(name, PASS, PASS, seconds=0.1) for name in "cd"]
    reports.append(Report("e", "none", {name: FileReport([untold]) for name in FILES}))
    page = Page(class_page("autumn", reports, {"seed": 7, "tasks": "0, 1", "nothing": None}))
    alone(page)
    words = " ".join(page.words.split())
    for said in (
        "submissions 5 passed 3 failed 1 could not tell 1 mean score, code 75.0 % mean score, form — seed 7 tasks 0, 1",
        "median time",
        f"{FILES[0]} 3 1 1 0 0 0 100 ms",
        f"b: {FILES[0]} takes 900 ms, 9 times the course's own program",
        "1 code Crop it. b",
        "b 75.0 % — ✗ ?",
        "b ✗ fail score: code 75.0 %; sandbox landlock; likely: Crop it. · Back to the class",
        f"e ? could not tell score: code 0.0 %; sandbox none · Back to the class {', '.join(FILES)} ? code",
    ):
        assert said in words, said
    assert words.count("it is gone") == 1
    assert '<th scope="col">0-conv_<wbr>forward.py</th>' in page.text  # a table of seven files must not be too wide
    assert [a["href"] for a in page.of("a")] == ["#s1", "#s4", "#class", "#class"]
    nobody = Page(class_page("autumn", [report("a", PASS)], {}))
    alone(nobody)
    assert "No known mistake was found." in nobody.words and "All submissions pass." in nobody.words
