"""Makes text from others safe for a screen or a page: names of folders, messages of submitted code."""

from __future__ import annotations

__all__ = ["escaped"]


def escaped(text: str, keep: str = "") -> str:
    r"""Return a text with all unprintable characters written out; characters in `keep` stay.

    A control character can command a terminal, and XML forbids it. Half of a surrogate pair, which stands for a byte of
    a file name that is no text, cannot be encoded at all.

    >>> escaped("red \x1b[31m\nand \udcff")
    'red \\x1b[31m\\nand \\udcff'
    """
    return "".join(
        character if character.isprintable() or character in keep else character.encode("unicode_escape").decode()
        for character in text
    )
