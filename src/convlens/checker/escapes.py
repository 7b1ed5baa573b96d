"""Make untrusted text, such as folder names and messages of submitted code, safe for a screen or a page."""

from __future__ import annotations

__all__ = ["escaped"]


def escaped(text: str, keep: str = "") -> str:
    r"""Return a text with all unprintable characters written as escapes, except the characters in `keep`.

    A control character can command a terminal, and XML forbids it. A lone surrogate, which Python uses for a byte of a
    file name that is not UTF-8, cannot be encoded at all.

    >>> escaped("red \x1b[31m\nand \udcff")
    'red \\x1b[31m\\nand \\udcff'
    """
    return "".join(
        character if character.isprintable() or character in keep else character.encode("unicode_escape").decode()
        for character in text
    )
