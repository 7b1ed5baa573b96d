"""Outcomes of the checks of tasks 4 and 5: a failure with its hint, and the meaning of a guest's exception."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from convlens.checker.checks import Failed, Unknown
from convlens.checker.lenets.mistakes import HINTS, hint
from convlens.checker.verdict import ErrorMap

__all__ = ["exception_outcome", "failed", "hints_for", "one_line"]

_LONGEST, _LONGEST_TYPE, _LONGEST_LINE = 300, 80, 120  # characters of a text, of a type's name, of a line of code

# The texts of exceptions that show known mistakes. TensorFlow and Python raise the same types for many reasons, and no
# code or field distinguishes these reasons: only the text does. If another version of TensorFlow has another text, the
# check fails with that text and without a hint.
_NO_TF_LAYERS = "not available with Keras 3"
_NO_CONTRIB = "the checker's stand-in for tf.contrib has no"  # from guest_side/editions.py
_NO_GRADIENT = "No gradients provided"
_NOT_FED = "must feed a value for placeholder"
_SPARSE_LABELS = re.compile(r"target\.ndim - 1|labels\.shape\.rank` must equal `logits\.shape\.rank - 1")
_NO_SUCH_NAME = re.compile(r"^module '[\w.]+' has no attribute|^cannot import name|^No module named")
_CONTRIB = re.compile(r"\bcontrib\b")
_REGULARIZER = re.compile(r"\bregularizer\s*=")  # in the student's own line


S = TypeVar("S")


def failed(message: str, mistake: str = "", maps: Sequence[ErrorMap] = (), what: str = "") -> Failed:
    """Return a failure with the hint of the mistake. what: details that are added to the message."""
    return Failed(message + (f" — {what}" if what else ""), HINTS.get(mistake, ""), mistake, maps)


def hints_for(framework: str) -> Callable[[Callable[[S], None]], Callable[[S], None]]:
    """Return a decorator for a check: its failures get the hints of one task, "tensorflow" or "keras"."""

    def decorate(check: Callable[[S], None]) -> Callable[[S], None]:
        @functools.wraps(check)
        def checked(subject: S) -> None:
            try:
                check(subject)
            except Failed as found:
                found.hint = hint(found.mistake, framework) or found.hint
                raise

        return checked

    return decorate


def one_line(value: object) -> str:
    """Return a value of the guest as one line of text, shortened if it is long."""
    return " ".join(str(value).split())[:_LONGEST]


def exception_outcome(error: object, before: str = "", version: str = "") -> Failed | Unknown:
    """Return the outcome of a check in which the guest raised an exception.

    The check fails. But the outcome is unknown if the file uses a part of an earlier TensorFlow that is not here.
    error: the guest's report, not trusted; before: the start of the message; version: the version of TensorFlow. The
    evidence of a failure is the exception's type.
    """
    told = error if isinstance(error, dict) else {}
    kind, text = one_line(told.get("type", "an exception"))[:_LONGEST_TYPE], one_line(told.get("message", ""))
    line = told.get("line")
    code = str(told.get("code", ""))
    first = one_line(code.partition("\n")[0])[:_LONGEST_LINE]
    where = f" (line {line}: `{first}`)" if isinstance(line, int) and line > 0 else ""
    if kind in ("AttributeError", "NotImplementedError") and _NO_TF_LAYERS in text:
        return Unknown(
            f"the file uses tf.layers{where}, and cannot be run here: TensorFlow 2.6 has tf.layers, but TensorFlow "
            f"{version or 'of today'} has not without tf_keras: pip install --no-deps tf_keras"
        )
    if kind == "AttributeError" and text.startswith(_NO_CONTRIB):
        return Unknown(f"the file uses a part of tf.contrib that cannot be run here{where}: {text}")
    mistake = _mistake(kind, text, code)
    said = f"{kind}{': ' if text else ''}{text}"
    if mistake == "loss_sparse":
        said = "a sparse loss needs class numbers as labels, but the labels are one-hot"
    outcome = failed(f"{before}{said}{where}", mistake)
    outcome.evidence = kind
    return outcome


def _mistake(kind: str, text: str, code: str) -> str:
    """Return the mistake behind an exception of this type and text in this statement, "" if none is known."""
    if _CONTRIB.search(text):
        return "tf_contrib"
    if kind in ("NameError", "UnboundLocalError"):
        return "undefined_name"
    if kind in ("AttributeError", "ModuleNotFoundError", "ImportError") and _NO_SUCH_NAME.search(text):
        return "unknown_name"
    if _NO_GRADIENT in text:
        return "no_gradient"
    if _NOT_FED in text:
        return "graph_run"
    if _SPARSE_LABELS.search(text):
        return "loss_sparse"
    return "initializer_as_regularizer" if _REGULARIZER.search(code) else ""
