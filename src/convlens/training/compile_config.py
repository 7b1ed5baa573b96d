"""What `compile` chose, as plain JSON data in Keras's serialized form, so that a file holds it with the network.

{"optimizer": {"class_name": "Adam", "config": {"learning_rate": 0.001, …}, …},
 "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"], "weighted_metrics": null}
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from convlens.nn import Sequential
from convlens.nn.function_losses import FUNCTIONS, FunctionLoss, known
from convlens.nn.loss_names import LOSSES
from convlens.nn.losses import TrainingLoss
from convlens.nn.metric_names import METRICS
from convlens.nn.metrics import FunctionMetric, Metric
from convlens.nn.optimizers import OPTIMIZERS, FlatOptimizer
from convlens.nn.threshold_metrics import MORE

__all__ = ["apply_config", "compile_config"]

_NOT_OURS = {"axis", "dtype", "ignore_class", "multi_label", "num_labels", "label_weights", "summation_method"}


def compile_config(model: Sequential) -> dict[str, Any] | None:
    """Return what `compile` chose; None for a model that is not compiled, or has a loss or metric of the user's own."""
    chosen = model.compiled
    if chosen is None:
        return None
    try:
        metrics = {name: _metric_to(metric) for name, metric in chosen.metrics.items()}
        return {
            "optimizer": _optimizer_to(chosen.optimizer),
            "loss": _loss_to(chosen.loss),
            "loss_weights": None,
            "metrics": [found for name, found in metrics.items() if name not in chosen.weighted] or None,
            "weighted_metrics": [found for name, found in metrics.items() if name in chosen.weighted] or None,
            "run_eagerly": False,
            "steps_per_execution": 1,
            "jit_compile": False,
        }
    except _OwnError:
        return None


class _OwnError(ValueError):
    """A part that only the user's code has"""


def _form(room: str, kind: str, config: Mapping[str, Any]) -> dict[str, Any]:
    return {"module": f"keras.{room}", "class_name": kind, "config": dict(config), "registered_name": None}


def _optimizer_to(optimizer: Any) -> dict[str, Any]:
    if type(optimizer) not in OPTIMIZERS.values():
        raise _OwnError
    config = optimizer.get_config()
    rate = config["learning_rate"]
    if isinstance(rate, Mapping) and rate["config"] is None:
        raise _OwnError
    if not config.get("coupled_weight_decay", True):
        del config["coupled_weight_decay"]
    return _form("optimizers", type(optimizer).__name__, config)


def _loss_to(loss: Any) -> Any:
    if loss is None:
        return None
    if isinstance(loss, FunctionLoss):
        name = getattr(loss.function, "__name__", "")
        if FUNCTIONS.get(name) is not loss.function:
            raise _OwnError
        return name
    if type(loss) not in LOSSES.values():
        raise _OwnError
    words = ("name", "reduction", "from_logits", "label_smoothing")
    config = {word: getattr(loss, word) for word in words if hasattr(loss, word)}
    if type(loss).__name__ == "MeanSquaredError":
        del config["from_logits"]
    return _form("losses", type(loss).__name__, config)


def _metric_to(metric: Metric) -> Any:
    if isinstance(metric, FunctionMetric):
        if metric.function is not known(metric.name):
            raise _OwnError
        return metric.name
    if type(metric).__name__ == "Accuracy" and metric.name in ("accuracy", "acc"):
        return metric.name
    if type(metric) not in (*METRICS.values(), *MORE.values()) and type(metric).__name__ != "F1Score":
        raise _OwnError
    return _form("metrics", type(metric).__name__, metric.get_config())


def apply_config(model: Sequential, config: Mapping[str, Any]) -> None:
    """Compile the model as `config` says. Raises ValueError or TypeError for a part that convlens does not have."""
    model.compile(
        optimizer=_optimizer_from(config.get("optimizer")),
        loss=_loss_from(config.get("loss")),
        metrics=_metrics_from(config.get("metrics")),
        weighted_metrics=_metrics_from(config.get("weighted_metrics")),
    )


def _parts(found: Any, what: str) -> tuple[str, dict[str, Any]]:
    """Return the class and the arguments of a serialized object."""
    if not isinstance(found, Mapping) or not isinstance(found.get("config"), Mapping):
        raise ValueError(f"{what} must be a name or have a class_name and a config; got {found!r}")
    config = {name: value for name, value in found["config"].items() if name not in _NOT_OURS}
    return str(found.get("class_name")), config


def _optimizer_from(found: Any) -> FlatOptimizer | str:
    if isinstance(found, str):
        return found
    name, config = _parts(found, "the optimizer")
    if name.lower() not in OPTIMIZERS:
        raise ValueError(f"the optimizer must be one of {', '.join(OPTIMIZERS)}; got {name!r}")
    config = {key: value for key, value in config.items() if key != "is_legacy_optimizer"}
    return OPTIMIZERS[name.lower()].from_config(config)


def _function(found: Any) -> Any:
    """Return the name of a serialized function; else what was given."""
    if isinstance(found, Mapping) and isinstance(found.get("config"), str):
        return found["config"]
    return found


def _loss_from(found: Any) -> Any:
    found = _function(found)
    if found is None or isinstance(found, str):
        return found
    name, config = _parts(found, "the loss")
    if name in LOSSES:
        made: TrainingLoss = LOSSES[name](**config)
        return made
    if known(name) is None:
        raise ValueError(f"the loss must be one of convlens.losses; got {name!r}")
    return name


def _metrics_from(found: Any) -> list[Any] | None:
    if found is None:
        return None
    if not isinstance(found, list):
        raise ValueError(f"metrics must be a list; got {found!r}")
    if len(found) == 1 and isinstance(found[0], list):
        found = found[0]
    return [_metric_from(_function(each)) for each in found]


def _metric_from(found: Any) -> Any:
    if isinstance(found, str):
        return found
    name, config = _parts(found, "a metric")
    from convlens.nn.threshold_metrics import F1Score

    kind = METRICS.get(name) or MORE.get(name) or (F1Score if name == "F1Score" else None)
    if kind is None:
        raise ValueError(f"a metric must be one of convlens.metrics; got {name!r}")
    if isinstance(steps := config.get("thresholds"), list):
        if name == "AUC":
            config = {key: value for key, value in config.items() if key != "thresholds"}
        else:
            config["thresholds"] = steps[0] if len(steps) == 1 else steps
    if any(isinstance(value, float) and math.isnan(value) for value in config.values()):
        raise ValueError(f"a metric must have finite numbers; got {config}")
    return kind(**config)
