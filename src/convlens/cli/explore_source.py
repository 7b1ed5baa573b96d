"""What `convlens explore` shows: a run, a model's file, or a named network with fresh weights, and its data."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convlens.cli.data_options import load_data
from convlens.cli.run_data import load_again, settings_of
from convlens.cli.shared import newest_run, sentence

if TYPE_CHECKING:
    from convlens.data import Digits
    from convlens.nn import Sequential
    from convlens.training.settings import Settings
    from convlens.training.stored_images import Images

__all__ = ["Source", "find", "find_network"]

_OF_KERAS = (".keras", ".h5", ".hdf5")


@dataclass(frozen=True)
class Source:
    """A network and what it learns from.

    digits: the data, None if there are none that fit. settings: those of a run that goes on from here, None if a run
    could not read the data again. run: what the page gets about the run. notes: sentences for the user. fresh: whether
    the weights are those of a new network.
    """

    model: Sequential
    images: Images
    name: str
    digits: Digits | None = None
    settings: Settings | None = None
    run: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()
    fresh: bool = False


def find(source: str | None) -> Source:
    """Return what `source` names: a folder of a run, a model's or Keras's file, or a network as in `train --model`.

    None stands for the newest run, or without a run for LeNet-5. Raises ValueError or OSError, in one sentence.
    """
    if source is None:
        try:
            source = str(newest_run())
        except FileNotFoundError:
            why = "there is no trained run in runs/, so this is LeNet-5 with fresh weights; train it in the page"
            return _fresh("lenet5", (why,))
    path = Path(source)
    if path.suffix in _OF_KERAS:
        return _of_keras(path)
    return _stored(path) if _is_stored(path) else _fresh(source)


def find_network(source: str | None) -> Source:
    """Return what `find` does, but a stored network without its data, and no network in place of a run."""
    try:
        path = newest_run() if source is None else Path(source)
    except FileNotFoundError as error:
        raise FileNotFoundError(str(error).replace(" with --run DIR", ", or a network such as lenet5")) from None
    if path.suffix in _OF_KERAS:
        return _of_keras(path)
    if not _is_stored(path):
        return _fresh(str(source))
    from convlens.training import load_model
    from convlens.training.model_file import stored_images

    return Source(load_model(path, engine="numpy", compile=False), stored_images(path), path.stem)


def _is_stored(path: Path) -> bool:
    """Return whether a path is that of a run or a model's file. FileNotFoundError if it can be nothing else."""
    if path.parent != Path() and not path.suffix and not path.exists():
        raise FileNotFoundError(f"RUN must be a run's folder, a model.safetensors or a network; there is no {path}")
    if path.suffix and path.is_file() and path.suffix not in (".safetensors", ".py", ".json"):
        raise ValueError(f"a trained network must be a run, or a .safetensors, .keras or .h5 file; got {path}")
    return path.is_dir() or path.suffix == ".safetensors"


def _fresh(source: str, notes: tuple[str, ...] = ()) -> Source:
    """Return a named network with fresh weights, for the embedded digits or, if they do not fit, its usual images."""
    from convlens.models import MODELS, usual
    from convlens.training.model_source import Wanted, make_model, short_name
    from convlens.training.settings import Settings
    from convlens.training.stored_images import of_digits, read_images

    digits = load_data("embedded")
    shape = digits.pixels_train.shape
    wanted = Wanted((shape[1], shape[2], shape[3]), digits.classes)
    try:
        model = make_model(source, wanted, "numpy")
    except ValueError:
        if source not in MODELS:
            raise
        model = make_model(source, Wanted(*usual(source)), "numpy")
        images = read_images(None, model.input_shape, model.output_shape[-1])
        note = f"{source} takes images {model.input_shape}: the page has no pictures for it"
        return Source(model, images, source, notes=(*notes, note), fresh=True)
    name = short_name(source)
    return Source(model, of_digits(digits), name, digits, Settings(model=source), notes=notes, fresh=True)


def _of_keras(path: Path) -> Source:
    """Return the network of a Keras file as `convlens import` makes it, with the embedded digits if it reads such."""
    from convlens.cli.import_model import images_of
    from convlens.interop.keras_file import import_keras

    found = import_keras(path, engine="numpy", compare=False)
    images = images_of(found.model, None, None)
    return _without_run(found.model, images, path.stem, found.notes)


def _stored(path: Path) -> Source:
    """Return the network of a run's folder or of a model's file, with the data that it was trained on."""
    from convlens.training import load_model
    from convlens.training.model_file import MODEL, stored_images
    from convlens.training.run import HISTORY, Run

    model, images = load_model(path, engine="numpy", compile=False), stored_images(path)
    folder = path if path.is_dir() else path.parent
    name = folder.name if path.name in (folder.name, MODEL) else path.stem
    history = folder / HISTORY
    try:
        if path.name not in (folder.name, MODEL) or not history.is_file():
            return _without_run(model, images, name)
        settings = settings_of(history)
        run = {"name": name, "history": json.loads(history.read_bytes())}
        with suppress(OSError, ValueError):  # the model's file does not say what was frozen
            model.frozen = Run.open(folder).model.frozen
    except OSError as error:
        return Source(model, images, name, notes=(f"the page has no pictures: {sentence(error)}",))
    try:
        return Source(model, images, name, load_again(settings), _settings(settings), run)
    except (ValueError, OSError, ImportError) as error:
        return Source(model, images, name, run=run, notes=(f"the page has no pictures: {sentence(error)}",))


def _without_run(model: Sequential, images: Images, name: str, notes: tuple[str, ...] = ()) -> Source:
    digits, settings = _digits_of(model, images)
    if digits is None:
        notes = (
            *notes,
            f"the page has no pictures: {name} is in no run, and reads no digits such as the embedded ones",
        )
    return Source(model, images, name, digits, settings, notes=notes)


def _digits_of(model: Sequential, images: Images) -> tuple[Digits | None, Settings | None]:
    """Return the embedded digits and the settings of a run with them, if the network of a file reads such digits."""
    from convlens.training.settings import Settings

    fits = images.class_names == tuple("0123456789") and not images.colour and model.input_shape == (28, 28, 1)
    if not fits or images.light_ink is False:
        return None, None
    digits = load_data("embedded")
    same = images.scale == digits.scale
    return digits, Settings(model=model.name) if same else None


def _settings(found: dict[str, Any]) -> Settings:
    """Return the settings in a history that say what is trained on which data."""
    from convlens.training.settings import Settings

    kept = ("model", "data", "seed", "batch_size", "size", "skip_broken", "transposed")
    chosen = {name: found[name] for name in kept if found.get(name) is not None}
    if "size" in chosen:
        chosen["size"] = tuple(chosen["size"])
    return Settings(**chosen)
