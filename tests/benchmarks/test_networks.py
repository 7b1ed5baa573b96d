"""benchmarks/networks.py: the peers compute the same network, and the rows say what was asked and measured."""

import importlib
import json
from typing import Any

import numpy as np
import pytest
from benchmarks import cpu_share, environment, network_memory, networks, workers
from benchmarks.network_list import BATCH, NETWORKS, model_of, operations
from benchmarks.table import Row

from convlens import nn
from convlens.nn import Sequential

LAYERS = (
    nn.Conv2D(5, (3, 2), strides=(2, 1), padding="same", use_bias=False),
    nn.BatchNormalization(),
    nn.ReLU(),
    nn.MaxPooling2D((1, 2)),
    nn.Add((nn.Conv2D(6, (1, 3), padding="same"), nn.BatchNormalization()), (nn.Conv2D(6, (1, 1)),), activation="relu"),
    nn.Conv2D(4, (2, 2), activation="relu"),
    nn.GlobalAveragePooling2D(),
    nn.Dense(7, activation="relu"),
    nn.Dense(3, activation="softmax"),
)


@pytest.fixture
def model():
    made = Sequential(LAYERS, (9, 8, 2), engine="numpy", seed=2)
    made.flat *= 1 + 0.1 * np.random.default_rng(1).standard_normal(made.flat.size).astype(np.float32)
    return made


def test_jax_computes_the_same_network_and_gradient(model, rng):
    jax = pytest.importorskip("jax")
    from benchmarks import jax_networks

    x, y = rng.random((4, 9, 8, 2), dtype="float32"), rng.integers(0, 3, 4)
    weights, states = jax_networks.weights_of(model)
    logits = jax_networks.apply(model.descriptions, x, weights, dict(states), None)
    np.testing.assert_allclose(jax.nn.softmax(logits), model.predict(x), rtol=1e-5, atol=1e-6)

    def loss(weights: Any) -> Any:
        return jax_networks.loss(model.descriptions, weights, states, x, y, jax.random.PRNGKey(0))

    (mean, after), found = jax.value_and_grad(loss, has_aux=True)(weights)
    gradient = np.empty_like(model.flat)
    losses, _ = model.loss_gradient(x, y, 1 / len(x), gradient, rng=np.random.default_rng(0))
    assert mean == pytest.approx(losses.mean(), rel=1e-5)
    for k, views in enumerate(model.views(gradient)):
        for name, wanted in views.items():
            np.testing.assert_allclose(found[f"{k}/{name}"], wanted, rtol=1e-3, atol=1e-5, err_msg=f"{k}/{name}")
    assert any(np.any(after[name] != states[name]) for name in states)


def test_pytorch_has_the_weights_and_shapes_of_the_same_network(model, rng):
    torch = pytest.importorskip("torch")
    from benchmarks import torch_networks

    made = torch_networks.modules(model.descriptions, model.input_shape)
    assert sum(w.numel() for w in made.parameters()) == model.flat.size
    assert made(torch.from_numpy(rng.random((4, 2, 9, 8), dtype="float32"))).shape == (4, 3)


@pytest.mark.smoke
def test_operations_are_counted_twice_a_product():
    lenet = model_of("LeNet-5")
    products = 28 * 28 * 6 * 25 + 10 * 10 * 16 * 6 * 25 + 400 * 120 + 120 * 84 + 84 * 10
    assert operations(lenet) == 2 * products


class Fake:
    """A worker that answers with the figures of its program."""

    id = 0

    def __init__(self, seconds, kernels="OpenBLAS Haswell"):
        self.ready = {"ready": True, "kernels": kernels}
        self.seconds = seconds

    def ask(self, job=None):
        return {"seconds": self.seconds, "megabytes": 100 * self.seconds}

    def close(self):
        pass


@pytest.fixture
def fakes(monkeypatch):
    """Give the benchmark these workers in place of processes: `fakes(module, program=seconds, …)`"""

    def give(module, absent="", **seconds):
        found = {name.replace("_", " "): Fake(value) for name, value in seconds.items()}
        others = [Row("not installed", "", None, "", None, absent)] if absent else []
        monkeypatch.setattr(module, "start", lambda *_: (found, list(others)))

    monkeypatch.setattr(cpu_share, "cpu_times", lambda ids: None)
    monkeypatch.setattr(workers, "_PAUSE", 0)
    return give


def test_the_rows_of_a_network_compare_with_the_fastest_peer_and_the_product_speed(fakes):
    work = 3 * BATCH * operations(model_of("LeNet-5"))
    product = 2 * 1024**3 / 100e9  # 100 GFLOP/s
    fakes(networks, convlens_numba=work / 60e9, torch_eager=work / 10e9, jax_jit=work / 20e9, matrix_product=product)
    rows, which, ratio = networks.rows_of("LeNet-5")
    found = {row.what.removeprefix("LeNet-5, training: "): row for row in rows}
    fastest, share = found["times as fast as the fastest peer"], found["share of the machine's product speed"]
    assert ratio == fastest.measured == pytest.approx(3) and not fastest.ok and fastest.note.startswith("jax jit")
    assert fastest.asked == "at least 4, aim 6"
    assert share.measured == pytest.approx(0.6) and share.ok and share.asked == "at least 0.5, aim 0.7"
    assert found["convlens numba"].measured == pytest.approx(BATCH / (work / 60e9))
    assert found["matrix product meanwhile"].measured == pytest.approx(100)
    assert which.note.endswith(": OpenBLAS Haswell")


def test_missing_peers_leave_our_own_speed_and_share(fakes):
    fakes(networks, absent="torch eager", convlens_numba=0.1, matrix_product=0.01)
    rows, _, ratio = networks.rows_of("ResNet-8")
    assert ratio is None and rows[-1].note == "torch eager"
    assert not any("fastest" in row.what for row in rows) and all(row.ok is not False for row in rows)


def test_memory_is_compared_with_the_smaller_layout(fakes):
    fakes(network_memory, convlens_numba=1.0, torch_channels_last=2.5, torch_contiguous_format=2.0)
    found = {row.what: row for row in network_memory.rows_of("small VGG")}
    for begin in network_memory.STARTS:
        ratio = found[f"small VGG, memory of a step {begin}, by PyTorch's"]
        assert ratio.measured == pytest.approx(0.5) and ratio.ok
        assert found[f"small VGG, memory of a step {begin}: convlens numba"].measured == 100


def test_all_networks_have_a_mean(fakes, monkeypatch):
    fakes(networks, convlens_numba=0.1, torch_eager=0.2, matrix_product=0.01)
    monkeypatch.setattr(network_memory, "rows_of", lambda name: [])
    rows = networks.measure()
    assert sum("fastest peer" in row.what for row in rows) == len(NETWORKS) + 1
    assert rows[-2].what.endswith("geometric mean") and rows[-2].measured == pytest.approx(2)


@pytest.mark.smoke
def test_workers_get_no_overruled_kernels_and_narrow_ones_on_demand(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    monkeypatch.setenv("OPENBLAS_L2_SIZE", "1")
    monkeypatch.delenv(environment.VECTORS, raising=False)
    assert not set(environment.OVERRULES) & set(environment.environment())
    monkeypatch.setenv(environment.VECTORS, "256")
    assert environment.NARROW.items() <= environment.environment().items()
    assert "OPENBLAS_L2_SIZE" not in environment.environment()


@pytest.mark.smoke
def test_the_row_on_kernels_groups_the_programs():
    ready = [("a", {"kernels": "MKL"}), ("b", {"kernels": "OpenBLAS Zen"}), ("c", {"kernels": "MKL"})]
    assert environment.kernels_row(ready).note == "a, c: MKL; b: OpenBLAS Zen"


def test_ratios_at_256_bits_are_asked_for_a_share_of_those_at_full_width():
    main = importlib.import_module("benchmarks.__main__")
    full = [Row("a", "at least 4, aim 6", 5.0, "×", True), Row("c", "", 3.0, "images/s", True)]
    rows = [
        Row("a", "at least 4, aim 6", 4.5, "×", True, "n"),
        Row("a", "at least 4, aim 6", 3.5, "×", False),
        Row("b", "at least 1", 2.0, "×", True),
        Row("c", "", 1.0, "images/s", True),
        Row("not installed", "", None, "", None, "torch"),
    ]
    found = main.narrow_rows(rows, full)
    assert [row.ok for row in found] == [True, False, None, True, None]
    assert [row.asked for row in found] == ["at least 4, aim 5"] * 2 + ["0.8 of full width", "", ""]


def test_the_command_writes_rows_of_numpy_numbers_too(tmp_path, monkeypatch):
    main = importlib.import_module("benchmarks.__main__")
    ratio: Any = np.float32(1.5)  # as a median of NumPy numbers may be
    monkeypatch.setattr(network_memory, "measure", lambda: [Row("a", "", ratio, "×", ratio > 1)], raising=False)
    monkeypatch.setattr(main, "NAMES", ("network_memory",))
    monkeypatch.setattr("sys.argv", ["benchmarks", "--json", str(tmp_path / "out.json")])
    main.main()
    [row, _] = json.loads((tmp_path / "out.json").read_text())["benchmarks"]["network_memory"]
    assert (row["measured"], row["ok"]) == (1.5, True)
