"""Text that others wrote, made fit for a screen or a page: names of folders, messages of somebody's code."""

from __future__ import annotations

__all__ = ["escaped"]


def escaped(text: str, keep: str = "") -> str:
    r"""The text with all that cannot be printed written out; characters in `keep` stay as they are.

    Control characters would command a terminal and are forbidden in XML; half of a surrogate pair, which stands for a
    byte of a file name that is no text, cannot be written at all.

    >>> escaped("red \x1b[31m\nand \udcff")
    'red \\x1b[31m\\nand \\udcff'
    """
    return "".join(
        character if character.isprintable() or character in keep else character.encode("unicode_escape").decode()
        for character in text
    )
