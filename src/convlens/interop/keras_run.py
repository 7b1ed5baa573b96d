"""A run that Keras trains, alone or on several hosts: the leading host and the hosts that follow it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

from convlens.data import Digits, load
from convlens.data.sources import holds_pictures
from convlens.interop.frameworks import load_keras
from convlens.interop.hosts import Hosts
from convlens.interop.keras_model import check_layers
from convlens.interop.keras_own_layers import with_own_layers
from convlens.interop.keras_trainer import KerasTrainer
from convlens.nn import Sequential
from convlens.training.checks import check_data, check_training
from convlens.training.events import Event
from convlens.training.loop import run_epochs
from convlens.training.model_file import build
from convlens.training.options import make_augment, make_optimizer
from convlens.training.run import MakeTrainer, Run
from convlens.training.settings import Settings, check_fixed

__all__ = ["begin", "check_network", "follow", "lead"]


def check_network(model: Sequential) -> None:
    """Raise ValueError, which names the layer, unless Keras can train the network."""
    check_layers(model, with_own_layers(load_keras("jax", "training by Keras")))


def begin(hosts: Hosts, settings: Settings, *, pictures: bool) -> bool:
    """Tell the other hosts the settings of the leader; return whether all hosts decode the data together.

    They do if all have a folder of pictures; `pictures` says whether the leader has one.
    """
    hosts.gather({"settings": asdict(settings)})
    return all(hosts.gather(pictures))


def lead(run: Run, digits: Digits, hosts: Hosts | None = None) -> MakeTrainer:
    """Return the function that makes the trainer for `run.train`, after telling the other hosts about the run.

    With hosts, the leader has called `begin` before.
    """
    if hosts is not None:
        told = {"specification": run.specification, "frozen": sorted(run.model.frozen)}
        hosts.gather({**told, "data_sha256": run.data_sha256, "epochs": len(run.epochs)})
        hosts.agree(None)
    augment = make_augment(run.settings.augment, digits)
    return partial(KerasTrainer, hosts=hosts, seed=run.settings.seed, augment=augment)


def follow(hosts: Hosts, given: dict[str, Any]) -> Iterator[Event]:
    """Load the data and train with a leading host, by its run's settings. Return the events of training.

    Raises ValueError on all hosts if a setting `given` on this host differs from the leader's. Only `data` may differ,
    as another location of the same data, and `epochs` is ignored.
    """
    told = hosts.gather(None)[0]
    with hosts.agreeing():
        settings = Settings(**told["settings"])
        check_fixed(settings, given, "the leader's")
        data = given.get("data", settings.data)
        pictures = holds_pictures(data)
    together = all(hosts.gather(pictures))
    with hosts.agreeing():
        digits = load(
            data,
            size=settings.size,
            skip_broken=settings.skip_broken,
            transposed=settings.transposed,
            seed=settings.seed,
            hosts=lambda: hosts if together else None,
        )
    told = hosts.gather(None)[0]
    complaint = None
    if digits.fingerprint != told["data_sha256"]:
        complaint = (
            f"the data must be the leader's, sha256 {told['data_sha256'][:12]}…; "
            f"{digits.source} has {digits.fingerprint[:12]}…"
        )
    hosts.agree(complaint)
    model = build(told["specification"], settings.engine)
    model.frozen = frozenset(told["frozen"])
    train, valid, augment = digits.images("train"), digits.images("valid"), make_augment(settings.augment, digits)
    check_training(model, train, digits.y_train, augment)
    check_data(model, "validation", valid, digits.y_valid)
    optimizer = make_optimizer(
        settings.optimizer,
        settings.rate,
        settings.weight_decay,
        settings.momentum,
        schedule=settings.schedule,
        steps=settings.epochs * -(-len(train) // settings.batch_size),
    )
    return run_epochs(
        KerasTrainer(model, optimizer, hosts, seed=settings.seed, augment=augment),
        model,
        train,
        digits.y_train,
        validation=(valid, digits.y_valid),
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        seed=settings.seed,
        first_epoch=told["epochs"] + 1,
    )
