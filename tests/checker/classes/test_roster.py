"""classes.roster: the students of a folder of folders or of a CSV file, and errors for anything else."""

import pytest
from tests.support.checker import classes

from convlens.checker.classes.roster import Student, roster

pytestmark = pytest.mark.smoke


def test_a_folder_for_each_student(tmp_path):
    names = ["ann", "b c", "new\nline", ".hidden", "ünal", "\x1b[31m"]
    classes.make(tmp_path, **dict.fromkeys(names, "pass"))
    (tmp_path / "notes.txt").write_text("no student")
    found = roster(tmp_path)
    assert {student.name for student in found} == (set(names) | {"notes.txt"}) - {".hidden"}
    assert all(student.folder == tmp_path / student.name for student in found if not student.problem)
    assert found == sorted(found)


@pytest.mark.parametrize("comma", [",", ";"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_csv_file(tmp_path, comma, mark):
    rows = [
        ["Name ", "mail", "path"],
        ['"Doe, Jane"', "j@x", "in/jane"],
        ["", "", ""],
        ["joe", "", ""],
        ["zoë", "", "/a"],
    ]
    path = tmp_path / "class.csv"
    path.write_text(mark + "\n".join(comma.join(row) for row in rows) + "\n")
    assert roster(path) == [
        Student("Doe, Jane", tmp_path / "in" / "jane"),
        Student("joe", None),
        Student("zoë", type(path)("/a")),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"must have the columns name and path; .* has \[\]"),
        ("name,folder\na,b\n", r"must have the columns name and path; .* has \['name', 'folder'\]"),
        ("name,path\n", "must have a row for each student; .* has none"),
        ("name,path\na,b\na,c\n", "each name must occur once; .* has 'a' again in line 3"),
        ("name,path\n,b\n", "each row must have a name; .* has none in line 2"),
        ("name,path\na\n,x\n", "each row must have a name; .* has none in line 3"),
        ("name,path\n" + "a" * 200_000 + ",b\n", r"must be a CSV file; line \d: field larger"),
    ],
)
def test_a_wrong_csv_file_is_an_error(tmp_path, text, said):
    path = tmp_path / "class.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=said):
        roster(path)


def test_anything_else_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"a class must have a folder or an archive for each student; .* has none"):
        roster(tmp_path)
    (tmp_path / classes.FILE).write_text("pass")
    with pytest.raises(ValueError, match="has none; it looks like one submission: leave out --class to check it"):
        roster(tmp_path)
    with pytest.raises(FileNotFoundError, match="a class must be a folder or a table; there is no"):
        roster(tmp_path / "none")
    (tmp_path / "bytes.csv").write_bytes(b"name,path\n\xff,b\xfe\n")
    assert roster(tmp_path / "bytes.csv") == [Student("\udcff", tmp_path / "b\udcfe")]
