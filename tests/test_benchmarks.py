"""The parts of the benchmarks that count, compare and draw. The measured figures are not tested."""

import importlib
import json
import sys
from collections.abc import Iterator

import pytest
from tests.support.places import ROOT

from convlens import ops


def module(name):
    """Import a module of benchmarks/, which is not an installed package."""
    if str(ROOT) not in sys.path:
        sys.path.append(str(ROOT))
    return importlib.import_module(f"benchmarks.{name}")


@pytest.mark.smoke
@pytest.mark.parametrize("which", ["forward", "forward + backward", "forward + backward without dx"])
def test_flop_of_a_layer_counts_its_multiplications_and_additions(which):
    layer = module("layers").Layer("a", batch=2, size=9, ci=3, co=5, kernel=4, stride=2, padding=1)
    x, w, b, dy = layer.arrays()
    y = ops.conv2d_forward(x, w, b, padding=((1, 1), (1, 1)), stride=(2, 2))
    assert y.shape == dy.shape == (2, layer.out, layer.out, 5)
    products = {"forward": 1, "forward + backward": 3, "forward + backward without dx": 2}[which]
    assert layer.flop(which) == products * 2 * y.size * w[..., 0].size


@pytest.mark.smoke
def test_our_calls_return_the_shapes_of_the_pytorch_calls():
    layers = module("layers")
    for layer in layers.LAYERS:
        if layer.size < 50:
            calls = layers.ours(layer, "numpy")
            found = {which: calls[which]() for which in layer.passes}
            x, w, b, dy = layer.arrays()
            backward = [dy, x, w, b] if layer.co else [dy, x]
            assert found["forward"][0].shape == dy.shape
            assert [a.shape for a in found["forward + backward"]] == [a.shape for a in backward]
            if layer.is_first:
                assert found["forward + backward without dx"][1] is None


def rows():
    """Some rows of each benchmark in the plot, and rows that the plot ignores."""
    row = module("table").Row
    layer = module("layers").LAYERS[0].title()
    return {
        "peers": [
            row("LeNet-5 training, batch 32: convlens numba", "", 2.0, "s / 50,000", True),
            row("LeNet-5 training, batch 32: torch fused", "", 5.0, "s / 50,000", True),
            row("LeNet-5 training, batch 32: jax jit", "", 9.0, "s / 50,000", None, "other programs used 60%"),
            row("LeNet-5 training, batch 32: not installed", "", None, "", None, "jax jit"),
            row("LeNet-5 training, batch 32: numba, times as fast as torch fused", "at least 2.5", 2.5, "×", True),
        ],
        "inference": [
            row("LeNet-5 prediction, batch 1: convlens numba", "at most 0.15", 0.06, "ms", True),
            row("LeNet-5 prediction, batch 1,000: convlens numpy", "", 30_000.0, "images/s", True),
        ],
        "layers": [
            row(f"{layer}, forward: numba", "at least 1", 1.5, "× PyTorch", True),
            row(f"{layer}, forward: numpy", "", 0.5, "× PyTorch", True),
            row(f"{layer}, forward + backward: numba", "at least 1", 2.0, "× PyTorch", True),
            row(f"{layer}, forward + backward without dx: numba", "at least 1", 3.0, "× PyTorch", True),
        ],
    }


@pytest.mark.smoke
def test_rows_are_found_for_the_plot():
    plot = module("plot")
    content = {name: [row._asdict() for row in rows] for name, rows in rows().items()}
    (training,) = plot.panels(content["peers"], "training")
    assert training == ("batch 32", "images/s", {"convlens numba": 25_000, "torch fused": 10_000})
    assert [bars.title for bars in plot.panels(content["inference"], "prediction")] == ["batch 1", "batch 1,000"]
    assert list(plot.layer_ratios(content["layers"]).values()) == [{"forward": 1.5, "forward + backward": 2.0}]


def test_results_are_added_to_the_file_and_drawn(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    main, plot = module("__main__"), module("plot")
    path, picture = tmp_path / "r" / "b.json", tmp_path / "p.svg"
    for name, values in rows().items():
        monkeypatch.setattr(module(name), "measure", lambda values=values: values)
        monkeypatch.setattr(sys, "argv", ["benchmarks", name, "--json", str(path)])
        main.main()
    kept = json.loads(path.read_text())
    assert list(kept["benchmarks"]) == ["layers", "inference", "peers"]
    monkeypatch.setattr(sys, "argv", ["plot", str(path), "--out", str(picture)])
    plot.main()
    first = picture.read_bytes()
    plot.main()
    assert picture.read_bytes() == first
    path.write_text(json.dumps(kept | {"machine": {"cpu": "another"}}))
    assert main._earlier(path) == {}


@pytest.mark.smoke
def test_a_file_with_nothing_to_draw_is_refused():
    with pytest.raises(ValueError, match="measure them first"):
        module("plot").draw({"machine": {}, "benchmarks": {}})


@pytest.mark.smoke
def test_the_share_of_other_programs_is_a_row():
    cpu_share = module("cpu_share")
    start = cpu_share.CpuTimes(0, 0, 0)
    (row,) = cpu_share.others_row(start, cpu_share.CpuTimes(10, 10, 10))
    assert row.measured == 0 and row.ok
    (row,) = cpu_share.others_row(start, cpu_share.CpuTimes(10, 20, 10))
    assert row.measured == pytest.approx(100 / (cpu_share.os.cpu_count() or 1)) and row.ok is None
    assert cpu_share.others_row(None, start) == []


def test_disturbed_rounds_are_repeated_or_marked(monkeypatch):
    workers, row = module("workers"), module("table").Row("a", "at least 1", 2.0, "×", True, "1 to 3")
    cpu_share = workers.cpu_share

    shares: Iterator[float]
    turns: Iterator[str]

    class Fake:
        id = 0

        def ask(self, job):
            return {"turn": next(turns)}

    monkeypatch.setattr(cpu_share, "cpu_times", lambda ids: None)
    monkeypatch.setattr(cpu_share, "others_share", lambda since, now: next(shares))
    shares, turns = iter([0.5, 0.0, 0.3, 0.01, 0.0]), iter("abcde")
    answers = workers.take_turns({"a": Fake()}, 2, again=3)
    assert answers == {"a": [{"turn": "b", "others": 0.0}, {"turn": "d", "others": 0.01}]}
    assert cpu_share.mark_disturbed([row], answers) == [row]
    shares, turns = iter([0.5, 0.1, 0.3]), iter("abc")
    answers = workers.take_turns({"a": Fake()}, 2, again=1)
    assert [answer["turn"] for answer in answers["a"]] == ["b", "c"]
    (found,) = cpu_share.mark_disturbed([row], answers)
    assert found.ok is None and found.note == "other programs used 20% of the cores; 1 to 3"
    shares, turns = iter([0.5, 0.1]), iter("ab")
    assert [answer["turn"] for answer in workers.take_turns({"a": Fake()}, 2)["a"]] == ["a", "b"]


def test_a_worker_answers_each_job_and_its_error_is_named(monkeypatch, tmp_path):
    workers = module("workers")
    (tmp_path / "echo_worker.py").write_text(
        "import sys\n"
        "from benchmarks.workers import serve\n"
        "def turn(job):\n"
        "    if job == 'stop':\n"
        "        raise ValueError('enough')\n"
        "    return {'job': job}\n"
        "serve(turn)\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{tmp_path}")
    found, others = workers.start("echo", "echo_worker", {"a": "numpy", "b": "no_such_package"})
    assert [(row.ok, row.note) for row in others] == [(None, "b")]
    assert workers.take_turns(found, 2, [1, "x"])["a"][1]["job"] == [1, "x"]
    with pytest.raises(RuntimeError, match="enough"):
        found["a"].ask("stop")
    found, others = workers.start("echo", "no_such_module", {"a": "numpy"})
    assert found == {} and others[0].ok is False and "no_such_module" in others[0].note
