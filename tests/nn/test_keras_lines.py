"""Lines that a Keras user types, run with convlens, and, where Keras is installed, compared with Keras."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support import keras_lines
from tests.support.keras_lines import CALLBACKS, DIFFERS, PRELUDE, SAYS, SEQUENTIAL, TRAINING, lines

import convlens

SAME = [line for text in (SEQUENTIAL, TRAINING, CALLBACKS) for line in lines(text)]


def run(module: Any, line: str) -> Any:
    """Run a line and return its `result`."""
    names: dict[str, Any] = {"keras": module}
    exec(PRELUDE, names)
    exec(line.replace("{KERAS}", module.__name__), names)
    return names.get("result")


def plain(value: Any) -> Any:
    """Return a result as numbers, texts, lists and dictionaries."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value if isinstance(value, bool | int | float | str | None) else np.asarray(value)


def equal(got: Any, want: Any, where: str = "result") -> None:
    """Assert that two results are equal; numbers to 1e-4."""
    if isinstance(want, dict):
        assert sorted(got) == sorted(want), where
        for key in want:
            equal(got[key], want[key], f"{where}[{key!r}]")
    elif isinstance(want, list):
        assert len(got) == len(want), where
        for k, each in enumerate(want):
            equal(got[k], each, f"{where}[{k}]")
    elif isinstance(want, str | None):
        assert got == want, where
    else:
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=2e-5, err_msg=where)


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def keras():
    found = pytest.importorskip("keras")
    tensorflow = pytest.importorskip("tensorflow")
    tensorflow.config.run_functions_eagerly(True)
    yield found
    tensorflow.config.run_functions_eagerly(False)


@pytest.mark.frameworks
@pytest.mark.parametrize("line", SAME, ids=range(len(SAME)))
def test_does_what_keras_does(keras, line):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras's own
        want = plain(run(keras, line))
        for path in Path().iterdir():
            path.unlink()
        equal(plain(run(convlens, line)), want)


@pytest.mark.parametrize(("line", "part"), SAYS.items(), ids=range(len(SAYS)))
def test_says_what_to_write_instead(line, part):
    with pytest.raises((ValueError, TypeError, AttributeError)) as caught:
        run(convlens, line)
    assert part in str(caught.value)


def test_differs_for_a_reason():
    shape, out, nested, _ = DIFFERS
    assert run(convlens, shape) == (8, 7, 1)
    assert run(convlens, out) == (3,)
    assert run(convlens, nested) == 5
    with pytest.raises(ArithmeticError, match=r"^the loss must stay finite; got (inf|nan) in epoch \d, batch \d"):
        run(convlens, list(DIFFERS)[3])


def test_there_are_a_hundred_lines(capsys):
    counts = {"does what Keras does": len(SAME), "says why not": len(SAYS), "differs": len(DIFFERS)}
    assert sum(counts.values()) >= 100 and len(SAME) >= 100 and len(DIFFERS) <= 5
    assert keras_lines.__doc__
    with capsys.disabled():
        print("\n" + ", ".join(f"{count} {words}" for words, count in counts.items()))
