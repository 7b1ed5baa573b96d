"""`convlens check --class` for a teacher's whole round: points, feedback, dates, changes. The graders are invented."""

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
    page = (place.parent / "class.html").read_text()
    assert "4 of 4" in page and "<dt>mean points</dt><dd>1.33 of 4</dd>" in page
    assert done.out.splitlines()[-1].endswith("mean points 1.33 of 4")
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


def test_a_killed_run_is_resumed_and_gives_all_pages(place, tmp_path, monkeypatch):
    log = tmp_path / "log"
    classes.make(place, fay="sleep 0.5", gus="sleep 600")
    words = ("--jobs", 1, "--points", "0=4", "--feedback", tmp_path / "pages", "--out", tmp_path / "out.jsonl")
    process = classes.start(place, *words, log=log)
    classes.until(lambda: classes.count(tmp_path / "out.jsonl") >= 3)
    process.kill()
    process.communicate()
    assert not (tmp_path / "pages").exists()
    (place / "gus" / classes.FILE).write_text("pass")
    kept = classes.count(tmp_path / "out.jsonl")
    classes.fake(monkeypatch, log)
    done = run(*words)
    assert f"{kept} done before" in done.err, done
    assert len(list((tmp_path / "pages").iterdir())) == 6


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


# Dates ---------------------------------------------------------------------------------------------------------------


def test_who_is_late_loses_points(place, tmp_path):
    (tmp_path / "dates.csv").write_text("name,handed_in\nann,2026-11-22 00:10\nbob,2026-11-20\nmax,2026-11-20\n")
    words = ["--late", "dates.csv", "--due", "2026-11-20T23:59", "--points", "0=4", "--csv", "marks.csv"]
    done = run(*words, "--late-penalty", "10%/day", "--feedback", "pages")
    assert "--late has dates of nobody in the class: max" in done.err
    assert "--late has no date of eve: not counted as late" in done.err
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO((tmp_path / "marks.csv").read_text()))}
    assert [rows[name]["points"] for name in ("ann", "bob", "eve")] == ["3.2", "0.0", "0.0"]
    assert [rows[name]["days late"] for name in ("ann", "bob", "eve")] == ["2", "0", ""]
    assert "3.2 of 4" in done.out and "2 days late, -20 %" in done.out and "in time" in done.out
    page = (tmp_path / "pages" / "ann.html").read_text()
    assert "4 of 4 points; handed in 2026-11-22 00:10, 2 days late, -20 %; 3.2 points count" in page
    found = json.loads(run(*words, "--late-penalty", "10%/day", "--json").out)["submissions"]
    assert found[0]["late"] == {"handed_in": "2026-11-22T00:10:00", "days_late": 2, "lost": 0.2}
    assert found[0]["points"]["total"] == 4 and found[0]["points"]["counts"] == 3.2 and "late" not in found[2]
    plain = json.loads(run(*words, "--json").out)["submissions"]
    assert plain[0]["points"]["counts"] == 4 and plain[0]["late"]["days_late"] == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--due", "2026-11-20"), "--due needs --late"),
        (("--late", "dates.csv"), "--late needs --due or a column due"),
        (("--late", "dates.csv", "--due", "2026-11-20", "--late-penalty", "10%/day"), "--late-penalty needs --points"),
        (("--late", "none.csv", "--due", "2026-11-20"), "none.csv"),
        (("--since", "none.jsonl"), "none.jsonl"),
        (("--late", "dates.csv", "--due", "2026-11-20", "--csv", "dates.csv"), "must have different names"),
        (("--since", "dates.csv"), "must be a file of convlens class results"),
    ],
)
def test_a_wrong_round_is_told(place, tmp_path, words, said):
    (tmp_path / "dates.csv").write_text("name,handed_in\nann,2026-11-22\n")
    done = run(*words)
    assert done.code == 2 and said in done.err, done
    assert not (tmp_path / "autumn-results.jsonl").exists()


# What changed --------------------------------------------------------------------------------------------------------


def hand_in(place, **content):
    for name, words in content.items():
        (place / name).mkdir(exist_ok=True)
        (place / name / classes.FILE).write_text(words)


def test_what_changed_since_an_earlier_file(place, tmp_path):
    assert run("--out", "old.jsonl").code == 1
    old = (tmp_path / "old.jsonl").read_bytes()
    hand_in(place, ann="fail Use kw.", bob="pass", zoe="pass")
    (place / "eve").rmdir()
    words = ("--out", "new.jsonl", "--since", "old.jsonl")
    done = run(*words, "--csv", "marks.csv", "--html", "class.html", "--feedback", "pages")
    assert "since the last results: 2 changed, 0 unchanged, 1 new, 1 gone" in done.out
    assert (
        f"  ann: newly wrong: {classes.FILE} code" in done.out
        and f"  bob: newly right: {classes.FILE} code" in done.out
    )
    assert "  new: zoe" in done.out and "  gone: eve" in done.out
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO((tmp_path / "marks.csv").read_text()))}
    assert rows["bob"]["changed"] == f"newly right: {classes.FILE} code" and rows["zoe"]["changed"] == ""
    assert "Since the last results" in (tmp_path / "class.html").read_text()
    assert f"Newly right: {classes.FILE} code." in (tmp_path / "pages" / "bob.html").read_text()
    found = json.loads(run(*words, "--json").out)["changes"]
    assert found["new"] == ["zoe"] and found["gone"] == ["eve"]
    assert found["changed"][0] == {"name": "ann", "right": [], "wrong": [f"{classes.FILE} code"]}
    assert (tmp_path / "old.jsonl").read_bytes() == old


def test_again_compares_with_what_it_replaces(place):
    first = run()
    assert "since the last results" not in first.out
    hand_in(place, bob="pass")
    assert "since the last results: 1 changed, 2 unchanged, 0 new, 0 gone" in run("--again").out


def test_who_hands_in_anew_is_compared_by_itself(place):
    assert run().code == 1
    assert "since the last results" not in run().out
    hand_in(place, bob="pass", zoe="pass")
    assert "since the last results: 1 changed, 0 unchanged, 0 new, 0 gone" in run().out


# Checks of one's own -------------------------------------------------------------------------------------------------


def test_other_checks_are_another_setting(place, tmp_path):
    own = 'from convlens.checker.own_checks import check\n@check(0)\ndef mine(file):\n    "It is so."\n'
    (tmp_path / "own.py").write_text(own)
    assert run("--checks", "own.py").code == 1
    assert "0 graded" in run("--checks", "own.py").err
    (tmp_path / "own.py").write_text(own + "# changed\n")
    changed, without = run("--checks", "own.py"), run()
    assert changed.code == without.code == 2
    assert "must have the same checks" in changed.err and "must have the same checks" in without.err


def test_wrong_checks_are_told_before_anything_is_graded(place, tmp_path):
    (tmp_path / "own.py").write_text("def f(:\n")
    done = run("--checks", "own.py")
    assert done.code == 2 and "the checks in 'own.py' must be Python; line 1" in done.err
    assert run("--checks", "none.py").code == 2
    (tmp_path / "bytes.py").write_bytes(b"\xff")
    assert "must be UTF-8 text" in run("--checks", "bytes.py").err
    assert not (tmp_path / "autumn-results.jsonl").exists()
