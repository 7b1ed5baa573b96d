"""Shared by all tests: frameworks on the CPU without log messages, the hypothesis profile, and common fixtures."""

import gc
import importlib.util
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
# With oneDNN, TensorFlow 2.21 overwrites memory in the filter gradient of a strided 1x1 convolution: every third run
# crashes.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

# A shell starts background jobs with Ctrl-C ignored, and programs that a test starts and interrupts would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import numpy as np
import pytest
from hypothesis import settings

from convlens.engines import ENGINES, get_engine

settings.register_profile(
    "convlens", deadline=None, max_examples=50, derandomize=bool(os.environ.get("CI")), print_blob=True
)
settings.load_profile("convlens")


def engine_or_skip(name):
    """The engine of this name, if it is installed."""
    try:
        return get_engine(name)
    except ImportError as error:
        pytest.skip(f"engine {name}: {error}")


@pytest.fixture(scope="session", params=ENGINES)
def engine(request):
    """One engine: the test runs once for each engine whose library is installed.

    It is for tests of kernels, operations, and what layers ask of an engine. Other tests take `quick_engine`.
    """
    return engine_or_skip(request.param)


@pytest.fixture(scope="session", params=[name for name in ENGINES if name != "browser"])
def quick_engine(request):
    """One engine without the browser, whose calls take milliseconds, whatever they compute."""
    return engine_or_skip(request.param)


@pytest.fixture(scope="session")
def browser_engine():
    """The engine browser, if Playwright and Chromium are installed."""
    return engine_or_skip("browser")


@pytest.fixture
def rng():
    """A generator with a fixed seed: the same numbers in every run."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def tf():
    """TensorFlow, imported by the first test that uses it."""
    return pytest.importorskip("tensorflow")


@pytest.fixture(scope="session")
def keras(tf):
    """Keras 3 on TensorFlow."""
    return pytest.importorskip("keras", minversion="3")


@pytest.fixture
def lacking(monkeypatch):
    """A function that makes packages look as if they were not installed, for example lacking("keras", "jax")."""
    whole = importlib.util.find_spec

    def lack(*names):
        for module in [module for module in sys.modules if module.split(".")[0] in names]:
            monkeypatch.delitem(sys.modules, module)
        monkeypatch.setattr(importlib.util, "find_spec", lambda n, *more: None if n in names else whole(n, *more))

    return lack


def pytest_configure(config):
    """Keep what is compiled: by JAX in child processes of this process, and by Python."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    folder = Path(tempfile.mkdtemp(prefix="convlens-jax-"))
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Keep what is collected out of the garbage collector, which otherwise looks through it again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 20, 20)
        gc.enable()


# Files whose tests take long begin first, so that no process works alone at the end of a run. Each of the two processes
# gets two files at the start: one those of the hosts, which often wait, the other two that use TensorFlow.
SLOW = (
    "cli/test_hosts.py",
    "coursework/test_lenet5_files.py",
    "cli/test_hosts_pictures.py",
    "checker/lenets/test_mutants.py",
    "checker/lenets/test_network_checks.py",
    "interop/test_compare.py",
    "training/test_kill.py",
    "data/handwriting/test_digits.py",
    "checker/sandbox/test_hostile.py",
    "interop/test_keras_hosts.py",
    "interop/test_keras_trainer.py",
    "test_examples.py",
    "cli/test_process.py",
    "checker/functions/test_mutants_backward.py",
    "data/handwriting/test_photographs.py",
    "checker/lenets/test_editions.py",
    "cli/test_hosts_errors.py",
    "cli/test_export_import.py",
    "nn/test_keras_lines.py",
    "nn/test_keras_guides.py",
)


def pytest_collection_modifyitems(items):
    """Put the tests of the slow files first, in the order of SLOW; all others keep their order."""
    order = {f"tests/{name}": k for k, name in enumerate(SLOW)}
    items.sort(key=lambda item: order.get(item.nodeid.split("::")[0], len(order)))
