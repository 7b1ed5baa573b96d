"""What the course's NumPy 1.19.2 does and a later release refuses: never a failure, see `guest_side.course_numpy`."""

from __future__ import annotations

from typing import Any

__all__ = ["gone", "in_words"]

# What a file did that was mended, and what to do instead
_MENDED = {
    "cell": ("it puts an array of one number into a cell", "x.item() takes the number out of an array x"),
    "number": ("it makes a number of an array by float, int or math", "x.item() takes the number out of an array x"),
    "method": ("it uses a method that arrays no longer have", "write array[index] = value and np.ptp(array)"),
    "call": (
        "it calls a function of NumPy in an old way",
        "np.sum needs an array, not a generator; newshape and dims are called shape",
    ),
}
_NAME = "write float, int or bool for np.float, np.int or np.bool, and NumPy's new name for other names"
_LONGEST = 40  # characters of a name
# How NumPy says that a name is gone, if the guest has nothing in its place
_GONE = ("was removed in the NumPy", "was a deprecated alias")


def gone(raised: str) -> bool:
    """Return whether an exception, in words, says that NumPy no longer has a name."""
    return any(words in raised for words in _GONE)


def in_words(later: Any) -> tuple[str, str] | None:
    """Return a message and what to do, from the "later" of a guest's answers; None if there is nothing to say.

    later: {what: line}; the guest may send anything
    """
    found = [(what, line) for what, line in later.items() if isinstance(line, int)] if isinstance(later, dict) else []
    if not found:
        return None
    said = [f"{_MENDED.get(what, (f'it uses np.{what[:_LONGEST]}',))[0]} (line {line})" for what, line in found]
    cures = [_MENDED[what][1] if what in _MENDED else _NAME for what, _ in found]
    message = f"the code runs on NumPy 1.19.2, the course's release, but not on every later one: {', '.join(said)}"
    return message, "; ".join(dict.fromkeys(cures))
