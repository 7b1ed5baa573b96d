"""What task 5's models alone must do. Each docstring is the sentence that a student reads."""

from __future__ import annotations

from convlens.checker.lenets.bench import LenetBench, failed

__all__ = ["builds"]


def builds(bench: LenetBench) -> None:
    """lenet5(X) returns a K.Model that is compiled."""
    bench.framework = "keras"
    facts = bench.facts(bench.main)
    if not facts.model:
        raise failed(f"it returns one thing of type {facts.kind}", "returns_model")
    if not facts.compiled:
        raise failed("the model is not compiled", "not_compiled")
