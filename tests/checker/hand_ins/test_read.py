"""A submission is read without trusting it: links, devices, huge files and odd names. Equal ones have equal digests."""

import os

import pytest

from convlens.checker.hand_ins import read
from convlens.checker.submission import LARGEST, MISSING, SUMMARY, TASKS, parse_tasks


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "ann\nor two"
    made.mkdir()
    for name in TASKS:
        (made / name).write_bytes(name.encode())
    (made / TASKS[0]).chmod(0o755)
    return made


def test_only_the_files_of_the_tasks_are_read(folder):
    found = read(folder, (0, 3))
    assert found.name == "ann\nor two"
    assert list(found.files) == [TASKS[0], TASKS[3]]
    assert found.files[TASKS[0]].content == b"0-conv_forward.py"
    assert [file.runs for file in found.files.values()] == [True, False]
    assert read(folder, (0,), name="Ann").name == "Ann"


def test_a_summary_of_another_name_is_found(folder):
    (folder / SUMMARY).rename(folder / "6-krizhevsky.md")
    assert read(folder).files[SUMMARY].content == SUMMARY.encode()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: None, "the file is missing"),
        (lambda path: path.symlink_to("/etc/hostname"), "the file is a link; hand in the file itself"),
        (lambda path: path.symlink_to(path), "the file is a link; hand in the file itself"),
        (lambda path: path.mkdir(), "this is a folder or a device, not a file"),
        (lambda path: os.mkfifo(path), "this is a folder or a device, not a file"),
        (
            lambda path: path.write_bytes(bytes(LARGEST + 1)),
            "the file has 262,145 bytes; the limit is 262,144",
        ),
    ],
    ids=["missing", "link", "loop", "folder", "pipe", "large"],
)
def test_the_problem_says_why_a_file_cannot_be_read(folder, spoil, said):
    path = folder / TASKS[1]
    path.unlink()
    spoil(path)
    file = read(folder).files[TASKS[1]]
    assert (file.content, file.problem[: len(said)], file.runs) == (None, said, False)
    assert file.missing == (said == MISSING)


def test_a_file_of_a_gigabyte_is_not_read(folder):
    with (folder / TASKS[1]).open("wb") as file:
        file.truncate(2**30)
    assert "1,073,741,824 bytes" in read(folder).files[TASKS[1]].problem


def test_the_largest_file_is_read(folder):
    (folder / TASKS[1]).write_bytes(bytes(LARGEST))
    content = read(folder).files[TASKS[1]].content
    assert content is not None and len(content) == LARGEST


@pytest.mark.parametrize(
    ("task", "name", "meant"),
    [
        (0, "conv_forward.py", True),
        (0, "0-Conv_forward.py", True),
        (0, "0_conv_foward.py", True),
        (0, "0-conv_forward.py.txt", True),
        (5, "lenet5.py", True),
        (6, "alexnet.md", True),
        (0, "1-conv_forward.py", False),
        (0, "0-conv_backward.py", False),
        (0, "0-main.py", False),
        (0, "conv_forward\x1b.py", False),
        (0, "conv_forward.py" + "y" * 80, False),
    ],
)
def test_a_misspelt_file_is_named(folder, task, name, meant):
    (folder / TASKS[task]).rename(folder / name)
    said = read(folder).files[TASKS[task]].problem
    assert read(folder).files[TASKS[task]].missing
    assert said == (f"{MISSING}; there is {name}: rename it to {TASKS[task]}" if meant else MISSING)


def test_a_link_or_a_folder_is_never_a_misspelt_file(folder):
    (folder / TASKS[0]).unlink()
    (folder / "conv_forward.py").symlink_to("/etc/passwd")
    (folder / "0-Conv_forward.py").mkdir()
    assert read(folder).files[TASKS[0]].problem == MISSING


def test_the_file_of_a_task_is_a_submission_and_another_file_is_not(folder):
    found = read(folder / TASKS[2]).files
    assert found[TASKS[2]].content == TASKS[2].encode()
    assert all(file.missing for name, file in found.items() if name != TASKS[2])
    (folder / "notes.txt").write_text("no code")
    said = r"a submission must be a folder, a zip or tar file, or a notebook; '.*/notes.txt' is another file"
    with pytest.raises(NotADirectoryError, match=said):
        read(folder / "notes.txt")


def test_a_missing_or_empty_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a submission must be a folder, .*; there is no '.*/nobody'"):
        read(tmp_path / "nobody")
    with pytest.raises(ValueError, match=r"a submission must have files; '.*' is empty"):
        read(tmp_path)


def test_the_digest_depends_on_content_and_modes_but_not_on_the_name(folder):
    first = read(folder, name="Ann")
    assert first.digest() == read(folder, name="Ben").digest()
    (folder / TASKS[2]).chmod(0o700)
    changed = {first.digest(), read(folder).digest()}
    (folder / TASKS[2]).write_bytes(b"")
    changed.add(read(folder).digest())
    (folder / TASKS[2]).unlink()
    changed.add(read(folder).digest())
    (folder / TASKS[2]).mkdir()
    changed.add(read(folder).digest())
    assert len(changed) == 5
    assert read(folder, (0,)).digest() != read(folder, (1,)).digest()


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("0-3", (0, 1, 2, 3)), ("6", (6,)), ("5,0-1", (0, 1, 5)), (" 2 , 2", (2,)), ("0-6", tuple(range(7)))],
)
def test_tasks_are_parsed(text, numbers):
    assert parse_tasks(text) == numbers


@pytest.mark.parametrize("text", ["", "7", "0-7", "3-1", "-1", "1-", "a", "1,,2", "1.5", "²"])
def test_wrong_tasks_are_an_error(text):
    with pytest.raises(ValueError, match=r"tasks must be numbers from 0 to 6 such as 0-3,5; got"):
        parse_tasks(text)
