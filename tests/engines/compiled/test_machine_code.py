"""Compiled kernels are kept in files, linked without Numba, and compiled again when anything that made them changed."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.support import small
from tests.support.places import SOURCE

pytest.importorskip("numba")

from convlens import Sequential, fit
from convlens.engines.compiled import machine_code
from convlens.engines.compiled.kernel import Memory, Place, address, compiled, kernel
from convlens.engines.compiled.later import identity, object_code
from convlens.engines.compiled.machine_code import digest, may_raise
from convlens.layers import AveragePooling2D, BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D

TRAIN = """
import sys
import numpy as np
import convlens
from convlens.engines.compiled.machine_code import compiled_here

x, y = np.random.default_rng(0).random((32, 12, 12, 1), np.float32), np.arange(32) % 10
model = convlens.Sequential(
    [convlens.layers.Conv2D(3, 3, activation="relu"), convlens.layers.Flatten(), convlens.layers.Dense(10)],
    (12, 12, 1), engine="numba",
)
history = convlens.fit(model, x, y, batch_size=32, epochs=1)
print(compiled_here() > 0, "numba" in sys.modules, model.flat.tobytes().hex())
"""


def train(cache, before=""):
    """Train in a new process; return whether it compiled, whether it imported Numba, and the weights."""
    done = subprocess.run(
        [sys.executable, "-c", before + TRAIN],
        capture_output=True,
        text=True,
        env=small.environment(NUMBA_CACHE_DIR=str(cache)),
        check=True,
    )
    return done.stdout.split()


FIRST_STEP = """
import numpy as np
from convlens.engines.compiled import machine_code
from convlens.layers import Conv2D, Dense, Flatten, MaxPooling2D
from convlens.nn import Adam, Sequential
from convlens.training.trainer import EngineTrainer

layers = [Conv2D(3, 3, activation="relu"), MaxPooling2D(2), Flatten(), Dense(10)]
model = Sequential(layers, (12, 12, 1), engine="numba")
with EngineTrainer(model, Adam(engine=model.engine), threads=2) as trainer:
    before = machine_code.compiled_here()
    trainer.step(np.zeros((32, 12, 12, 1), np.float32), np.zeros(32, int), (1, 1), None)
    print(before, *(key.partition("-")[0] for key in machine_code._compiled[before:]))
"""


def test_the_kernels_of_a_step_are_compiled_before_the_clock_of_an_epoch_starts(tmp_path):
    """All but the optimizer's, whose first step counts."""
    environment = small.environment(NUMBA_CACHE_DIR=str(tmp_path))
    command = [sys.executable, "-c", FIRST_STEP]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    before, *later = done.stdout.split()
    assert int(before) > 10
    assert later == ["adam"]


def test_a_later_process_links_the_kernels_without_numba_and_gives_the_same_bits(tmp_path):
    *first, weights = train(tmp_path)
    assert first == ["True", "True"]
    assert train(tmp_path) == ["False", "False", weights]
    (folder,) = tmp_path.iterdir()
    for file, damaged in zip(sorted(folder.iterdir()), (b"", b"x" * 100), strict=False):
        file.write_bytes(damaged)
    assert train(tmp_path) == ["True", "True", weights]
    assert train(tmp_path) == ["False", "False", weights]


OTHER_NUMBA = """
from convlens.engines.compiled import compiler
compiler.Library.finalize = None
"""


def test_a_numba_with_other_insides_compiles_in_its_own_way(tmp_path):
    found, wanted = train(tmp_path / "a", OTHER_NUMBA), train(tmp_path / "b")
    assert found[:2] == wanted[:2] == ["True", "True"]
    one, other = (np.frombuffer(bytes.fromhex(weights), np.float32) for weights in (found[2], wanted[2]))
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def one_more(number: int) -> int:
    return number + 1


def test_this_numba_compiles_with_only_the_passes_that_kernels_need(monkeypatch):
    library = importlib.import_module("convlens.engines.compiled.compiler").Library
    finalize, made = library.finalize, list[str]()

    def noted(self):
        made.append(self.name)
        finalize(self)

    monkeypatch.setattr(library, "finalize", noted)
    name, code = object_code(one_more, "one_more", "int64", ["int64"])
    assert "one_more" in name and code.startswith(b"\x7fELF" if sys.platform == "linux" else b"")
    assert len(made) == 1


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A folder that stands for the engine's package"""
    (tmp_path / "registers.py").write_text("a = 1\n")
    monkeypatch.setattr(machine_code, "__file__", str(tmp_path / "machine_code.py"))
    return tmp_path


def test_a_change_of_any_source_names_another_folder(sources):
    before = digest()
    assert digest() == before
    (sources / "registers.py").write_text("a = 2\n")
    assert digest() != before


@pytest.mark.parametrize(("name", "other"), [("NUMBA_CPU_NAME", True), ("NUMBA_OPT", True), ("NUMBA_CACHE_DIR", False)])
def test_a_setting_of_numba_names_another_folder_if_the_code_depends_on_it(name, other, monkeypatch):
    before = digest()
    monkeypatch.setenv(name, "0")
    assert (digest() != before) == other


def test_another_version_or_processor_names_another_folder(monkeypatch):
    found = {digest()}
    for changed, value in (
        ("llvmlite.__version__", "0"),
        ("numpy.__version__", "0"),
        ("llvmlite.binding.get_host_cpu_name", lambda: "generic"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(changed, value)
            found.add(digest())
    assert len(found) == 4


def test_few_folders_of_other_versions_are_kept(tmp_path, monkeypatch):
    for k in range(6):
        old = tmp_path / f"convlens-kernels-{k}"
        old.mkdir()
        os.utime(old, (k, k))
    (tmp_path / "registers.py").write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    new = machine_code.folder.__wrapped__()
    assert new is not None
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {new.name, "registers.py", *(f"convlens-kernels-{k}" for k in (3, 4, 5))}


def raised(power):
    """Kernels that differ in what their closure holds"""

    @compiled
    def factor(m, x):
        return m[x] ** power

    @kernel
    def scale(m: Memory, x: Place, y: Place) -> None:
        """y = x^power"""
        m[y] = factor(m, x)

    return scale


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kernels_with_other_closures_are_other_kernels(dtype):
    x, y = np.full(1, 3, dtype), np.zeros(1, dtype)
    for power in (2, 3):
        raised(power).run(x=x, y=y)
        assert y[0] == 3**power


def test_the_identity_of_a_function_is_its_code_and_its_closure():
    one, same, other = (identity(raised(power)._function) for power in (2, 2, 3))
    assert one == same != other
    assert identity(lambda: 1) != identity(lambda: 2)


def test_python_calls_a_compiled_function_of_integers():
    @compiled
    def total(numbers: int, count: int) -> int:
        found = 0
        for k in range(count):
            found += numbers + k
        return found

    assert total(5, 3) == 18


@kernel
def first_below(m: Memory, x: Place, step: int, y: Place) -> None:
    """y = the place of the first negative number among x[0], x[step], …; a step of 0 is an error"""
    for k in range(0, 8, step):
        if m[x + k] < 0:
            m[y] = k
            break


RAISES = """
import sys
import numpy as np
from tests.engines.compiled.test_machine_code import first_below
from convlens.engines.compiled.machine_code import folder, may_raise

x, y = np.array([1.0, 1, 1, 1, -1, 1, 1, 1]), np.zeros(1)
first_below.run(x=x, step=2, y=y)
print(int(y[0]), *(may_raise(path.read_bytes()) for path in folder().iterdir() if "first_below" in path.name))
"""


def test_a_kernel_that_may_raise_an_error_runs_with_numba(tmp_path):
    path = os.pathsep.join([str(SOURCE), str(SOURCE.parent)])
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", RAISES],
            capture_output=True,
            text=True,
            env=small.environment(NUMBA_CACHE_DIR=str(tmp_path), PYTHONPATH=path),
            check=True,
        )
        assert done.stdout == "4 True\n"


def test_no_kernel_of_the_engine_may_raise_an_error():
    for layers in (
        [Conv2D(16, 3, activation="relu"), BatchNormalization(), MaxPooling2D(2), Dropout(0.5)],
        [Conv2D(48, 3, padding="same", activation="relu"), Conv2D(48, 3, padding="same"), AveragePooling2D(2)],
    ):
        model = Sequential([*layers, Flatten(), Dense(10)], (34, 30, 3), engine="numba")
        fit(model, np.zeros((32, 34, 30, 3), np.float32), np.zeros(32, int), batch_size=32, epochs=1)
    files = list(Path(machine_code.folder() or "").iterdir())
    assert len(files) > 10
    assert [path.name for path in files if may_raise(path.read_bytes()) and "first_below" not in path.name] == []


def test_a_kernel_runs_on_arrays_in_place():
    from convlens.engines.compiled.dense import adam

    w, mean, square, gradient = np.random.default_rng(0).random((4, 37))
    expected = w - 0.1 * (mean + (gradient - mean) * 0.5) / (np.sqrt(square + (gradient**2 - square) * 0.25) + 1e-7)
    numbers = np.array([0.1, 0.5, 0.25, 1e-7])
    adam.run(w=w, mean=mean, square=square, gradient=gradient, count=37, numbers=numbers)
    np.testing.assert_allclose(w, expected, rtol=1e-12)
    assert address(w) * 8 == w.ctypes.data
