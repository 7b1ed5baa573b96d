"""`convlens check --class` for a teacher's whole round: points, feedback. The graders are invented."""

import csv
import io
import json
import sys

import pytest
from tests.support import small
from tests.support.checker import classes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A class of three, in a folder of its own; the current folder is beside it."""
    classes.fake(monkeypatch)
    monkeypatch.chdir(tmp_path)
    return classes.make(tmp_path / "autumn", ann="pass", bob="fail Crop it.", eve=None)


def run(*words):
    return small.run("check", "--class", "autumn", *classes.ANYWHERE, *words)


def test_points_in_every_output(place):
    done = run("--points", "0=4", "--csv", "marks.csv", "--html", "class.html")
    assert done.code == 1, done
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO((place.parent / "marks.csv").read_text()))}
    assert [(rows[name]["points"], rows[name]["of"]) for name in ("ann", "bob", "eve")] == [
        ("4.0", "4.0"),
        ("0.0", "4.0"),
        ("0.0", "4.0"),
    ]
    assert rows["ann"][f"{classes.FILE} points code"] == "4.0" and rows["ann"][f"{classes.FILE} points form"] == ""
    lines = {line.split()[0]: line for line in done.out.splitlines() if line.strip()}
    assert "4 of 4" in lines["ann"] and "0 of 4" in lines["bob"]
    assert "4 of 4" in (place.parent / "class.html").read_text()
    found = json.loads(run("--points", "0=4", "--json").out)
    assert [one["points"]["counts"] for one in found["submissions"]] == [4, 0, 0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--points", "1=4"), "--points must be for tasks that are checked, 0; got task 1"),
        (("--points", "0=-4"), "points must be numbers of at least 0"),
    ],
)
def test_what_cannot_be_read_is_told_before_anything_is_graded(place, words, said):
    done = run(*words)
    assert done.code == 2 and said in done.err, done
    assert not (place.parent / "autumn-results.jsonl").exists()


def test_a_round_needs_a_class(place):
    done = small.run("check", "autumn/ann", "--points", "0=4")
    assert done.code == 2 and "--points needs --class" in done.err


def test_feedback_of_a_finished_class_grades_nothing(place, tmp_path, monkeypatch):
    log = tmp_path / "log"
    classes.fake(monkeypatch, log)
    assert run().code == 1
    graded = log.read_text()
    done = run("--feedback", "pages", "--points", "0=4")
    assert log.read_text() == graded and "0 graded" in done.err
    assert "written: 3 pages for students and index.html in pages" in done.err
    pages = {path.name: path.read_text() for path in (tmp_path / "pages").iterdir()}
    assert set(pages) == {"ann.html", "bob.html", "eve.html", "index.html"}
    assert "Crop it." in pages["bob.html"] and "4 of 4" in pages["ann.html"]
    assert "nothing is handed in" in pages["eve.html"]
    assert not [name for name in ("ann", "bob", str(tmp_path)) if name in pages["eve.html"]]


def test_the_page_of_who_has_left_is_told_and_kept(place, tmp_path):
    assert run("--feedback", "pages").code == 1
    (place / "bob" / classes.FILE).unlink()
    (place / "bob").rmdir()
    done = run("--feedback", "pages")
    assert "kept in pages, but of nobody in this class: bob.html" in done.err
    assert (tmp_path / "pages" / "bob.html").exists()


def test_feedback_inside_the_class_is_refused(place):
    done = run("--feedback", "autumn/pages")
    assert done.code == 2 and "must lie outside of the class" in done.err
    assert not (place / "pages").exists()
