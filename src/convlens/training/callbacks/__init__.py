"""Callbacks: objects whose methods are called while a model trains. The names, arguments and results are Keras's."""

from convlens.training.callbacks.callback import Callback
from convlens.training.callbacks.callback_list import CallbackList, InTraining, follow, logs_of
from convlens.training.callbacks.csv_logger import CSVLogger
from convlens.training.callbacks.early_stopping import EarlyStopping, best_epoch
from convlens.training.callbacks.history import History
from convlens.training.callbacks.learning_rates import LearningRateScheduler, ReduceLROnPlateau
from convlens.training.callbacks.model_checkpoint import ModelCheckpoint
from convlens.training.callbacks.progress import ProgbarLogger
from convlens.training.callbacks.small import LambdaCallback, TerminateOnNaN

__all__ = [
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "InTraining",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
    "best_epoch",
    "follow",
    "logs_of",
]
