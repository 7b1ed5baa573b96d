"""The check that only task 5 has, about the model. Its docstring is the sentence that a student reads."""

from __future__ import annotations

from convlens.checker.lenets.description import returned_in_words
from convlens.checker.lenets.outcomes import failed
from convlens.checker.lenets.under_test import LenetUnderTest

__all__ = ["builds"]


def builds(lenet: LenetUnderTest) -> None:
    """The function lenet5(X) returns a compiled K.Model."""
    lenet.framework = "keras"
    description = lenet.description(lenet.main)
    if not description.model:
        mistake = "returns_missing" if description.kind == "NoneType" else "returns_model"
        raise failed(f"the function must return a K.Model; it returns {returned_in_words(description.kind)}", mistake)
    if not description.shapes:
        raise failed("the model has no weights, because its layers never got an input", "unbuilt")
    if not description.compiled:
        raise failed("the model is not compiled", "not_compiled")
