"""The Python code of the README runs unchanged. Its commands, options, make targets and links exist."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.support.pages import check_commands, code, links
from tests.support.places import ROOT

README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("block", code(README, "python"), ids=lambda block: block.split("\n")[0])
def test_python_blocks_run(block, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(block, "README.md", "exec"), names)
    if "history" in names:
        assert names["history"].history["val_accuracy"][-1] > 0.9


def test_commands_and_their_options_exist():
    assert check_commands(README) >= 8


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"make ([a-z-]+)", README)) - {"a"}
    assert named <= targets | {"make"}, named - targets


def test_links_and_pictures_exist():
    for target in links(README):
        assert (ROOT / target).exists(), target
