"""A run of any network, with any options, gives the same bits when it is stopped anywhere and resumed."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.support import small

from convlens.data import from_arrays
from convlens.data.digits import Digits
from convlens.nn import (
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    MaxPooling2D,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    Reshape,
    Sequential,
    Softmax,
    SpatialDropout2D,
)
from convlens.storage.tensors import read_tensors
from convlens.training import Epoch, Run, Settings, load_model
from convlens.training.model_file import stored_images

pytestmark = pytest.mark.usefixtures("without_sync")

PICTURES, LABELS = small.patterns(60)
DATA = from_arrays(PICTURES[:40].repeat(3, axis=3), LABELS[:40], PICTURES[40:].repeat(3, axis=3), LABELS[40:])
LAYERS = (
    Conv2D(4, (2, 3), activation="relu", padding="same"),
    MaxPooling2D((2, 1)),
    Dropout(0.3),
    Flatten(),
    Dense(3, activation="softmax"),
)
NORMALISED = (
    Conv2D(4, (2, 3), padding="same", use_bias=False),
    BatchNormalization(),
    Add((Conv2D(4, (3, 2), padding="same", use_bias=False), BatchNormalization()), activation="relu"),
    Dropout(0.3),
    Flatten(),
    Dense(3, activation="softmax"),
)
ALL = Settings(
    model="own", batch_size=16, epochs=3, augment="colour,shift,crop,flip", schedule="cosine", engine="numpy"
)
CASES = {
    "all of it": replace(ALL, optimizer="sgd", learning_rate=0.05, momentum=0.9, weight_decay=0.01),
    "adamw": replace(ALL, optimizer="adamw", dropout=0.1, schedule="exponential"),
    "rmsprop": replace(ALL, optimizer="rmsprop", augment="", schedule="steps", early_stopping=2),
    "nadam": replace(ALL, optimizer="nadam", schedule="linear"),
    "class weights": replace(ALL, class_weights="balanced", schedule="constant"),
    "adadelta": replace(ALL, optimizer="adadelta", augment="flip", schedule="constant"),
}


def own(layers=LAYERS, dtype=np.float32):
    return Sequential(layers, (5, 4, 3), name="own", seed=7, dtype=dtype, engine="numpy")


def finish(run, threads=1):
    return list(run.train(DATA, threads))


def files(run):
    """The bytes of the model's file, and everything in the checkpoint but the seconds."""
    tensors, about = read_tensors(run.folder / "checkpoint.safetensors")
    epochs = [{k: v for k, v in row.items() if "second" not in k} for row in about["epochs"]]
    found = {name: array.tobytes() for name, array in tensors.items()}
    return (run.folder / "model.safetensors").read_bytes(), found, {**about, "epochs": epochs}


@pytest.mark.parametrize(
    ("case", "layers"),
    [*((case, LAYERS) for case in CASES), ("all of it", NORMALISED), ("rmsprop", NORMALISED)],
)
def test_resuming_anywhere_gives_the_bits_of_an_uninterrupted_run(tmp_path, case, layers):
    whole = Run.start(tmp_path / "whole", CASES[case], DATA, own(layers))
    finish(whole)
    for events in (1, 4, 6, 11):  # in the first epoch, after it, in the second, in the third
        run = Run.start(tmp_path / str(events), CASES[case], DATA, own(layers))
        training = run.train(DATA, 2)
        for _ in range(events):
            next(training)
        training.close()
        assert len(finish(Run.open(run.folder))) > 0
        assert files(run) == files(whole)


def test_a_fused_pass_with_random_changes_resumes_with_the_same_bits_on_any_number_of_threads(tmp_path):
    pytest.importorskip("numba")
    layers = [
        *(RandomFlip(), RandomRotation(0.1), DepthwiseConv2D((2, 3), padding="same", depth_multiplier=2)),
        *(BatchNormalization(), RandomTranslation(0.1, 0.1), Conv2D(4, 2, groups=2, padding="same"), Softmax()),
        *(SpatialDropout2D(0.3), Reshape((4, 5, 4)), GlobalAveragePooling2D(keepdims=True), Flatten(), Dense(3)),
    ]
    settings = replace(CASES["all of it"], engine="numba")
    whole = Run.start(tmp_path / "whole", settings, DATA, Sequential(layers, (5, 4, 3), name="own", engine="numba"))
    assert whole.model.fused is not None
    finish(whole)
    for threads, events in ((2, 3), (3, 6)):
        model = Sequential(layers, (5, 4, 3), name="own", engine="numba")
        run = Run.start(tmp_path / str(threads), settings, DATA, model)
        training = run.train(DATA, threads)
        for _ in range(events):
            next(training)
        training.close()
        again = Run.open(run.folder)
        finish(again, threads)
        assert files(again) == files(whole)
        images = DATA.x_valid.astype(np.float32)
        np.testing.assert_array_equal(again.model.predict(images), whole.model.predict(images))


def test_each_option_changes_the_result(tmp_path):
    options: list[dict[str, Any]] = [
        {},
        {"optimizer": "sgd"},
        {"optimizer": "sgd", "momentum": 0.5},
        {"optimizer": "adamw"},
        {"optimizer": "adamw", "weight_decay": 0.5},
        {"learning_rate": 0.002},
        {"schedule": "linear"},
        {"dropout": 0.0},
        *({"augment": name} for name in ("shift", "crop", "flip", "colour")),
    ]
    found = set()
    for k, option in enumerate(options):
        run = Run.start(tmp_path / str(k), Settings(model="own", batch_size=16, epochs=1, **option), DATA, own())
        finish(run)
        found.add(run.model.flat.tobytes())
    assert len(found) == len(options)


def test_a_run_keeps_what_the_network_and_its_images_are(tmp_path):
    data = Digits(
        (DATA.x_train * 255).astype(np.uint8),
        DATA.y_train,
        (DATA.x_valid * 255).astype(np.uint8),
        DATA.y_valid,
        np.empty((0, 5, 4, 3), np.uint8),
        np.empty(0, np.int64),
        source="three",
        scale=1 / 255,
        class_names=("row", "Säule", "Ecke 3"),
        light_ink=False,
    )
    run = Run.start(tmp_path / "run", replace(ALL, epochs=1), data, own())
    list(run.train(data, 1))
    again = Run.open(run.folder)
    assert again.model.descriptions == LAYERS and again.model.name == "own"
    assert again.images == stored_images(run.folder) == run.images
    assert run.images.class_names == ("row", "Säule", "Ecke 3")
    assert (run.images.scale, run.images.light_ink, run.images.size, run.images.colour) == (
        1 / 255,
        False,
        (5, 4),
        True,
    )
    history = json.loads((run.folder / "history.json").read_text())
    assert history["class_names"] == ["row", "Säule", "Ecke 3"]
    assert {key: history[key] for key in ("network", "parameters", "input_shape", "augment")} == {
        "network": "own",
        "parameters": run.model.count_params(),
        "input_shape": [5, 4, 3],
        "augment": "shift,crop,flip,colour",
    }
    found = load_model(run.folder)
    assert found.descriptions == LAYERS
    np.testing.assert_array_equal(found.flat, run.model.flat)


def test_a_checkpoint_of_an_old_version_goes_on(tmp_path):
    """Old versions stored the model's name alone, and fewer settings."""
    from convlens.storage.tensors import write_tensors

    digits, settings = small.digits(), Settings(batch_size=40, epochs=2)
    whole = Run.start(tmp_path / "whole", settings, digits)
    list(whole.train(digits, 1))
    run = Run.start(tmp_path / "run", settings, digits)
    path = run.folder / "checkpoint.safetensors"
    for event in run.train(digits, 1):
        if isinstance(event, Epoch):
            break
    tensors, about = read_tensors(path)
    old = ("model", "engine", "data", "seed", "batch_size", "learning_rate", "epochs", "early_stopping", "trainer")
    about["settings"] = {name: about["settings"][name] for name in old}
    del about["specification"], about["images"]
    write_tensors(path, tensors, about)
    again = Run.open(run.folder)
    assert again.images == whole.images
    list(again.train(digits, 1))
    np.testing.assert_array_equal(again.model.flat, whole.model.flat)


def test_dropout_changes_every_dropout_layer_or_adds_one(tmp_path):
    run = Run.start(tmp_path / "changed", replace(ALL, dropout=0.2), DATA, own())
    assert [layer.rate for layer in run.model.descriptions if isinstance(layer, Dropout)] == [0.2]
    np.testing.assert_array_equal(run.model.flat, own().flat)
    without = tuple(layer for layer in LAYERS if not isinstance(layer, Dropout))
    run = Run.start(tmp_path / "added", replace(ALL, dropout=0.2), DATA, own(without))
    assert run.model.descriptions == (*without[:-1], Dropout(0.2), without[-1])
    np.testing.assert_array_equal(run.model.flat, own(without).flat)


def test_frozen_layers_stay_frozen_after_a_resume(tmp_path):
    model = own()
    model.frozen = frozenset({0})
    run = Run.start(tmp_path / "run", replace(ALL, dropout=0.2), DATA, model)
    training = run.train(DATA, 1)
    next(training)
    training.close()
    again = Run.open(run.folder)
    finish(again)
    np.testing.assert_array_equal(again.model.layer_weights[0]["kernel"], model.layer_weights[0]["kernel"])
    assert (again.model.layer_weights[-1]["kernel"] != model.layer_weights[-1]["kernel"]).any()


def test_the_epochs_of_a_schedule_stay(tmp_path):
    from convlens.training.settings import go_on

    message = "epochs must be the run's value, 3, since its learning rate falls .* by the schedule cosine"
    with pytest.raises(ValueError, match=f"^{message}; got 4$"):
        go_on(ALL, {"epochs": 4})
    assert go_on(ALL, {"epochs": 3, "augment": "flip,shift,colour,crop"}) == ALL


def test_a_rate_that_explodes_is_told_with_a_lower_one(tmp_path):
    run = Run.start(
        tmp_path / "run", replace(ALL, optimizer="sgd", learning_rate=1e30, schedule="constant"), DATA, own()
    )
    with (
        np.errstate(all="ignore"),
        pytest.raises(
            ArithmeticError,
            match=r"^the loss must stay finite; got .* in epoch 1, batch \d: a lower .* may help, such as 1e\+29$",
        ),
    ):
        finish(run)
    assert Run.open(run.folder).epochs == []
