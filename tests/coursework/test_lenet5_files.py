"""The course's two LeNet files: imports, agreement with convlens, wrong variants, and the main programs."""

import ast
import dataclasses
import inspect
import re
import runpy
import shutil
import subprocess
import sys

import pytest
from tests.support import small
from tests.support.course_files import FOLDER, from_text
from tests.support.lenet5_checks import CHECKS, FILES, IMPORTS, MAINS, SIGNATURES, TASKS, source
from tests.support.lenet5_mutants import MUTANTS

# Form -----------------------------------------------------------------------------------------------------------------


@pytest.mark.smoke
@pytest.mark.parametrize("task", TASKS)
def test_a_lenet5_file_has_only_the_required_import(task):
    tree = ast.parse(source(task))
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert [ast.unparse(node) for node in imports] == [IMPORTS[task]]
    assert "__import__" not in source(task)


@pytest.mark.smoke
def test_task_4_uses_keras_only_for_the_initializer():
    attributes = [ast.unparse(node) for node in ast.walk(ast.parse(source("tensorflow"))) if hasattr(node, "attr")]
    assert attributes.count("tf.keras") == 1
    assert "tf.keras.initializers.VarianceScaling" in attributes
    assert not {"tf.layers", "tf.contrib"} & set(attributes)


@pytest.mark.frameworks
@pytest.mark.parametrize(("task", "check"), [(task, check) for task in TASKS for check in CHECKS[task]])
def test_a_lenet5_file_agrees_with_convlens(tf, reference, task, check):
    lenet5 = from_text(source(task)).lenet5
    assert str(inspect.signature(lenet5)) == SIGNATURES[task]
    CHECKS[task][check](lenet5, reference)
    assert tf.executing_eagerly()


@pytest.mark.frameworks
@pytest.mark.parametrize(("task", "mutation"), [(task, mutation) for task in TASKS for mutation in MUTANTS[task]])
def test_the_checks_find_a_wrong_variant(tf, reference, task, mutation):
    old, new, checks = MUTANTS[task][mutation]
    assert source(task).count(old) == 1, f"{old!r} must occur once in {FILES[task]}"
    lenet5 = from_text(source(task).replace(old, new)).lenet5
    for check in checks.split():
        with pytest.raises(Exception) as caught:  # a framework raises many types
            CHECKS[task][check](lenet5, reference)
        assert not isinstance(caught.value, (NameError, AttributeError)), "the check itself failed"


# The programs ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of the course's folder; the working folder is another one, and empty."""
    shutil.copytree(FOLDER, tmp_path / "course")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    yield tmp_path / "course"
    assert list((tmp_path / "elsewhere").iterdir()) == []


def run_here(monkeypatch, main):
    """Run a main program in this process, which has imported TensorFlow already."""
    monkeypatch.syspath_prepend(main.parent)
    try:
        runpy.run_path(str(main), run_name="__main__")
    finally:
        sys.modules.pop(main.stem.replace("main", "lenet5"), None)


def few_digits(path):
    from convlens.data import course_npz, load

    digits = load("embedded")
    parts = {"pixels_train": 640, "y_train": 640, "pixels_valid": 200, "y_valid": 200}
    few = {name: getattr(digits, name)[:count] for name, count in parts.items()}
    path.parent.mkdir()
    course_npz.export(dataclasses.replace(digits, **few), path)


def check_losses(pattern, printed, count):
    losses = [float(number) for number in re.findall(pattern, printed)]
    assert len(losses) == count
    assert losses[-1] < losses[0] / 2


@pytest.mark.frameworks
def test_the_main_program_of_task_4_trains(tf, copied):
    few_digits(copied.parent / "data/MNIST.npz")
    command = [sys.executable, str(copied / MAINS[0])]  # a process: it switches TensorFlow to the style of version 1
    done = subprocess.run(command, env=small.framework_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    check_losses(r"loss (\S+), accuracy", done.stdout, 6)


@pytest.mark.frameworks
def test_the_main_program_of_task_5_trains(tf, copied, monkeypatch, capsys):
    few_digits(copied.parent / "data/MNIST.npz")
    run_here(monkeypatch, copied / MAINS[1])
    check_losses(r" loss: (\S+)", capsys.readouterr().out, 5)


@pytest.mark.frameworks
@pytest.mark.parametrize("main", MAINS)
def test_a_main_program_without_data_says_how_to_get_it(tf, copied, monkeypatch, main):
    with pytest.raises(SystemExit) as end:
        run_here(monkeypatch, copied / main)
    assert "run `convlens data export data/MNIST.npz` from the repository root" in str(end.value.code)
