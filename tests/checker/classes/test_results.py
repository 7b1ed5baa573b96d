"""classes.results: a result is on the disk at once, an incomplete line is removed, other files are not changed."""

import json
import os
import sys

import pytest

from convlens.checker.classes.results import FORMAT, VERSION, Entry, open_results
from convlens.checker.verdict import FAIL, PASS, ErrorMap, FileReport, Finding, Report

pytestmark = pytest.mark.smoke

SETTINGS = {"tier": "landlock", "tasks": (0, 1), "seed": 5, "seconds": 10.0, "reveal": False}


def entry(name, digest="d", hint="", **more):
    maps = [ErrorMap("dA_prev[0, :, :, 0]", [[0, 10], [-1, 3]])] if hint else []
    finding = Finding("values", "It is right.", FAIL if hint else PASS, "", hint, "", maps)
    return Entry(name, digest, Report(name, "landlock", {"0-conv_forward.py": FileReport([finding], 0.25)}), **more)


def add(path, *entries, settings=SETTINGS, **more):
    with open_results(path, settings, **more) as results:
        for one in entries:
            results.append(one)
        return results


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results.jsonl"


def test_added_results_are_read_back(path):
    names = ["a", "b c", "new\nline", "\x1b[31m", "byte \udcff", "ü"]
    entries = [entry(name, f"d{k}", hint="h" * (k % 2), cached=k == 2) for k, name in enumerate(names)]
    add(path, *entries)
    found = add(path)
    assert list(found.entries.values()) == entries
    assert list(found.entries) == names
    assert found.find("b c", "d1") == entries[1]
    assert found.find("b c", "d2") is None and found.find("z", "d1") is None
    assert found.report_on("d1") == entries[1].report and found.report_on("z") is None


def test_the_file_is_lines_of_json_that_start_with_the_settings(path):
    add(path, entry("a", hint="h"))
    head, line = map(json.loads, path.read_text().splitlines())
    assert head == {"format": FORMAT, "version": VERSION, **SETTINGS, "tasks": [0, 1]}
    assert list(line) == ["name", "digest", "cached", "trouble", "report"]
    assert line["report"] == entry("a", hint="h").report.as_json()


def test_each_result_is_on_the_disk_before_the_next(path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(path.read_text().count("\n")))
    add(path, entry("a"), entry("b"))
    assert synced == [1, 2, 3]


def test_the_last_result_of_a_name_counts_and_trouble_is_tried_again(path):
    add(path, entry("a", "1"), entry("a", "2"), entry("b", "3", trouble=True))
    found = add(path)
    assert found.find("a", "1") is None and found.find("a", "2")
    assert found.find("b", "3") is None and found.report_on("3") is None


@pytest.mark.parametrize("after", [1, 10, -1])
def test_an_incomplete_last_line_is_removed(path, after):
    add(path, entry("a"))
    whole = path.read_bytes()
    add(path, entry("b"))
    path.write_bytes(path.read_bytes()[: len(whole) + after] if after > 0 else path.read_bytes()[:after])
    assert list(add(path).entries) == ["a"]
    assert path.read_bytes() == whole
    assert list(add(path, entry("b")).entries) == ["a", "b"]


@pytest.mark.parametrize("size", [0, 1, 20, 60, -1])
def test_an_incomplete_first_line_starts_a_new_file(path, size):
    add(path)
    head = path.read_bytes()
    path.write_bytes(head[:size])
    add(path, entry("a"))
    assert path.read_bytes().startswith(head)
    assert list(add(path).entries) == ["a"]


def test_a_last_line_of_zeros_is_removed(path):
    add(path, entry("a"))
    whole = path.read_bytes()
    path.write_bytes(whole + bytes(100))
    assert list(add(path).entries) == ["a"]
    assert path.read_bytes() == whole


def test_damage_in_the_middle_is_an_error_and_stays(path):
    add(path, entry("a"), entry("b"))
    head, _, last = path.read_bytes().splitlines(keepends=True)
    for damage in (b"{}\n", b"what\n", b'{"name": 1}\n', b"[" * 100_000 + b"\n"):
        path.write_bytes(head + damage + last)
        with pytest.raises(ValueError, match=r"each line of '.*' must be a result; line 2 is damaged: .*--again"):
            add(path)
        assert path.read_bytes() == head + damage + last


@pytest.mark.parametrize("content", [b"my thesis", b"{}\n", b"[1]\n", b'{"format": "another"}\n', b"\xff\n", b"\n"])
@pytest.mark.parametrize("again", [False, True])
def test_another_kind_of_file_is_not_changed(path, content, again):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"must be a file of convlens class results, or .* is not changed"):
        add(path, again=again)
    assert path.read_bytes() == content


def test_another_version_is_refused_unless_again(path):
    content = json.dumps({"format": FORMAT, "version": 2}) + "\n" + "who knows\n" * 3
    path.write_text(content)
    with pytest.raises(ValueError, match=r"results of version 1; it has version 2: .* --out, .* --again"):
        add(path)
    assert path.read_text() == content
    assert add(path, entry("a"), again=True).entries.keys() == {"a"}
    assert add(path).entries.keys() == {"a"}


@pytest.mark.parametrize(
    ("name", "value"), [("tier", "rlimits"), ("tasks", (0,)), ("seed", 6), ("seconds", 1), ("reveal", True), ("new", 1)]
)
def test_other_settings_are_refused_unless_again(path, name, value):
    add(path, entry("a"))
    before = path.read_bytes()
    with pytest.raises(ValueError, match=f"all results in a file must have the same {name}; .* --again"):
        add(path, settings=SETTINGS | {name: value})
    assert path.read_bytes() == before
    assert add(path, settings=SETTINGS | {name: value}, again=True).entries == {}


def test_a_seed_is_drawn_once(path, tmp_path):
    open_seed = SETTINGS | {"seed": None}
    drawn = add(path, settings=open_seed).settings["seed"]
    assert 0 <= drawn < 2**31
    assert add(path, settings=open_seed).settings["seed"] == drawn
    assert add(path, settings=SETTINGS | {"seed": drawn}).settings["seed"] == drawn
    others = {add(tmp_path / str(k), settings=open_seed).settings["seed"] for k in range(3)}
    assert others != {drawn}


@pytest.mark.skipif(sys.platform == "win32", reason="locks are POSIX")
def test_only_one_process_can_write(path):
    with open_results(path, SETTINGS) as results:
        for again in (False, True):
            with pytest.raises(BlockingIOError, match="only one class run may write a file at a time"):
                add(path, again=again)
        results.append(entry("a"))
    assert list(add(path).entries) == ["a"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_only_a_regular_file_is_accepted(tmp_path):
    with pytest.raises(ValueError, match="must go into a regular file; '/dev/null' is a device or a pipe"):
        add("/dev/null")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="is a device or a pipe"):
        add(tmp_path / "pipe")
    with pytest.raises(IsADirectoryError):
        add(tmp_path)
    with pytest.raises(FileNotFoundError) as error:
        add(tmp_path / "no" / "file")
    assert error.value.filename == str(tmp_path / "no" / "file")


def test_on_a_full_disk_nothing_is_added(path, monkeypatch):
    add(path, entry("a"))
    whole, write = path.read_bytes(), os.write

    with open_results(path, SETTINGS) as results:
        monkeypatch.setattr(os, "write", _short(write))
        with pytest.raises(OSError, match="No space left") as error:
            results.append(entry("b"))
        assert error.value.filename == str(path)
        assert list(results.entries) == ["a"]
    monkeypatch.undo()
    assert path.read_bytes() == whole


def _short(write):
    """Return a function that writes ten bytes and then fails."""
    left = [10]

    def short(handle, data):
        if not left:
            raise OSError(28, "No space left on device")
        return write(handle, data[: left.pop()])

    return short
