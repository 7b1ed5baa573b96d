"""Raises an error whose text clears the terminal, changes the text direction, is not Unicode and has 10 MB."""

GIVEN = {}


def conv_forward(*inputs):
    raise ValueError("\x1b[2J\x1b]0;pass\x07\u202e\ud800\x00" + "pass " * 2 * 10**6)
