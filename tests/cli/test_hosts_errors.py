"""Options for training on hosts that do not fit together, packages that are missing, and runs of another trainer."""

import subprocess
import sys

import pytest
from tests.support import small
from tests.support.host_processes import starting

from convlens.cli import hosts as cli_hosts
from convlens.data import load
from convlens.engines import ENGINES
from convlens.training import Run, Settings

frameworks = pytest.mark.frameworks
two_processes = pytest.mark.skipif(sys.platform == "win32", reason="the signals are POSIX")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with two sets of digits."""
    folder = tmp_path_factory.mktemp("place")
    small.npz(folder / "few.npz", train=91, valid=41)
    small.npz(folder / "other.npz", train=90, valid=41)
    return folder


@pytest.fixture
def start(tmp_path):
    with starting(tmp_path) as begin:
        yield begin


HOSTS = "127.0.0.1:9000,127.0.0.1:9001"
BAD_OPTIONS = {
    f"--trainer keras --hosts {HOSTS} --rank 2": "rank must be from 0 to 1, for 2 hosts; got 2",
    f"--trainer keras --hosts {HOSTS} --rank -1": "rank must be from 0 to 1, for 2 hosts; got -1",
    f"--trainer keras --hosts {HOSTS}": "rank must be from 0 to 1, for 2 hosts; got None",
    "--trainer keras --rank 0": "--rank needs --hosts; got rank 0 and no hosts",
    "--trainer keras --hosts 127.0.0.1,127.0.0.1:9001 --rank 0": (
        "hosts must be HOST:PORT,HOST:PORT,… with ports from 1 to 65535; got '127.0.0.1'"
    ),
    "--trainer keras --hosts 127.0.0.1:9000,127.0.0.1:0 --rank 0": (
        "hosts must be HOST:PORT,HOST:PORT,… with ports from 1 to 65535; got '127.0.0.1:0'"
    ),
    "--trainer keras --hosts a:1,b:1,a:1 --rank 0": "hosts must differ from each other; got a:1 2 times",
    f"--engine numpy --hosts {HOSTS} --rank 0": "--hosts needs --trainer keras; got convlens",
    "--trainer keras --threads 2": "--threads is not for --trainer keras, which uses all cores; got 2",
    f"--trainer keras --threads 2 --hosts {HOSTS} --rank 0": (
        "--threads is not for --trainer keras, which uses all cores; got 2"
    ),
    f"--trainer keras --hosts {HOSTS} --rank 1": "--out and --resume are for the leading host, rank 0; got rank 1",
    f"--trainer keras --hosts {HOSTS} --rank 0 --host-timeout 0": (
        "--host-timeout must be a number of seconds from 1; got 0"
    ),
    f"--trainer keras --hosts {HOSTS} --rank 0 --host-timeout nan": (
        "--host-timeout must be a number of seconds from 1; got nan"
    ),
    f"--trainer keras --hosts {HOSTS} --rank 0 --host-timeout inf": (
        "--host-timeout must be a number of seconds from 1; got inf"
    ),
    "--engine foo": f"engine must be one of auto, {', '.join(ENGINES)}; got 'foo'",
}


@pytest.fixture
def here(place, tmp_path, monkeypatch):
    """An empty working folder; training runs in this process, not in a child process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli_hosts, "watch", lambda out: False)
    monkeypatch.setattr("os.fsync", lambda handle: None)
    return tmp_path


@pytest.mark.smoke
@pytest.mark.parametrize("options", BAD_OPTIONS)
def test_bad_options_leave_nothing_behind(place, here, options):
    pytest.importorskip("jax")
    said = small.fails("train", "--data", place / "few.npz", "--out", "bad", *options.split())
    assert said == BAD_OPTIONS[options]
    assert list(here.iterdir()) == []


@frameworks
def test_a_network_that_keras_lacks_leaves_nothing_behind(place, here):
    pytest.importorskip("jax")
    (here / "own.py").write_text(
        "from convlens.nn import Add, BatchNormalization, Dense, Flatten, MaxPooling2D, Sequential\n"
        "def net(input_shape, classes, seed):\n"
        "    pool = MaxPooling2D(3, strides=1, padding=((2, 0), (1, 1)))\n"
        "    return Sequential([Add([BatchNormalization(), pool]), Flatten(), Dense(classes)], input_shape)\n"
    )
    command = [sys.executable, "-m", "convlens", "train", "--trainer", "keras", "--model", "own.py:net"]
    done = subprocess.run(
        [*command, "--data", place / "few.npz"],
        env=small.framework_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr == (
        "convlens: layer add_branch_1: Keras pools with padding same or valid; got ((2, 0), (1, 1))\n"
    )
    assert {path.name for path in here.iterdir()} <= {"own.py", "__pycache__"}


def test_a_follower_has_nothing_to_resume(here):
    pytest.importorskip("jax")
    said = small.fails("train", "--resume", "--hosts", HOSTS, "--rank", 1)
    assert said == "--out and --resume are for the leading host, rank 0; got rank 1"


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("missing", "options", "sentence"),
    [
        ("keras", [], "--trainer keras needs Keras"),
        ("jax", [], "--trainer keras needs JAX"),
        ("jax", ["--hosts", HOSTS, "--rank", 0], "training on several hosts needs JAX"),
    ],
)
def test_without_a_framework_the_extra_is_named(place, here, lacking, missing, options, sentence):
    lacking(missing)
    said = small.fails("train", "--trainer", "keras", "--data", place / "few.npz", "--out", "bad", *options)
    assert said == f"{sentence}: pip install 'convlens[keras]'"
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(("began", "asked"), [("convlens", "keras"), ("keras", "convlens")])
def test_a_run_goes_on_with_its_own_trainer(place, here, began, asked):
    digits = load(str(place / "few.npz"))
    Run.start(here / "run", Settings(trainer=began, data=place / "few.npz"), digits)
    said = small.fails("train", "--resume", "--run", "run", "--trainer", asked)
    assert said == f"trainer must be the run's value, {began!r}; got {asked!r}"


def test_a_run_by_another_engine_does_not_go_on_with_hosts(place, here):
    pytest.importorskip("jax")
    Run.start(here / "run", Settings(engine="numpy", data=place / "few.npz"), load(str(place / "few.npz")))
    said = small.fails("train", "--resume", "--run", "run", "--hosts", HOSTS, "--rank", 0)
    assert said == "--hosts needs --trainer keras; got convlens"


@frameworks
def test_the_old_name_of_the_trainer_goes_on_working_with_a_word(place, start, tmp_path):
    process = start("old", "--engine", "keras", "--data", place / "few.npz", "--epochs", 1, "--out", "run")
    assert process.wait() == 0, process.err
    assert "; Keras on JAX, all cores; in run\n--engine keras is now --trainer keras\n" in process.err
    assert Run.open(tmp_path / "run").settings == Settings(trainer="keras", data=place / "few.npz", epochs=1)


def test_a_run_of_the_first_version_opens(place, here):
    """In the first version, Keras was an engine."""
    assert Settings(engine="keras") == Settings(trainer="keras", engine="auto")
