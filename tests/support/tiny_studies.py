"""A study that takes one second: a tiny network with and without dropout, on few digits."""

from convlens.nn import Conv2D, Dense, Dropout, Flatten
from convlens.studies import Arm, Claim, Recipe, Study

BEFORE = (Conv2D(2, 5, strides=4, activation="relu"), Flatten(), Dense(16, activation="relu"))
ARMS = (Arm("none", (*BEFORE, Dense(10))), Arm("dropout", (*BEFORE, Dropout(0.5), Dense(10)), start=0.9))
RECIPE = {"digits": 60, "epochs": 2, "batch_size": 16, "rates": (0.02, 0.05), "pilots": 1, "level": 0.8, "every": 1}
CLAIMS = (
    Claim("dropout lowers the test error", "test_error", "dropout", "none", "4.2", "dropout helps"),
    Claim("dropout takes more epochs", "epochs", "none", "dropout", "4.2", "twice as many"),
)


def study(**recipe):
    """The tiny study: 2 arms, 2 rates, 1 pilot. It takes 4 runs, and 2 more for each seed."""
    return Study(
        "dropout", "Tiny dropout", ARMS, Recipe(**{**RECIPE, **recipe}), "test_error", CLAIMS, "Not the paper's."
    )
