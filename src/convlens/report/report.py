"""Write the report of a run: one HTML file that needs no other file.

Its pictures and its confusion matrix use the weights that were kept and the validation part. The test part is not used.
"""

from __future__ import annotations

import shlex
from dataclasses import asdict, fields
from html import escape
from pathlib import Path

from convlens.data import Digits
from convlens.inspection.trace import trace
from convlens.nn import Layer, Sequential
from convlens.report import figures
from convlens.report.page import count, document, loss, percent, section, shape, table
from convlens.report.pictures import confusion, layer_by_layer, mistakes, neighbours, worst_first
from convlens.storage.atomic import atomic_write
from convlens.training.run import REPORT, Run

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
    probabilities = model.probabilities(digits.x_valid)
    worst = worst_first(model, digits, probabilities)
    title = f"{model.name} on {_data(run)}"
    shown = run.epochs[_kept(run) - 1]
    parts = (
        f"<header><h1>{escape(title)}</h1>\n{_headline(run, model)}</header>",
        section("Training", _curves(run)),
        section("Confusion matrix", confusion(digits, probabilities)),
        section("Worst mistakes", mistakes(digits, probabilities, worst)),
        section("Images that look alike to the network", neighbours(model, digits, probabilities, worst.places)),
        section(
            "One image through the network",
            layer_by_layer(trace(model, digits.x_valid[:1], digits.y_valid[:1]), int(digits.y_valid[0])),
        ),
        section("Layers", _layers(model)),
        section("Settings", _settings(run, digits)),
        section("Epochs", _epochs(run)),
    )
    return document(f"{title}: {percent(shown.val_accuracy)} · convlens", "\n".join(parts))


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
    return table(head, rows, ("all", "", "", "", "", f"{model.count_params():,}"))


def _options(layer: Layer) -> str:
    given = {field.name: getattr(layer, field.name) for field in fields(layer)}
    said = {name: value for name, value in given.items() if value is not None and (name, value) != ("groups", 1)}
    return ", ".join(f"{name} {_option(value)}" for name, value in said.items())


def _option(value: object) -> str:
    return shape(value) if isinstance(value, tuple) and all(isinstance(part, int) for part in value) else str(value)


def _settings(run: Run, digits: Digits) -> str:
    settings = asdict(run.settings)
    images = (f"{len(y):,} to {what}" for what, y in (("train", digits.y_train), ("validate", digits.y_valid)))
    about = {"images": ", ".join(images), "sha256 of the data": run.data_sha256}
    rows = [(name.replace("_", " "), "none" if value is None else value) for name, value in settings.items()]
    options = [f"--{name.replace('_', '-')} {shlex.quote(str(v))}" for name, v in settings.items() if v is not None]
    state = run.finished or f"{len(run.epochs)} of {run.settings.epochs} epochs so far"
    return (
        table(("setting", "value"), [*rows, *about.items(), ("state", state)])
        + "\n<p>This command trains the model again. On the same machine it gives the same bits:</p>\n"
        + f"<pre>convlens train {escape(' '.join(options))}</pre>"
    )


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
