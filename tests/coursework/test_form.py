"""The form that the course asks of every Python file: first line, last line, mode, style, docstrings, Python 3.8."""

import ast
import stat

import pycodestyle
import pytest
from tests.support.course_files import FOLDER

PROGRAMS = sorted(path.name for path in FOLDER.glob("*.py"))


def test_all_files_are_there():
    assert len(PROGRAMS) == 12


@pytest.mark.smoke
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_course_file_has_the_required_form(name):
    path = FOLDER / name
    text = path.read_text()
    assert text.startswith("#!/usr/bin/env python3\n")
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert path.stat().st_mode & 0o111 == stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH
    assert pycodestyle.StyleGuide().check_files([str(path)]).total_errors == 0
    tree = ast.parse(text, feature_version=(3, 8))
    definitions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    assert all(ast.get_docstring(node) for node in [tree, *definitions])
