"""What task 5's models alone must do. Each docstring is the sentence that a student reads."""

from __future__ import annotations

from convlens.checker.lenets.bench import LenetBench, failed
from convlens.checker.lenets.facts import in_words

__all__ = ["builds"]


def builds(bench: LenetBench) -> None:
    """lenet5(X) returns a K.Model that is compiled."""
    bench.framework = "keras"
    facts = bench.facts(bench.main)
    if not facts.model:
        mistake = "returns_missing" if facts.kind == "NoneType" else "returns_model"
        raise failed(f"it returns {in_words(facts.kind)}", mistake)
    if not facts.compiled:
        raise failed("the model is not compiled", "not_compiled")
