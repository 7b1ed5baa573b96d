"""benchmarks/layers.py: PyTorch's faster layout counts, and the convolutions have a geometric mean."""

from typing import Any

import pytest
from benchmarks import layers
from benchmarks.table import Row


class Fake:
    id = 0

    def __init__(self, seconds):
        self.seconds = seconds

    def ask(self, job=None):
        return {"seconds": self.seconds, "sizes": [1.0, None], "others": 0.0}


@pytest.mark.smoke
def test_the_faster_layout_counts(monkeypatch):
    monkeypatch.setattr(
        layers, "take_turns", lambda workers, rounds, job, again: {name: [w.ask()] for name, w in workers.items()}
    )
    workers: Any = {"numba": Fake(1.0), "torch channels_last": Fake(3.0), "torch contiguous_format": Fake(2.0)}
    (row,) = layers.rows_of(0, layers.FORWARD, workers)
    assert row.measured == 2 and row.ok and row.asked == "at least 1" and "torch contiguous_format" in row.note
    del workers["torch channels_last"], workers["torch contiguous_format"]
    (alone,) = layers.rows_of(0, layers.FORWARD, workers)
    assert alone.unit == "ms" and alone.measured == 1000


@pytest.mark.smoke
def test_the_mean_is_over_convolutions_that_have_a_ratio():
    first, second, pool = (next(one for one in layers.LAYERS if one.name == name).title() for name in NAMES)
    rows = [
        Row(f"{first}, forward: numba", "at least 1", 0.5, layers.UNIT, False),
        Row(f"{second}, forward: numba", "at least 1", 8.0, layers.UNIT, True),
        Row(f"{second}, forward: numpy", "", 100.0, layers.UNIT, True),
        Row(f"{pool}, forward: numba", "at least 1", 50.0, layers.UNIT, True),
        Row(f"{first}, forward + backward: numba", "", 3.0, "ms", True),
    ]
    (mean,) = layers.means(rows)
    assert mean.measured == pytest.approx(2) and mean.ok and mean.note == "2 convolutions"


NAMES = ("LeNet-5 conv1", "small VGG conv6", "VGG pool 56")


@pytest.mark.smoke
def test_small_vgg_has_its_six_convolutions():
    from benchmarks.network_list import model_of

    found = [(one.size, one.ci, one.co) for one in layers.LAYERS if one.name.startswith("small VGG")]
    rows = [row for row in model_of("small VGG").table if type(row.layer).__name__ == "Conv2D"]
    assert found == [(row.input_shape[0], row.input_shape[2], row.output_shape[2]) for row in rows]
