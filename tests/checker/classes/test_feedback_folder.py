"""The folder of feedback pages: nothing but older pages is replaced, nothing is deleted, no page is half written."""

import os

import pytest

from convlens.checker.classes.feedback_folder import MARKER, require_place, write_pages

pytestmark = pytest.mark.smoke


def page(text):
    return f'<head><meta charset="utf-8">\n{MARKER}</head>{text}'


def test_older_pages_are_replaced_or_told(tmp_path):
    folder = tmp_path / "feedback"
    assert write_pages(folder, [("ann.html", page("1")), ("bob.html", page("1"))]) == (2, [])
    (folder / "notes.html").write_text("mine")
    assert write_pages(folder, [("ann.html", page("2"))]) == (1, ["bob.html"])
    assert {path.name: path.read_text()[-1] for path in folder.iterdir()} == {
        "ann.html": "2",
        "bob.html": "1",
        "notes.html": "e",
    }


def test_a_file_that_is_no_feedback_page_is_not_replaced(tmp_path):
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(FileExistsError, match="replaces only feedback pages"):
        write_pages(tmp_path, [("index.html", page("1"))])
    assert (tmp_path / "index.html").read_text() == "mine"


def test_a_page_is_whole_or_not_written(tmp_path, monkeypatch):
    write_pages(tmp_path, [("ann.html", page("1"))])

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_pages(tmp_path, [("ann.html", page("2")), ("bob.html", page("2"))])
    assert [path.name for path in tmp_path.iterdir()] == ["ann.html"]
    assert (tmp_path / "ann.html").read_text() == page("1")


def test_pages_must_not_lie_in_the_class(tmp_path):
    place = tmp_path / "autumn"
    (place / "ann").mkdir(parents=True)
    for inside in (place / "feedback", place, place / "ann" / "feedback"):
        with pytest.raises(ValueError, match="outside of the class"):
            require_place(inside, place)
    require_place(tmp_path / "feedback", place)
    with pytest.raises(FileNotFoundError, match="must exist"):
        require_place(tmp_path / "no" / "feedback", place)
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="is a file"):
        require_place(tmp_path / "file", place)
