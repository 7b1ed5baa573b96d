"""Whatever lies in a class's folder has a row: folders, archives, notebooks, links, files from Canvas and Moodle."""

import zipfile
from typing import Any

import pytest

from convlens.checker.classes import grading
from convlens.checker.classes.class_folder import compiled, in_class
from convlens.checker.classes.student import Student
from convlens.checker.submission import TASKS

pytestmark = pytest.mark.smoke


def read_student(student: Student, tasks: tuple[int, ...]) -> Any:
    """The student's submission, or the result of one that cannot be read."""
    return grading._read(student, tasks)


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def zipped(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(TASKS[0], "zip")


def test_everything_has_a_row(tmp_path):
    touch(tmp_path, f"ann/{TASKS[0]}", "dan.ipynb", "eve.rar", "notes.txt", "__pycache__/x", "._ann", ".DS_Store")
    touch(tmp_path, "class-results.jsonl")
    zipped(tmp_path / "bob.zip")
    zipped(tmp_path / "ann.zip")
    (tmp_path / "cem.tar.gz").write_bytes(b"")
    (tmp_path / "fay").symlink_to(tmp_path / "ann")
    found = {student.name: student for student in in_class(tmp_path)}
    assert list(found) == ["ann", "ann.zip", "bob", "cem", "dan", "eve.rar", "fay", "notes.txt"]
    assert found["bob"].folder == tmp_path / "bob.zip"
    assert found["fay"].problem == "'fay' is a link; hand in the files themselves"
    assert found["eve.rar"].problem.endswith("or a notebook; this is a RAR archive")
    assert found["notes.txt"].problem.endswith("this is a file of another kind")


def test_a_linked_folder_is_not_graded(tmp_path):
    touch(tmp_path, f"ann/{TASKS[0]}")
    (tmp_path / "ben").symlink_to(tmp_path / "ann")
    result = read_student(in_class(tmp_path)[1], (0,))
    (file,) = result.report.files.values()
    assert file.status == "could not tell" and "is a link" in file.checks[0].message


CANVAS = [
    "doejane_1001_20001_0-conv_forward.py",
    "doejane_LATE_1001_20002_1-pool_forward-1.py",
    "roejo_1002_20003_0-conv_forward-2.py",
    "roejo_1002_20004_6-alexnet.md",
]
MOODLE = [
    "Jane Doe_11_assignsubmission_file_0-conv_forward.py",
    "Jane Doe_11_assignsubmission_file_1-pool_forward.py",
    "Jo_van Roe_12_assignsubmission_file_0-conv_forward.py",
]


def test_a_download_from_canvas(tmp_path):
    touch(tmp_path, *CANVAS)
    jane, jo = in_class(tmp_path)
    assert (jane.name, [name for name, _ in jane.files]) == ("doejane", [TASKS[0], TASKS[1]])
    assert (jo.name, [name for name, _ in jo.files]) == ("roejo", [TASKS[0], "6-alexnet.md"])
    submission = read_student(jane, (0, 1, 2))
    assert [file.missing for file in submission.files.values()] == [False, False, True]
    assert submission.files[TASKS[1]].content == CANVAS[1].encode()


def test_a_download_from_moodle(tmp_path):
    touch(tmp_path, *MOODLE)
    assert [student.name for student in in_class(tmp_path)] == ["Jane Doe", "Jo_van Roe"]
    folders = tmp_path / "as folders"
    touch(folders, *(name.replace("_file_", "_file/") for name in MOODLE))
    assert [(student.name, student.folder is None) for student in in_class(folders)] == [
        ("Jane Doe", False),
        ("Jo_van Roe", False),
    ]


def test_archives_with_a_student_s_name_before_them(tmp_path):
    zipped(tmp_path / "doejane_1001_20001_my work-1.zip")
    (jane,) = in_class(tmp_path)
    submission = read_student(jane, (0,))
    assert submission.name == "doejane" and submission.files[TASKS[0]].content == b"zip"


def test_a_pattern_of_one_s_own(tmp_path):
    touch(tmp_path, "Doe, Jane - 2026-11-01 - 0-conv_forward.py", "Roe - x - 0-conv_forward.py", "plan.txt")
    found = {student.name: student for student in in_class(tmp_path, "{name} - * - {file}")}
    assert list(found) == ["Doe, Jane", "Roe", "plan.txt"]
    assert found["Doe, Jane"].files[0][0] == TASKS[0]
    for wrong in ("{name}", "{file}", "", "{name}{name}{file}"):
        with pytest.raises(ValueError, match=r"--pattern must have \{name\} and \{file\} once each; got"):
            compiled(wrong)


def test_nobody_is_told_with_what_to_do(tmp_path):
    touch(tmp_path, "jane_0-conv_forward.py", "jo_0-conv_forward.py")
    with pytest.raises(ValueError, match=r"has none; if each file begins with a student's name, as 'jane_0-conv_forw"):
        in_class(tmp_path)
    assert [one.name for one in in_class(tmp_path, "{name}_{file}")] == ["jane", "jo"]


def test_students_are_sorted_tuples():
    assert Student("a", None) < Student("b", None)
