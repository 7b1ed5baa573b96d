"""`convlens train` says that it compiles only while kernels are compiled."""

import pytest

pytest.importorskip("numba")

from convlens.cli import train_progress
from convlens.engines.compiled import machine_code


@pytest.mark.parametrize(("compiled", "said"), [(0, ""), (1, "compiling the numba engine")])
def test_compiling_is_told_only_if_something_was_compiled(compiled, said, monkeypatch, capsys):
    monkeypatch.setattr(machine_code, "_compiled", ["kernel"] * compiled)
    train_progress._tell_of_compiling()
    told = capsys.readouterr().err
    assert told.startswith(said) and bool(told) == bool(said)
