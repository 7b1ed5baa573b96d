"""`convlens show`: draw what a network computes for a picture, forward and backward."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convlens.cli.shared import Json, NetworkSource, one_line, print_json, tell

if TYPE_CHECKING:
    from convlens.arrays import Array
    from convlens.cli.explore_source import Source

_ENDINGS = (".png", ".svg", ".pdf")
_LEAST, _MOST = 320, 8000  # pixels of a picture's width


def show(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="A photograph of a digit, or any picture.")],
    source: NetworkSource = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="The file to write: .png, .svg or .pdf.")
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(metavar="NAME|N", help="Class whose loss is traced back. [default: the most probable one]"),
    ] = None,
    width: Annotated[int | None, typer.Option(metavar="PIXELS", help="Width of a .png. [default: 1600]")] = None,
    json_: Json = False,
) -> None:
    """Draw the output of each layer for a picture, and under it the gradient of the loss."""
    import numpy as np

    from convlens.cli.explore_source import find_network
    from convlens.cli.predict import check_network
    from convlens.inspection.trace import trace
    from convlens.report.figures import matplotlib
    from convlens.report.passes import forward_and_backward

    path = _checked(out, picture, width)
    matplotlib()
    found = find_network(source)
    check_network("show", found.model, found.name)
    names = found.images.class_names
    wanted = None if label is None else _label(label, names)
    x = _read(picture, found)
    probabilities = found.model.probabilities(x)[0]
    best = int(probabilities.argmax())
    which = best if wanted is None else wanted
    passed = trace(found.model, x.astype(found.model.dtype), np.array([which]))
    _write(path, forward_and_backward(passed, names, which), width)
    if found.fresh:
        tell(f"note: the weights of {found.name} are fresh; name a run to see a trained network")
    said = {"picture": str(picture), "class": names[best], "probability": round(float(probabilities[best]), 6)}
    if json_:
        print_json({**said, "label": names[which], "loss": float(passed.loss[0]), "file": str(path)})
        return
    words = f"{picture}: {names[best]} ({probabilities[best]:.1%}); loss of {names[which]} {passed.loss[0]:.4f}"
    print(one_line(f"{words}; {path}"))


def _checked(out: Path | None, picture: Path, width: int | None) -> Path:
    """Return the file to write. Raise ValueError or OSError for one that cannot be written, or a wrong width."""
    if out is None:
        raise ValueError(f"--out must name the file to write, which ends in {_any(_ENDINGS)}")
    ending = out.suffix.lower()
    if ending not in _ENDINGS:
        raise ValueError(f"--out must end in {_any(_ENDINGS)}; got {out}")
    if width is not None and not _LEAST <= width <= _MOST:
        raise ValueError(f"--width must be from {_LEAST} to {_MOST}; got {width}")
    if width is not None and ending != ".png":
        raise ValueError(f"--width is for .png: a {ending} has no pixels of its own; got {width}")
    if out.exists() and picture.exists() and out.samefile(picture):
        raise ValueError(f"--out must be another file than the picture; got {out}")
    if not out.parent.is_dir():
        raise NotADirectoryError(f"--out must be in a folder that exists; there is no folder {out.parent}")
    if out.is_dir():
        raise IsADirectoryError(f"--out must be a file; {out} is a folder")
    return out


def _any(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _label(given: str, names: tuple[str, ...]) -> int:
    """Return the class that has this name, else the one with this number."""
    if given in names:
        return names.index(given)
    if given.isdecimal() and int(given) < len(names):
        return int(given)
    some = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    raise ValueError(f"--label must be a class ({some}) or its number, 0 to {len(names) - 1}; got {given!r}")


def _read(path: Path, found: Source) -> Array:
    """Return the picture as the network gets it (1, h, w, c): for a network of digits, the first digit that is found.

    Raises ValueError or OSError if there is no such picture.
    """
    from convlens.cli.predict import has_digits
    from convlens.data.handwriting import read_digits
    from convlens.data.handwriting.inputs import inputs_of_digits, read_whole
    from convlens.inspection.answers import reads_digits

    model, images = found.model, found.images

    def as_input(digits: Any) -> Array:
        return inputs_of_digits(digits, images.size, images.scale, images.light_ink)

    if has_digits(model, images) and (
        found.fresh or reads_digits(lambda digits: model.probabilities(as_input(digits)))
    ):
        digits = read_digits(path)
        if len(digits) > 1:
            tell(f"{path}: there are {len(digits)} digits; this shows the first from the left")
        remarks, x = digits[0].remarks, as_input(digits[0].image[None])
    else:
        image, remarks = read_whole(path, images.size, images.colour, images.scale, images.light_ink)
        x = image[None]
    if remarks:
        tell(f"{path}: {'; '.join(remarks)}")
    return x


def _write(path: Path, figure: Any, width: int | None) -> None:
    from convlens.report.figures import pdf_file, png, svg_file
    from convlens.storage.atomic import atomic_write

    ending = path.suffix.lower()
    content = png(figure, width) if ending == ".png" else {".svg": svg_file, ".pdf": pdf_file}[ending](figure)
    with atomic_write(path) as file:
        file.write(content)
