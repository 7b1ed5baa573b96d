"""Callbacks by their names in Keras: `convlens.callbacks.ModelCheckpoint`."""

from convlens.nn.absent import names_of
from convlens.training.callbacks import (
    Callback,
    CallbackList,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ProgbarLogger,
    ReduceLROnPlateau,
    TerminateOnNaN,
)

__all__ = [
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
]

__getattr__ = names_of(
    __name__,
    {
        "TensorBoard": "CSVLogger writes the figures of each epoch, and `convlens train` writes a report with curves",
        "BackupAndRestore": "`convlens train` writes a checkpoint after each epoch and resumes from it; convlens.Run "
        "does the same from Python",
        "RemoteMonitor": "LambdaCallback(on_epoch_end=...) can send the figures",
        "SwapEMAWeights": "EarlyStopping(restore_best_weights=True) keeps the best weights",
        "OrbaxCheckpoint": "ModelCheckpoint saves the model",
        "MonitorCallback": "Callback is the base class",
    },
)
