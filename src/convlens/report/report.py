"""Write the report of a run: one HTML file that needs no other file.

Its pictures and its confusion matrix use the weights that were kept and the validation part. The test part is not used.
"""

from __future__ import annotations

import shlex
from dataclasses import asdict, fields
from html import escape
from pathlib import Path

from convlens.arrays import Array
from convlens.data import Digits
from convlens.inspection.confusion import confusion_matrix
from convlens.inspection.trace import trace
from convlens.nn import Layer, Sequential
from convlens.report import figures
from convlens.report.confusion import confusion
from convlens.report.data import data
from convlens.report.explorer_link import explorer_link
from convlens.report.layers import layer_by_layer, least_certain
from convlens.report.page import count, document, loss, percent, section, shape, table
from convlens.report.pictures import mistakes, neighbours, predictions, worst_first
from convlens.report.shown import Shown
from convlens.storage.atomic import atomic_write
from convlens.training.run import EXPLORER, REPORT, Run

__all__ = ["write_report"]


def write_report(run: Run, digits: Digits) -> Path:
    """Write `report.html` into the run's folder, whole or not at all, and return its path.

    Raises ValueError if no epoch has ended or if `digits` are not the data of the run. Raises ImportError if matplotlib
    is not installed.
    """
    if not run.epochs:
        raise ValueError(f"a report needs at least one epoch of training; {run.folder} has none yet")
    if digits.fingerprint != run.data_sha256:
        raise ValueError(
            f"a report needs the data of its run, sha256 {run.data_sha256[:12]}…; "
            f"{digits.source} has {digits.fingerprint[:12]}…"
        )
    page = _page(run, digits)
    path = run.folder / REPORT
    with atomic_write(path) as file:
        file.write(page.encode())
    return path


def _page(run: Run, digits: Digits) -> str:
    model = run.trained
    shown = Shown(digits, model.output_shape[0])
    probabilities = predictions(model, shown)
    found = probabilities.argmax(axis=1)
    classes = max(digits.classes, int(found.max()) + 1)
    worst = worst_first(model, shown, probabilities)
    title = f"{model.name} on {_data(run)}"
    kept = run.epochs[_kept(run) - 1]
    place = least_certain(probabilities, digits.y_valid)
    one, label = shown.images("valid")[place : place + 1], digits.y_valid[place : place + 1]
    parts = (
        f"<header><h1>{escape(title)}</h1>\n{_headline(run, model)}</header>",
        section("Training", _curves(run)),
        section(
            "Confusion matrix",
            confusion(shown, confusion_matrix(digits.y_valid, found, classes)),
        ),
        section("Worst mistakes", mistakes(shown, probabilities, worst)),
        section("Images that look alike to the network", neighbours(model, shown, probabilities, worst.places)),
        section(
            "One image through the network",
            _link(run, model, one[0], int(label[0]))
            + layer_by_layer(shown, trace(model, one, label), place, int(label[0])),
        ),
        section("Layers", _layers(model)),
        section("Data", data(shown)),
        section("Settings", _settings(run, digits)),
        section("Epochs", _epochs(run)),
    )
    return document(f"{title}: {percent(kept.val_accuracy)} · convlens", "\n".join(parts))


def _link(run: Run, model: Sequential, image: Array, label: int) -> str:
    """Return a link to the picture in the explorer's page, if that page lies beside the report."""
    return explorer_link(EXPLORER, model.name, image, label) if (run.folder / EXPLORER).is_file() else ""


def _kept(run: Run) -> int:
    """Return the number of the epoch whose weights are in model.safetensors."""
    return (run.best if run.settings.early_stopping else 0) or len(run.epochs)


def _data(run: Run) -> str:
    """Return the name of the data, or the last part of its path. The settings show the whole path."""
    return Path(run.settings.data).name or run.settings.data


def _headline(run: Run, model: Sequential) -> str:
    kept, epochs = run.epochs[_kept(run) - 1], run.epochs
    seconds = sum(epoch.seconds for epoch in epochs)
    images = sum(epoch.seconds * epoch.images_per_second for epoch in epochs)
    cards = {
        "validation accuracy": percent(kept.val_accuracy),
        "validation loss": loss(kept.val_loss),
        "epochs": str(len(epochs)) + (f" (kept: {kept.epoch})" if kept is not epochs[-1] else ""),
        "seconds of training": f"{seconds:,.2f}",
        "images a second": f"{images / seconds:,.0f}",
        "parameters": f"{model.count_params():,}",
        "engine": model.engine.name,
        "data": _data(run),
        "seed": str(run.settings.seed),
    }
    cells = "\n".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in cards.items())
    return f'<dl class="figures">\n{cells}\n</dl>'


def _curves(run: Run) -> str:
    kept, epochs = _kept(run), run.epochs
    numbers = [epoch.epoch for epoch in epochs]
    losses = figures.curves("Loss", numbers, [e.loss for e in epochs], [e.val_loss for e in epochs], chosen=kept)
    accuracies = figures.curves(
        "Accuracy", numbers, [e.accuracy for e in epochs], [e.val_accuracy for e in epochs], chosen=kept, percent=True
    )
    last, over = epochs[-1], f"over {count(len(epochs), 'epoch')}"
    words = (
        f"Loss {over}; in the last epoch, training {loss(last.loss)}, validation {loss(last.val_loss)}",
        f"Accuracy {over}; in the last epoch, training {percent(last.accuracy)}, "
        f"validation {percent(last.val_accuracy)}",
    )
    drawn = f"{figures.svg(losses, 'loss', words[0])}\n{figures.svg(accuracies, 'accuracy', words[1])}"
    return (
        f'<div class="curves">\n{drawn}\n</div>\n<p>The dotted line marks the epoch whose weights were kept: {kept}. '
        "Training figures are means over an epoch, during which the weights change. Validation figures are measured at "
        "the end of the epoch.</p>"
    )


def _layers(model: Sequential) -> str:
    rows = [
        (
            row.name,
            type(row.layer).__name__,
            _options(row.layer),
            shape(row.input_shape),
            shape(row.output_shape),
            f"{row.parameters:,}",
        )
        for row in model.table
    ]
    head = ("layer", "kind", "settings", "input", "output", "parameters")
    whole = table(head, rows, ("all", "", "", "", "", f"{model.count_params():,}"))
    end = f"\n<p>The network ends in a {model.end}, which training computes as part of the loss.</p>"
    return whole + (end if model.end else "")


def _options(layer: Layer) -> str:
    given = {field.name: (getattr(layer, field.name), field.default) for field in fields(layer)}
    said = {
        name: value
        for name, (value, default) in given.items()
        if name != "name" and value is not None and value not in _USUAL.get(name, ())
        if not (isinstance(default, bool) and value == default)
    }
    return ", ".join(f"{name} {_option(value)}" for name, value in said.items())


# Values of fields that are not told. Neither are switches that are as usual.
_USUAL: dict[str, tuple[object, ...]] = {
    "groups": (1,),
    "dilation_rate": (1, (1, 1)),
    "depth_multiplier": (1,),
    "shortcut": ((),),
    "negative_slope": (0,),
    "threshold": (0,),
}


def _option(value: object) -> str:
    if isinstance(value, tuple) and value and all(isinstance(part, int) for part in value):
        return shape(value)
    if isinstance(value, Layer):
        return f"{type(value).__name__}({_options(value)})"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_option, value))}]"
    return str(value)


def _settings(run: Run, digits: Digits) -> str:
    settings = asdict(run.settings)
    images = (f"{len(y):,} to {what}" for what, y in (("train", digits.y_train), ("validate", digits.y_valid)))
    about = {"images": ", ".join(images), "sha256 of the data": run.data_sha256}
    rows = [(name.replace("_", " "), _setting(name, value)) for name, value in settings.items()]
    options = [_command(name, value) for name, value in settings.items()]
    state = run.finished or f"{len(run.epochs)} of {run.settings.epochs} epochs so far"
    return (
        table(("setting", "value"), [*rows, *about.items(), ("state", state)])
        + "\n<p>This command trains the model again. On the same machine it gives the same bits:</p>\n"
        + f"<pre>convlens train {escape(' '.join(option for option in options if option))}</pre>"
    )


def _setting(name: str, value: object) -> str:
    if value is None or value in ((), [], ""):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _text(name, value)


def _command(name: str, value: object) -> str:
    """Return an option of the command line with its value; nothing for a setting that is off."""
    option = f"--{name.replace('_', '-')}"
    if name == "transposed" and value is False:
        return "--no-transposed"
    if value is None or value is False or value in ((), [], ""):
        return ""
    return option if value is True else f"{option} {shlex.quote(_text(name, value))}"


def _text(name: str, value: object) -> str:
    if name == "size" and isinstance(value, tuple | list):
        return "x".join(map(str, reversed(value)))  # the command line has width x height
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _epochs(run: Run) -> str:
    rows = [
        (
            epoch.epoch,
            loss(epoch.loss),
            percent(epoch.accuracy),
            loss(epoch.val_loss),
            percent(epoch.val_accuracy),
            f"{epoch.seconds:,.2f}",
            f"{epoch.images_per_second:,.0f}",
        )
        for epoch in run.epochs
    ]
    head = ("epoch", "loss", "accuracy", "validation loss", "validation accuracy", "seconds", "images a second")
    return table(head, rows)
