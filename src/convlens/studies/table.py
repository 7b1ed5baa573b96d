"""The studies. They test claims of Krizhevsky, Sutskever, Hinton 2012, "ImageNet Classification with Deep Convolutional
Neural Networks", on digits.

All studies use one small network with the layers in the order of the paper: two convolutions, each followed by ReLU and
pooling, and two hidden dense layers. The dense layers get 7 x 7 x 16 numbers of a 28 x 28 digit. Training follows the
paper: SGD with momentum 0.9 and weight decay 0.0005. All recipes were fixed before the first result was seen, with
one exception: `relu` first had at most 15 epochs. No sigmoid run reached the level in 15 epochs, and these runs took
too long.
"""

from __future__ import annotations

from math import sqrt

from convlens.data.augmentation import RandomCrop
from convlens.nn import Conv2D, Dense, Dropout, Flatten, Layer, LocalResponseNormalization, MaxPooling2D
from convlens.studies.study import Arm, Claim, Recipe, Study

__all__ = ["STUDIES"]


def _network(
    activation: str = "relu", window: int = 2, norm: Layer | None = None, dropout: float = 0.0
) -> tuple[Layer, ...]:
    layers: list[Layer] = []
    for filters in (8, 16):
        layers.append(Conv2D(filters, 5, padding="same", activation=activation))
        layers += [norm] if norm else []
        layers.append(MaxPooling2D(window, strides=2, padding="same"))
    layers.append(Flatten())
    for _ in range(2):
        layers.append(Dense(128, activation=activation))
        layers += [Dropout(dropout)] if dropout else []
    return (*layers, Dense(10))


_LECUN = sqrt(1 / 2)  # kernels start with variance 1 / fan_in: LeCun et al. 1998, "Efficient BackProp", section 4.6


def _faster(other: str, name: str) -> Claim:
    return Claim(
        f"a network with ReLU is trained in fewer epochs than one with {name}",
        "epochs",
        "ReLU",
        other,
        "3.1, figure 1",
        "ReLUs reach a 25 % training error on CIFAR-10 six times faster than tanh; "
        "networks with saturating neurons take longer",
    )


RELU = Study(
    "relu",
    "ReLU against tanh and sigmoid: how fast does a network learn?",
    (
        Arm("ReLU", _network()),
        Arm("tanh", _network("tanh"), start=_LECUN),
        Arm("sigmoid", _network("sigmoid"), start=_LECUN),
    ),
    Recipe(
        digits=4000,
        epochs=8,
        batch_size=128,
        rates=(0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
        weight_decay=0.0,
        level=0.05,
        every=4,
        stops=True,
    ),
    "epochs",
    (_faster("tanh", "tanh"), _faster("sigmoid", "sigmoid")),
    "As in the paper, each network has its fastest learning rate (here the best of six) and no regularisation. "
    "Kernels start with variance 2 / fan_in for ReLU and 1 / fan_in for the others, the usual choice for each. "
    "A run that does not reach the level in 8 epochs counts as 8.",
)

POOLING = Study(
    "pooling",
    "Overlapping pooling, 3 x 3, against 2 x 2, both with stride 2",
    (Arm("2 x 2", _network()), Arm("3 x 3", _network(window=3))),
    Recipe(digits=1000, epochs=20),
    "test_error",
    (
        Claim(
            "overlapping windows lower the test error",
            "test_error",
            "3 x 3",
            "2 x 2",
            "3.4",
            "overlapping windows lower the top-1 and top-5 error rates by 0.4 and 0.3 points",
        ),
        Claim(
            "overlapping windows lower the overfitting",
            "gap",
            "3 x 3",
            "2 x 2",
            "3.4",
            "models with overlapping pooling are slightly more difficult to overfit",
        ),
    ),
    "Both arms have the same output sizes and the same number of weights.",
)

DROPOUT = Study(
    "dropout",
    "Dropout of half of the hidden dense units, with few training digits",
    (Arm("none", _network()), Arm("dropout", _network(dropout=0.5))),
    Recipe(digits=500, epochs=80, level=0.01),
    "test_error",
    (
        Claim(
            "dropout lowers the test error",
            "test_error",
            "dropout",
            "none",
            "4.2",
            "without dropout the network exhibits substantial overfitting",
        ),
        Claim(
            "dropout lowers the overfitting",
            "gap",
            "dropout",
            "none",
            "4.2",
            "without dropout the network exhibits substantial overfitting",
        ),
        Claim(
            "training with dropout takes more epochs",
            "epochs",
            "none",
            "dropout",
            "4.2",
            "dropout roughly doubles the number of iterations required to converge",
        ),
    ),
    "A run has converged if its training error, measured without dropout, is 1 %. Each arm has its own learning rate.",
)

LRN = Study(
    "lrn",
    "Local response normalisation after both convolutions, against no normalisation",
    (
        Arm("none", _network()),
        Arm("normalised", _network(norm=LocalResponseNormalization(alpha=1e-4 * 256**2))),
    ),
    Recipe(digits=1000, epochs=20),
    "test_error",
    (
        Claim(
            "response normalisation lowers the test error",
            "test_error",
            "normalised",
            "none",
            "3.3",
            "response normalisation lowers the top-1 and top-5 error rates by 1.4 and 1.2 points, and the error rate "
            "of a four-layer network on CIFAR-10 from 13 % to 11 %",
        ),
    ),
    "As in the paper, normalisation comes after ReLU and before pooling, with size 5, k 2, beta 0.75. The paper's "
    "alpha, 0.0001, is for pixels from 0 to 255. Here pixels are from 0 to 1, and with that alpha a layer would hardly "
    "do more than divide by 1.7. So alpha is 256 x 256 times as large. With equal weights in the first layer this has "
    "the same effect.",
)

AUGMENT = Study(
    "augment",
    "Digits shifted at random by up to 2 pixels, with few training digits",
    (Arm("as they are", _network()), Arm("shifted", _network(), augment=RandomCrop(28, padding=2))),
    Recipe(digits=500, epochs=80),
    "test_error",
    (
        Claim(
            "random shifts lower the test error",
            "test_error",
            "shifted",
            "as they are",
            "4.1",
            "without crops and mirror images the network suffers from substantial overfitting",
        ),
        Claim(
            "random shifts lower the overfitting",
            "gap",
            "shifted",
            "as they are",
            "4.1",
            "without crops and mirror images the network suffers from substantial overfitting",
        ),
    ),
    "Shifts take the place of the paper's crops of 224 from 256 pixels; zeros are added around the digits. Digits are "
    "not mirrored, because a mirrored digit is another sign or none. The paper's colour shift needs colour images.",
)

STUDIES: dict[str, Study] = {study.name: study for study in (RELU, POOLING, DROPOUT, LRN, AUGMENT)}
