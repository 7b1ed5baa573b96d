"""What the tests of tasks 4 and 5 share."""

import hashlib
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from convlens.checker.lenets import network_checks, output_mistakes
from convlens.checker.lenets.expected import Expected
from convlens.checker.lenets.variant import run_variant


@pytest.fixture(scope="module")
def at_once(tf: Any) -> Iterator[None]:
    """Keras computes each batch at once: here each network has few, and to make a graph of it takes long."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def remembered() -> Iterator[None]:
    """In the tests of one file, right numbers for the same network and images are computed once."""
    known: dict[bytes, Any] = {}

    def once(key: object, function: Callable[..., Any], *arguments: object) -> Any:
        at = hashlib.blake2b(pickle.dumps((function.__name__, key))).digest()
        if at not in known:
            known[at] = function(*arguments)
        return known[at]

    gradient = Expected.gradient
    with pytest.MonkeyPatch.context() as patch:
        for module in (network_checks, output_mistakes):
            patch.setattr(module, "run_variant", lambda *given: once(given, run_variant, *given))
        patch.setattr(Expected, "gradient", lambda one, *given: once(given, gradient, one, *given))
        yield
