"""`convlens import`: read a trained network from a Keras file, or weights of PyTorch for a given network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convlens.cli.data_options import parse_size
from convlens.cli.shared import Json, print_json
from convlens.cli.summary import named_network
from convlens.cli.train_run import claim

if TYPE_CHECKING:
    from convlens.arrays import Array
    from convlens.interop.keras_reader import Imported
    from convlens.nn import Sequential
    from convlens.training.model_file import Images


def import_model(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A .keras, .h5 or .weights.h5 file, or weights of PyTorch as .safetensors or .npz."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for the run. [default: runs/NAME-NUMBER]")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="The network of a file that holds only weights: its name, FILE.py:FUNCTION or FILE.json."),
    ] = None,
    size: Annotated[
        str | None, typer.Option(metavar="WxH", help="Width and height of the images, if the file leaves them open.")
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(metavar="NAME,…", help="Names of the classes in the order of the outputs, or their number."),
    ] = None,
    scale: Annotated[
        float | None,
        typer.Option(help="Factor for pixels of 0..255. [default: 1/255, or 1 if the network rescales its input]"),
    ] = None,
    json_: Json = False,
) -> None:
    """Read a trained network from a Keras file, or weights of Keras or PyTorch for the network --model.

    Afterwards `predict --run DIR`, `evaluate --run DIR --data DATA` and `export --run DIR` use the network.
    """
    from convlens.training.model_file import MODEL, save_model
    from convlens.training.run import holds_run

    if out is not None and out.exists() and not out.is_dir():
        raise NotADirectoryError(f"the output folder must be a folder; {out} is a file")
    if out is not None and (held := holds_run(out)):
        raise FileExistsError(f"the output folder must not hold another run; {out} holds {held}")
    names = None if classes is None else tuple(classes.split(","))
    if names is not None and len(names) == 1 and names[0].isdecimal():
        names = tuple(str(k) for k in range(int(names[0])))
    found = _read(file, model, parse_size(size), names)
    images = images_of(found.model, names, scale)
    out = out or claim(found.model.name)
    out.mkdir(parents=True, exist_ok=True)
    save_model(out / MODEL, found.model, images=images)
    notes = [*found.notes, f"pixels of 0..255 are multiplied by {_fraction(images.scale)} before the network"]
    if json_:
        said = {"file": str(file), "run": str(out), "model": found.model.name}
        numbers = {"parameters": found.model.count_params(), "difference": found.difference}
        print_json({**said, **numbers, "notes": notes})
        return
    print(f"{out / MODEL}: {found.model.name}, {found.model.count_params():,} parameters")
    if found.difference is not None:
        print(f"the predictions for random images differ from Keras's by at most {found.difference:.1e}")
    for note in notes:
        print(note)


def _read(file: Path, model: str | None, size: tuple[int, int] | None, names: tuple[str, ...] | None) -> Imported:
    from convlens.interop.torch_weights import PICKLES, SUFFIXES, import_weights, read_state_dict
    from convlens.models import MODELS

    if file.name.endswith(".weights.h5"):
        return _weights_alone(file, model, size, names)
    if file.suffix in (".keras", ".h5", ".hdf5"):
        from convlens.interop.keras_file import import_keras

        if model is not None:
            raise ValueError(f"--model is for weights without a network; {file} holds its own; got {model}")
        return import_keras(file, size=size)
    if file.suffix not in (*SUFFIXES, *PICKLES):
        raise ValueError(f"a trained network must be a .keras, .h5, .safetensors or .npz file; got {file}")
    arrays = read_state_dict(file)
    if model is None:
        raise ValueError(f"{file} holds weights without a network: name the network with --model")
    return import_weights(file, _model(model, arrays, size, names), own_epsilon=model not in MODELS)


def _weights_alone(
    file: Path, model: str | None, size: tuple[int, int] | None, names: tuple[str, ...] | None
) -> Imported:
    from convlens.interop.keras_reader import Imported
    from convlens.interop.keras_weights import input_channels, load_weights

    if model is None:
        raise ValueError(f"{file} holds weights without a network: name the network with --model")
    network = named_network(model, size, input_channels(file), None if names is None else len(names))
    load_weights(file, network)
    return Imported(network, ("the predictions were not compared with Keras's: the file holds no network",))


def _model(
    source: str, arrays: dict[str, Array], size: tuple[int, int] | None, names: tuple[str, ...] | None
) -> Sequential:
    """Return the network that --model names, for the images and classes of the options."""
    colour = any(array.ndim == 4 and array.shape[1] == 3 for array in arrays.values())
    return named_network(source, size, 3 if colour else None, None if names is None else len(names))


def images_of(model: Sequential, given: tuple[str, ...] | None, scale: float | None) -> Images:
    """Return what the images of a network of Keras or PyTorch are: as the options say, or as layers and shapes do."""
    from convlens.training.model_file import Images

    count, shape = model.output_shape[0], model.input_shape
    plain = tuple(str(k) for k in range(count))
    names = plain if given is None else given
    if len(names) != count or len(set(names)) != count:
        raise ValueError(f"--classes must be {count} different names, one for each output; got {', '.join(names)}")
    if scale is None:
        scale = 1.0 if _takes_levels(model) else 1 / 255
    if not 0 < scale < float("inf"):
        raise ValueError(f"--scale must be above 0; got {scale}")
    image = len(shape) == 3
    digits = shape == (28, 28, 1) and count == 10 and names == plain  # as MNIST: light ink on a dark ground
    size = (shape[0], shape[1]) if image else (1, shape[0])
    return Images(names, scale, True if digits else None, size, image and shape[2] == 3)


def _takes_levels(model: Sequential) -> bool:
    """Return whether the network scales levels of 0..255 itself, behind layers that act only in training."""
    import numpy as np

    from convlens.nn import Normalization, Rescaling

    first = next((layer for layer in model.layers if not layer.kind.startswith("random_")), None)
    if isinstance(first, Normalization):
        return bool(np.max(first.mean or 0) > 1)  # a mean of levels
    return isinstance(first, Rescaling)


def _fraction(scale: float) -> str:
    return f"1/{1 / scale:g}" if scale < 1 else f"{scale:g}"
