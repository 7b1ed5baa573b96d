"""The first block of vgg_small on two hosts and on one: the same batch statistics and gradient, but for rounding."""

import subprocess
import sys

import numpy as np
import pytest
from tests.support.host_processes import free_hosts
from tests.support.small import framework_environment

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.skipif(sys.platform == "win32", reason="the hosts are processes as on POSIX"),
]

PROGRAM = """
import sys
from contextlib import nullcontext
import numpy as np
from convlens.interop.hosts import join
from convlens.interop.keras_trainer import KerasTrainer
from convlens.models import vgg_small
from convlens.nn import Adam

vgg_small._BLOCKS = vgg_small._BLOCKS[:1]  # the other blocks are alike, and each takes seconds to compile
out, *hosts = sys.argv[1:]
rng = np.random.default_rng(0)
x, labels = rng.random((4, 12, 10, 9, 2), np.float32), rng.integers(0, 5, (4, 12))
with join(hosts[0].split(","), int(hosts[1]), 60) if hosts else nullcontext() as together:
    model, optimizer, losses = vgg_small.vgg_small((10, 9, 2), 5, seed=1, engine="numpy"), Adam(), []
    with KerasTrainer(model, optimizer, together) as trainer:
        for step in range(4):
            losses.append(trainer.step(x[step], labels[step], (1, step + 1), None)[0] / 12)
            trainer.end_epoch()
            if step == 0:
                first = {"gradient": 10 * optimizer.get_state()["m"], "statistics": model.flat_state.copy()}
    if out:
        np.savez(out, **first, losses=losses, weights=model.flat, last_statistics=model.flat_state)
"""


def begin(*arguments):
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    there = framework_environment(JAX_PLATFORMS="cpu")
    return subprocess.Popen(command, env=there, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def test_a_block_of_vgg_small_on_two_hosts_is_one_on_one_host(tmp_path):
    pytest.importorskip("jax")
    pytest.importorskip("keras")
    hosts = free_hosts()
    processes = [begin(tmp_path / "one.npz"), begin(tmp_path / "two.npz", hosts, 0), begin("", hosts, 1)]
    try:
        for process in processes:
            _, err = process.communicate(timeout=120)
            assert process.returncode == 0, err
    finally:
        for process in processes:
            process.kill()
    one, two = (np.load(tmp_path / name) for name in ("one.npz", "two.npz"))
    largest = np.abs(one["gradient"]).max()
    assert largest > 0.01
    np.testing.assert_allclose(two["gradient"], one["gradient"], rtol=0, atol=1e-5 * largest)
    np.testing.assert_allclose(two["statistics"], one["statistics"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(two["last_statistics"], one["last_statistics"], rtol=0, atol=1e-4)
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=0, atol=1e-4)
    # Adam's first steps have the size of the learning rate for any gradient, also for one that is only rounding
    differs = np.abs(two["weights"] - one["weights"])
    assert np.mean(differs > 1e-4) < 1e-3, np.sort(differs)[-10:]
    assert differs.max() < 4 * 2 * 0.001
