"""Tables of teachers: separators, encodings, Excel, and files of other kinds, which are told for what they are."""

import pytest

from convlens.checker.classes.roster import Student, roster
from convlens.checker.classes.tables import read_table

pytestmark = pytest.mark.smoke
TEXT = "Name\tpath\nZoë Doe\tin/zoe\n\t\nJo\t\n"


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", ["\t", ",", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_separators_and_encodings(tmp_path, coding, separator, end):
    path = tmp_path / "class.txt"
    path.write_bytes(TEXT.replace("\t", separator).replace("\n", end).encode(coding))
    assert roster(path) == [Student("Zoë Doe", tmp_path / "in/zoe"), Student("Jo", None)]


def test_a_workbook_of_excel(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in [("Nr", "Name", "Path"), (1, "Zoë", "in/zoe"), (None, None, None), (2, "Jo", None)]:
        book.active.append(row)
    book.save(tmp_path / "class.xlsx")
    assert roster(tmp_path / "class.xlsx") == [Student("Zoë", tmp_path / "in/zoe"), Student("Jo", None)]


def test_without_openpyxl_a_workbook_is_told_for_what_it_is(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    (tmp_path / "class.xlsx").write_bytes(b"PK\3\4")
    with pytest.raises(ValueError, match="is an Excel workbook: save it as CSV, or pip install openpyxl"):
        roster(tmp_path / "class.xlsx")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(99), "it is a workbook of old Excel: save it as .xlsx or as CSV"),
        (b"name,path\na\0b,c\n", "it is a file of another kind, with null bytes in it"),
        (b"", r"a table must have the columns name and path; .* has \[\]"),
    ],
)
def test_other_files_are_told(tmp_path, data, said):
    (tmp_path / "class.csv").write_bytes(data)
    with pytest.raises(ValueError, match=said):
        read_table(tmp_path / "class.csv", ("name", "path"))


def test_a_linked_path_is_not_graded(tmp_path):
    (tmp_path / "bob").mkdir()
    (tmp_path / "rita").symlink_to(tmp_path / "bob")
    (tmp_path / "class.csv").write_text("name,path\nrita,rita\nbob,bob\n")
    assert roster(tmp_path / "class.csv")[0].problem == "'rita' is a link; hand in the files themselves"
