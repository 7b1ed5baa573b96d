"""A model's file holds what builds the model again without its code, and what its images were."""

import json
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from tests.support import small

import convlens
from convlens.data import from_arrays
from convlens.models import MODELS
from convlens.nn import Conv2D, Dense, Dropout, Flatten, MaxPooling2D, Sequential
from convlens.nn.specification import to_specification
from convlens.storage.tensors import read_tensors, write_tensors
from convlens.training import load_model, save_model
from convlens.training.model_file import Images, stored_images
from convlens.training.stored_images import of_digits

pytestmark = pytest.mark.usefixtures("without_sync")

LAYERS = (
    Conv2D(3, (2, 3), activation="tanh", padding="same"),
    MaxPooling2D((2, 1)),
    Dropout(0.25),
    Flatten(),
    Dense(4),
)


def own(dtype=np.float32, **more):
    return Sequential(LAYERS, (6, 5, 2), name="mine", seed=3, dtype=dtype, **more)


@pytest.mark.smoke
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_network_is_built_again_from_its_file(tmp_path, dtype):
    model, path = own(dtype), tmp_path / "mine.safetensors"
    save_model(path, model)
    found = load_model(path)
    assert (found.name, found.descriptions, found.input_shape, found.dtype) == ("mine", LAYERS, (6, 5, 2), dtype)
    assert found.flat.tobytes() == model.flat.tobytes()
    x = np.random.default_rng(0).random((3, 6, 5, 2), dtype=dtype)
    np.testing.assert_array_equal(found.logits(x), model.logits(x))


def test_the_header_holds_the_specification(tmp_path):
    save_model(tmp_path / "model.safetensors", own())
    content = (tmp_path / "model.safetensors").read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    about = json.loads(header["__metadata__"]["convlens"])["about"]
    assert about["specification"] == to_specification(LAYERS, (6, 5, 2), "mine", np.float32)


def test_a_file_of_an_old_version_holds_only_the_name(tmp_path):
    path = tmp_path / "model.safetensors"
    known = convlens.lenet5(seed=4)
    write_tensors(path, known.named_weights(), {"model": "lenet5", "untrained": False})
    assert load_model(tmp_path).flat.tobytes() == known.flat.tobytes()
    assert stored_images(tmp_path) == Images(tuple("0123456789"), 1 / 256, True, (28, 28), False)


# The images ----------------------------------------------------------------------------------------------------------


def test_what_the_images_are_is_kept(tmp_path):
    images = Images(("Katze", "Größe 1.5", "日本", "4"), 1 / 255, False, (6, 5), False)
    save_model(tmp_path / "model.safetensors", own(), images=images)
    assert stored_images(tmp_path) == images == stored_images(tmp_path / "model.safetensors")


def test_images_that_do_not_fit_are_not_saved(tmp_path):
    images = Images(("a", "b", "c", "d"), 1 / 255, None, (5, 6), False)
    with pytest.raises(ValueError, match=r"^the images must fit the network's input \(6, 5, 2\); got \(5, 6\), grey$"):
        save_model(tmp_path, own(), images=images)
    assert not list(tmp_path.iterdir())


def test_a_model_without_images_has_numbers_as_class_names(tmp_path):
    save_model(tmp_path / "model.safetensors", own())
    assert stored_images(tmp_path) == Images(("0", "1", "2", "3"), 1 / 256, None, (6, 5), False)


BAD_IMAGES = {
    "three names": (Images(("a", "b", "c")).to_json(), "there must be 4 class names, one for each output; got 3"),
    "no scale": ({"class_names": ["a"] * 4}, "the stored description of the images is damaged: KeyError('scale')"),
    "scale 0": (Images(("a",) * 4, 0.0).to_json(), "the scale of the images must be a number above 0; got 0.0"),
    "another size": (
        Images(("a",) * 4, 1 / 255, None, (10**9, 5)).to_json(),
        "the images must fit the network's input (6, 5, 2); got (1000000000, 5), grey",
    ),
    "a text": ("images", "the stored description of the images is damaged: AssertionError()"),
}


@pytest.mark.parametrize("case", BAD_IMAGES)
def test_a_damaged_description_of_the_images_is_named(tmp_path, case):
    bad, message = BAD_IMAGES[case]
    path = tmp_path / "model.safetensors"
    save_model(path, own())
    tensors, about = read_tensors(path)
    write_tensors(path, tensors, {**about, "images": bad})
    with pytest.raises(ValueError, match=f"^{re.escape(f'{path}: {message}')}"):
        stored_images(path)


@pytest.mark.parametrize(
    ("pixels", "scale"),
    [
        (np.array([0, 200], np.uint8), 1 / 256),
        (np.array([0, 0.99], np.float32), 1 / 256),
        (np.array([0, 1.0], np.float32), 1 / 255),
        (np.array([0, 255.0], np.float32), 1 / 256),
        (np.array([0, 200.5], np.float32), 1 / 256),
        (np.array([-1, 1.0], np.float32), 1 / 255),
    ],
)
def test_the_stored_scale_is_that_of_8_bit_pixels(pixels, scale):
    images, labels = np.broadcast_to(pixels[:, None, None, None], (2, 5, 4, 3)), np.array([0, 1])
    found = of_digits(from_arrays(images, labels, images, labels))
    assert found == Images(("0", "1"), scale, None, (5, 4), True)


# Refused -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mine(Dropout):
    """A layer of a user's own."""


class Own(Sequential):
    """A model of a user's own."""


def test_a_model_that_could_not_be_loaded_is_not_saved(tmp_path):
    path = tmp_path / "model.safetensors"
    broken = own()
    broken.layer_weights[0]["kernel"][0, 0] = np.nan
    for model, message in (
        (Sequential((*LAYERS[:2], Mine(0.5), Flatten()), (6, 5, 2)), r"layer 3 must be one of convlens's own layers"),
        (Own(LAYERS, (6, 5, 2)), "a saved model must be a convlens Sequential; got Own, a class of its own"),
        (broken, "a saved model must have finite weights; conv2d/kernel has 6 NaN or infinite numbers"),
    ):
        with pytest.raises(ValueError, match=f"^{message}"):
            save_model(path, model)
    assert list(tmp_path.iterdir()) == []


def test_weights_that_are_not_finite_are_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(path, own())
    tensors, about = read_tensors(path)
    tensors["dense/bias"][1] = np.inf
    write_tensors(path, tensors, about)
    message = f"{path}: a model must have finite weights; dense/bias has 1 NaN or infinite numbers"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        load_model(path)


def test_a_specification_that_does_not_fit_the_weights_is_named(tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(path, own())
    tensors, about = read_tensors(path)
    other = to_specification((Flatten(), Dense(4)), (6, 5, 2), "mine", np.float32)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"specification": other}, f"{path} must hold the weights dense/kernel, dense/bias; it holds "),
        ({"specification": {**about["specification"], "version": 2}}, f"{path}: a specification must be of version 1;"),
        ({"specification": {**about["specification"], "input_shape": [6, 5, 3]}}, f"{path}: mine needs conv2d/kernel "),
        ({"specification": None}, f"{path}: a specification must be JSON"),
    ]
    for change, message in cases:
        write_tensors(path, tensors, {**about, **change})
        with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
            load_model(path)
    write_tensors(path, tensors, {"model": "mine"})
    message = f"{path} must hold a specification or the weights of one of {', '.join(MODELS)}; its model is 'mine'"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        load_model(path)


def test_a_layer_that_does_not_fit_is_named(tmp_path):
    path = tmp_path / "model.safetensors"
    tiny = small.tiny()
    save_model(path, tiny)
    tensors, about = read_tensors(path)
    write_tensors(path, tensors, {**about, "specification": {**about["specification"], "input_shape": [1, 1, 1]}})
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}: layer conv2d: "):
        load_model(path)
