"""Feedback pages: what a student sees, and what no student sees."""

import re
from pathlib import Path

import pytest

from convlens.checker.classes.marks import marks
from convlens.checker.classes.points import Points
from convlens.checker.classes.roster import Student
from convlens.checker.render.feedback import feedback_pages
from convlens.checker.verdict import FAIL, PASS, FileReport, Finding, Report

pytestmark = pytest.mark.smoke

FILE = "0-conv_forward.py"


def made(name, status=PASS, message="", notes=(), hint=""):
    return Report(name, "fake", {FILE: FileReport([Finding("one", "It is so.", status, message, hint)])}, notes)


def pages(reports, students=None, given=None):
    students = students or [Student(report.name, Path("autumn", report.name)) for report in reports]
    return dict(feedback_pages("autumn", students, reports, given or {}))


def test_a_page_for_each_student_and_an_index():
    reports = [made("ann"), made("Bob Mill", FAIL, "dA is wrong", hint="Crop it.")]
    found = pages(reports, given=marks(reports, Points({0: 4}), {}))
    ann, bob, index = found
    assert ann == "ann.html" and re.fullmatch(r"Bob-Mill-[0-9a-f]{8}\.html", bob) and index == "index.html"
    assert "dA is wrong" in found[bob] and "Crop it." in found[bob] and "0 of 4" in found[bob]
    assert "4 of 4" in found[ann]
    for said in (f'href="{ann}"', f'href="{bob}"', "Bob Mill", "4 of 4", "0 of 4"):
        assert said in found[index]


def test_no_page_names_another_student_or_a_path(tmp_path):
    names = ["ann", "Bob Mill", "李小龍", "<b>eve</b>"]
    place = tmp_path / "autumn"
    students = [Student(name, place / f"{k}") for k, name in enumerate(names)]
    students.append(Student("zoe", None, (("0-conv_forward.py", place / "zoe_1_2_0-conv_forward.py"),)))
    reports = [
        made(student.name, FAIL, f"there is no {str(student.folder)!r} and no {str(place)!r}/x", (f"in {place}/y.zip",))
        for student in students
    ]
    found = pages(reports, students)
    index = found.pop("index.html")
    assert "&lt;b&gt;eve&lt;/b&gt;" in index and "<b>eve" not in index
    for own, text in zip(students, found.values(), strict=True):
        others = [other.name for other in students if other is not own]
        assert not [name for name in others if name in text or name.replace("<", "&lt;").replace(">", "&gt;") in text]
        assert str(tmp_path) not in text and str(tmp_path.resolve()) not in text
        if own.folder:
            assert f"there is no &#x27;{own.folder.name}&#x27;" in text


def test_a_name_cannot_break_a_link():
    reports = [made('" onclick="x'), made("a#b?c"), made("../../etc/passwd"), made("index")]
    found = pages(reports)
    links = re.findall(r'<a href="([^"]*)">', found["index.html"])
    assert links == [name for name in found if name != "index.html"]
    assert not [link for link in links if "/" in link or "#" in link or "?" in link]
