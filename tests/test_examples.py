"""The scripts in examples/ do what they say, in a short form."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from tests.support import small
from tests.support.places import ROOT

EXAMPLES = ROOT / "examples"


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A PATH on which `convlens` and `python3` are this interpreter's."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, module in (("convlens", " -m convlens"), ("python3", "")):
        tool = tools / name
        tool.write_text(f'#!/bin/sh\nexec "{sys.executable}"{module} "$@"\n')
        tool.chmod(0o755)
    return f"{tools}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.skipif(shutil.which("sh") is None, reason="the example is a shell script")
def test_own_pictures(tmp_path, path):
    done = subprocess.run(
        ["sh", EXAMPLES / "own_pictures.sh", tmp_path / "place", "12", "1"],
        capture_output=True,
        text=True,
        env=small.environment(PATH=path),
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    history = json.loads((tmp_path / "place" / "run" / "history.json").read_text())
    assert sorted(history["class_names"]) == sorted(p.name for p in (tmp_path / "place" / "pictures").iterdir())
    assert len(history["epochs"]) == 1 and history["network"] == "convnet"
    assert "confusion matrix" in done.stdout and "new-seven.png: " in done.stdout
    assert (tmp_path / "place" / "run" / "report.html").is_file()
