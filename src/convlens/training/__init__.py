"""Training: one loop over epochs and batches, the events that it yields, and a run as a folder."""

from convlens.training.loop import Batch, EarlyStopping, Epoch, History, Scores, evaluate, fit, train
from convlens.training.run import Run, Settings, load_model, save_model

__all__ = [
    "Batch",
    "EarlyStopping",
    "Epoch",
    "History",
    "Run",
    "Scores",
    "Settings",
    "evaluate",
    "fit",
    "load_model",
    "save_model",
    "train",
]
