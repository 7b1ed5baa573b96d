"""Guests of a sandbox that have loaded a file of the course, for tests."""

import contextlib
import sys

import pytest

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux")


@contextlib.contextmanager
def course_file(sandbox, text):
    """Return a guest that has loaded this file."""
    with sandbox.guest("course_file", text.encode(), {"file": "the file.py", "function": "f"}) as guest:
        assert guest.ask({"do": "load"}) == ({"loaded": True}, [])
        yield guest


def call(sandbox, text):
    """Return the answer to a call of the function f in this text, and its arrays."""
    with course_file(sandbox, text) as guest:
        return guest.ask({"do": "call", "arguments": []})
