"""Hosts that train together: their addresses and ranks, a single host, and the errors for a missing framework."""

import os
import sys

import numpy as np
import pytest

from convlens.interop.frameworks import check_installed, load_keras
from convlens.interop.hosts import HostLostError, Hosts, check_rank, join, parse_hosts

# Addresses -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("10.0.0.1:9000,10.0.0.2:9000", ["10.0.0.1:9000", "10.0.0.2:9000"]),
        (" first:1 , second:65535 ", ["first:1", "second:65535"]),
        ("[::1]:9000,[::1]:9001", ["[::1]:9000", "[::1]:9001"]),
        ("alone:9000", ["alone:9000"]),
    ],
)
def test_hosts_are_addresses_separated_by_commas(text, hosts):
    assert parse_hosts(text) == hosts


@pytest.mark.parametrize(
    "host", ["", "first", "9000", ":9000", "first:", "first:0", "first:65536", "first:-1", "first:1.5", "first:http"]
)
def test_a_wrong_address_is_named(host):
    with pytest.raises(ValueError) as caught:
        parse_hosts(f"{host},other:9000")
    assert str(caught.value) == f"hosts must be HOST:PORT,HOST:PORT,… with ports from 1 to 65535; got {host!r}"


def test_a_comma_at_the_end_is_refused():
    with pytest.raises(ValueError, match=r"; got ''$"):
        parse_hosts("first:9000,")


def test_a_repeated_host_is_refused():
    with pytest.raises(ValueError, match=r"^hosts must differ from each other; got a:1 2 times$"):
        parse_hosts("a:1,b:1, a:1")


def test_one_host_may_appear_with_several_ports():
    assert parse_hosts("a:1,a:2") == ["a:1", "a:2"]


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_the_rank_is_the_index_of_a_host(rank):
    assert check_rank(rank, ["a:1", "b:1", "c:1"]) == rank


@pytest.mark.parametrize("rank", [None, -1, 2, 7])
def test_a_rank_outside_the_hosts_is_refused(rank):
    with pytest.raises(ValueError) as caught:
        check_rank(rank, ["a:1", "b:1"])
    assert str(caught.value) == f"rank must be from 0 to 1, for 2 hosts; got {rank}"


# A single host -------------------------------------------------------------------------------------------------------


def test_a_single_host_has_rank_0():
    hosts = Hosts()
    assert (hosts.rank, hosts.size) == (0, 1)


@pytest.mark.parametrize("message", [None, True, 7, "a word", {"settings": {"epochs": 3}, "list": [1.5, None]}])
def test_a_single_host_gets_its_own_message(message):
    assert Hosts().tell(message) == message


def test_a_single_host_gets_its_own_array():
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    before = array.copy()
    shared = Hosts().share(array)
    assert (shared.dtype, shared.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(shared, before)


def test_a_single_host_raises_its_own_complaint():
    with pytest.raises(ValueError, match=r"^the data must be the leader's$"):
        Hosts().agree("the data must be the leader's")


def test_a_single_host_without_a_complaint_agrees():
    assert Hosts().agree(None) is None  # type: ignore[func-returns-value]  # on purpose


def test_a_single_host_does_not_load_jax():
    hosts = Hosts()
    before = set(sys.modules)
    hosts.share(hosts.tell(np.zeros(2)))
    hosts.agree(None)
    assert not [name for name in set(sys.modules) - before if name.split(".")[0] == "jax"]


def test_a_first_host_that_does_not_answer_is_named(free_port):
    host = f"127.0.0.1:{free_port}"
    with pytest.raises(TimeoutError) as caught, join([host, "127.0.0.1:1"], 1, 0.5):
        raise AssertionError("joining must fail: no host listens")
    assert str(caught.value).startswith(f"the first host must answer within 0.5 s; {host} does not: ")


def test_a_lost_host_is_an_os_error():
    assert issubclass(HostLostError, OSError)


@pytest.fixture
def free_port():
    """A port on which no process listens."""
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


# Frameworks that are not installed -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "title", "extra"),
    [
        ("keras", "Keras", "keras"),
        ("jax", "JAX", "keras"),
        ("jax.distributed", "JAX", "keras"),
        ("tensorflow", "TensorFlow", "keras"),
        ("onnx", "ONNX", "onnx"),
        ("onnxruntime", "ONNX Runtime", "onnx"),
    ],
)
def test_the_extra_to_install_is_named(lacking, name, title, extra):
    lacking(name.split(".")[0])
    with pytest.raises(ImportError) as caught:
        check_installed(name, "this test")
    assert str(caught.value) == f"this test needs {title}: pip install 'convlens[{extra}]'"


def test_the_check_does_not_load_an_installed_package():
    before = set(sys.modules)
    assert check_installed("json.tool", "this test") is None  # type: ignore[func-returns-value]  # on purpose
    assert set(sys.modules) == before


@pytest.mark.parametrize(("missing", "title"), [("keras", "Keras"), ("jax", "JAX")])
def test_keras_and_its_backend_must_both_be_installed(lacking, missing, title):
    pytest.importorskip("keras" if missing == "jax" else "jax")
    lacking(missing)
    with pytest.raises(ImportError, match=rf"^the engine keras needs {title}: pip install 'convlens\[keras\]'$"):
        load_keras("jax", "the engine keras")


# One backend per process ---------------------------------------------------------------------------------------------


@pytest.mark.frameworks
@pytest.mark.parametrize("asked", [None, "jax", "tensorflow"])
def test_a_second_backend_in_one_process_is_refused(keras, monkeypatch, asked):
    pytest.importorskip("jax")
    present = keras.backend.backend()
    other = {"tensorflow": "jax", "jax": "tensorflow"}[present]
    if asked is None:
        monkeypatch.delenv("KERAS_BACKEND", raising=False)
    else:
        monkeypatch.setenv("KERAS_BACKEND", asked)
    with pytest.raises(ValueError) as caught:
        load_keras(other, "the engine keras")
    assert (
        str(caught.value) == f"the engine keras needs Keras on {other}; in this process Keras already runs on {present}"
    )
    assert os.environ.get("KERAS_BACKEND") == asked
    assert load_keras(present, "a Keras model") is keras
