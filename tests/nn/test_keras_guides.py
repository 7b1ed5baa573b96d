"""A second list of what Keras users type, run with convlens and with Keras: the results must be equal."""

import warnings
from typing import Any

import pytest
from tests.nn.test_keras_lines import equal, plain
from tests.support.keras_guides import LINES, PRELUDE, SAYS

import convlens


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def eager(keras):
    tensorflow = pytest.importorskip("tensorflow")
    tensorflow.config.run_functions_eagerly(True)
    yield keras
    tensorflow.config.run_functions_eagerly(False)


def run(module: Any, code: str, result: str) -> Any:
    """Run a text and return its result."""
    names: dict[str, Any] = {"keras": module}
    exec(PRELUDE, names)
    exec(code, names)
    return plain(eval(result, names))


@pytest.mark.frameworks
@pytest.mark.parametrize("name", LINES)
def test_does_what_keras_does(eager, tmp_path, monkeypatch, name):
    code, result = LINES[name]
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras's own
        for module in (eager, convlens):
            folder = tmp_path / module.__name__
            folder.mkdir()
            monkeypatch.chdir(folder)
            found.append(run(module, code, result))
    equal(found[1], found[0])


@pytest.mark.parametrize("name", SAYS)
def test_says_what_to_write_instead(name):
    code, part = SAYS[name]
    with pytest.raises((ValueError, TypeError, AttributeError)) as caught:
        run(convlens, code, "0")
    assert part in str(caught.value)
