"""Training: the loop over epochs and batches, its events, the trainers that compute the steps, and runs as folders."""

from convlens.training.callbacks.early_stopping import EarlyStopping
from convlens.training.events import Batch, Epoch, History, Scores
from convlens.training.loop import evaluate, fit, train
from convlens.training.model_file import load_model, save_model
from convlens.training.run import Run
from convlens.training.settings import Settings
from convlens.training.trainer import Trainer

__all__ = [
    "Batch",
    "EarlyStopping",
    "Epoch",
    "History",
    "Run",
    "Scores",
    "Settings",
    "Trainer",
    "evaluate",
    "fit",
    "load_model",
    "save_model",
    "train",
]
