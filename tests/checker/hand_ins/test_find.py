"""Where the files of a hand-in are found: folders below, the folder with most files, notebooks, links."""

import json

import pytest

from convlens.checker.hand_ins import EmptyError, read
from convlens.checker.hand_ins.notebooks import code_of, defines
from convlens.checker.submission import MISSING, TASKS

CONV = "def conv_forward(A_prev, W, b, activation, padding='same', stride=(1, 1)):\n    return A_prev"


def notebook(*cells):
    """The text of a notebook; a cell is its code, or (kind, text)."""
    made = [cell if isinstance(cell, tuple) else ("code", cell) for cell in cells]
    listed = [{"cell_type": kind, "source": text.splitlines(keepends=True), "outputs": []} for kind, text in made]
    return json.dumps({"cells": listed, "nbformat": 4, "nbformat_minor": 5, "metadata": {}})


def write(folder, **files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize("inner", ["cnn", "repo/supervised_learning/0x07-cnn", "Rita's work (final)/é"])
def test_files_some_folders_down_are_found(tmp_path, inner):
    write(tmp_path, **{f"{inner}/{TASKS[0]}": "0", f"{inner}/{TASKS[3]}": "3", ".git/config": "", "README.md": ""})
    found = read(tmp_path, (0, 3, 1))
    assert [found.files[TASKS[k]].content for k in (0, 3)] == [b"0", b"3"]
    assert found.notes == (f"the files are in {inner!r}",)


def test_the_folder_with_most_files_counts_and_the_others_are_told(tmp_path):
    write(tmp_path, **{f"old/{TASKS[0]}": "old", f"old/{TASKS[1]}": "old"})
    write(tmp_path, **{f"new/{TASKS[k]}": "new" for k in (0, 2, 3)})
    found = read(tmp_path)
    assert found.files[TASKS[0]].content == b"new"
    assert found.files[TASKS[1]].problem == f"{MISSING}; there is old/{TASKS[1]}: put all files into one folder"


def test_equal_folders_are_chosen_by_depth_then_name(tmp_path):
    write(tmp_path, **{f"b/{TASKS[0]}": "b", f"a/x/{TASKS[0]}": "ax", f"c/{TASKS[0]}": "c"})
    assert read(tmp_path, (0,)).files[TASKS[0]].content == b"b"


@pytest.mark.parametrize("name", ["__MACOSX", "__pycache__", ".git", ".ipynb_checkpoints", "node_modules"])
def test_what_systems_leave_behind_is_not_handed_in(tmp_path, name):
    write(tmp_path, **{f"{name}/{TASKS[0]}": "x", f"._{TASKS[1]}": "x", ".DS_Store": "x"})
    with pytest.raises(EmptyError):
        read(tmp_path)


def test_a_linked_folder_is_told_and_not_read(tmp_path):
    write(tmp_path, **{f"bob/{TASKS[0]}": "bob"})
    rita = tmp_path / "rita"
    rita.mkdir()
    (rita / "cnn").symlink_to(tmp_path / "bob")
    found = read(rita, (0,))
    assert found.files[TASKS[0]].missing
    assert found.notes == ("'cnn' is a link: hand in the files themselves",)


# Notebooks -----------------------------------------------------------------------------------------------------------


def test_a_notebook_s_code_cells_are_read_and_it_is_said(tmp_path):
    text = notebook(("markdown", "# Task 0"), "import numpy as np\n%matplotlib inline", CONV, "print(conv_forward(1))")
    (tmp_path / "1 solution.ipynb").write_text(text)
    for place in (tmp_path, tmp_path / "1 solution.ipynb"):
        file = read(place, (0,)).files[TASKS[0]]
        assert file.notebook == "1 solution.ipynb"
        assert file.content == f"import numpy as np\n\n\n{CONV}\n".encode()
        assert not file.runs
        assert read(place, (1,)).files[TASKS[1]].missing


def test_the_notebook_with_the_task_s_name_counts_first(tmp_path):
    (tmp_path / "0-conv_forward.ipynb").write_text(notebook(CONV))
    (tmp_path / "0-a.ipynb").write_text(notebook(CONV.replace("return A_prev", "return 0")))
    assert read(tmp_path, (0,)).files[TASKS[0]].notebook == "0-conv_forward.ipynb"


def test_a_file_counts_before_a_notebook(tmp_path):
    write(tmp_path, **{TASKS[0]: "file", "0-conv_forward.ipynb": notebook(CONV)})
    found = read(tmp_path, (0,)).files[TASKS[0]]
    assert (found.content, found.notebook) == (b"file", "")


def test_only_definitions_are_taken_from_cells():
    cells = ["SIZE = (3, 3)", "x = load()", "def f():\n    return SIZE", "%%bash\nrm -r x", "if True:\n    g()", "1 +"]
    assert defines(code_of(notebook(*cells).encode()), "f") == "SIZE = (3, 3)\n\n\ndef f():\n    return SIZE\n"
    assert defines(["def f():\n    pass"], "g") == ""
    assert defines(["@cache\ndef f():\n    pass"], "f") == "@cache\ndef f():\n    pass\n"


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("BLOCK = 2 ** 17", True),
        ("HALF: float = np.pi / 2", True),
        ("BOTH = (SMALL, -SMALL)", True),
        ("relu = lambda z: np.maximum(0, z)", True),
        ("relu = lambda z, low=np.zeros(1): z", False),
        ("x = x_train / 255", False),
        ("image = np.zeros((2, 3))", False),
        ("y = f()", False),
        ("squares = [k * k for k in range(3)]", False),
        ("(n := 3)", False),
    ],
)
def test_constants_call_nothing_and_use_what_is_defined(line, kept):
    given = ["import numpy as np\nSMALL = 1e-8\nx_train = load()", line, "def f():\n    return 1\n\nf()"]
    found = defines(given, "f")
    assert (line in found) == kept
    assert found.replace(f"{line}\n\n\n", "") == "import numpy as np\n\n\nSMALL = 1e-8\n\n\ndef f():\n    return 1\n"


def test_a_module_s_names_may_all_be_known():
    text = "from numpy import *\n\n\nHALF = pi / 2\n\n\ndef f():\n    return HALF\n"
    assert defines(text.split("\n\n\n"), "f") == text


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cells": 3}', '{"cells": [{}]}', "[" * 100_000])
def test_another_file_is_not_a_notebook(tmp_path, text):
    with pytest.raises(ValueError, match="it is not a notebook that Jupyter writes"):
        code_of(text.encode())
    (tmp_path / "a.ipynb").write_text(text)
    assert read(tmp_path, (0,)).files[TASKS[0]].missing
