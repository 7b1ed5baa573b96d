"""What the tests read from a page of Markdown: its code, commands and links."""

from __future__ import annotations

import re
from typing import Any

import typer

from convlens.cli import app


def code(page: str, language: str) -> list[str]:
    """Return the blocks of code in a language."""
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def links(page: str) -> list[str]:
    """Return the targets of links and pictures that are files of the project."""
    return [target for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page) if "://" not in target]


def check_commands(page: str) -> int:
    """Assert that the page's commands of convlens, and their options, exist. Return the number of commands."""
    lines = [line.split("#")[0].split() for block in code(page, "sh") for line in block.splitlines()]
    commands = [line[1:] for line in lines if line and line[0] == "convlens"]
    group = typer.main.get_command(app)
    for words in commands:
        command: Any = group
        while words and words[0] in getattr(command, "commands", {}):
            command, words = command.commands[words[0]], words[1:]
        assert command is not group, words
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, words
    return len(commands)
