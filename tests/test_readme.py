"""The Python code of the README runs unchanged. Its commands, options, make targets and links exist."""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer
from tests.support.places import ROOT

from convlens.cli import app

README = (ROOT / "README.md").read_text()


def code(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("block", code("python"), ids=lambda block: block.split("\n")[0])
def test_python_blocks_run(block, capsys):
    names: dict[str, Any] = {}
    exec(compile(block, "README.md", "exec"), names)
    if "history" in names:
        assert names["history"].history["val_accuracy"][-1] > 0.9


def test_commands_and_their_options_exist():
    lines = [line.split("#")[0].split() for block in code("sh") for line in block.splitlines()]
    commands = [line[1:] for line in lines if line and line[0] == "convlens"]
    assert len(commands) >= 8
    group = typer.main.get_command(app)
    for words in commands:
        command: Any = group
        while words and words[0] in getattr(command, "commands", {}):
            command, words = command.commands[words[0]], words[1:]
        assert command is not group, words
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, words


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"make ([a-z-]+)", README)) - {"a"}
    assert named <= targets | {"make"}, named - targets


def test_links_and_pictures_exist():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
