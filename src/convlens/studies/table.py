"""The studies: claims of Krizhevsky, Sutskever, Hinton 2012, "ImageNet Classification with Deep Convolutional Neural
Networks", tried on digits.

One small network for all of them, with the paper's order of layers: two convolutions, each with ReLU and then pooling,
and two hidden dense layers. 28 x 28 digits leave 7 x 7 x 16 numbers for the dense layers. Training is the paper's: SGD
with momentum 0.9 and weight decay 0.0005. The protocols below were fixed before the first run was looked at, but for
the most epochs of `relu`: there were 15, in which no sigmoid got there either, and which took too long.
"""

from __future__ import annotations

from math import sqrt

from convlens.data.augmentation import RandomCrop
from convlens.nn import Conv2D, Dense, Dropout, Flatten, Layer, LocalResponseNormalization, MaxPooling2D
from convlens.studies.study import Arm, Claim, Protocol, Study

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
    "ReLU against tanh and sigmoid: how soon does a network learn?",
    (
        Arm("ReLU", _network()),
        Arm("tanh", _network("tanh"), start=_LECUN),
        Arm("sigmoid", _network("sigmoid"), start=_LECUN),
    ),
    Protocol(
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
    "As in the paper each network has the learning rate that is fastest for it, here of six, and no regularisation. "
    "Kernels start with variance 2 / fan_in for ReLU, 1 / fan_in for the others, as is usual for each. "
    "A run that does not get there in 8 epochs counts as 8.",
)

POOLING = Study(
    "pooling",
    "Overlapping pooling, 3 x 3, against 2 x 2, both with stride 2",
    (Arm("2 x 2", _network()), Arm("3 x 3", _network(window=3))),
    Protocol(digits=1000, epochs=20),
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
    "Both give outputs of one size, from the same number of weights.",
)

DROPOUT = Study(
    "dropout",
    "Dropout of half the hidden dense units, on few digits",
    (Arm("none", _network()), Arm("dropout", _network(dropout=0.5))),
    Protocol(digits=500, epochs=80, level=0.01),
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
            "a network with dropout is trained in more epochs",
            "epochs",
            "none",
            "dropout",
            "4.2",
            "dropout roughly doubles the number of iterations required to converge",
        ),
    ),
    "Converged is a training error of 1 %, measured without dropout, each arm at its own learning rate.",
)

LRN = Study(
    "lrn",
    "Local response normalisation after both convolutions against none",
    (
        Arm("none", _network()),
        Arm("normalised", _network(norm=LocalResponseNormalization(alpha=1e-4 * 256**2))),
    ),
    Protocol(digits=1000, epochs=20),
    "test_error",
    (
        Claim(
            "response normalisation lowers the test error",
            "test_error",
            "normalised",
            "none",
            "3.3",
            "it lowers the top-1 and top-5 error rates by 1.4 and 1.2 points, and that of a four-layer network on "
            "CIFAR-10 from 13 % to 11 %",
        ),
    ),
    "As in the paper it follows ReLU and comes before pooling; size 5, k 2, beta 0.75. The paper's alpha is 0.0001 for "
    "pixels from 0 to 255. These go from 0 to 1, where it would do nothing but divide by 1.7: alpha is 256 x 256 times "
    "as large, which is the same for a first layer of the same weights.",
)

AUGMENT = Study(
    "augment",
    "Digits shifted at random by up to 2 pixels, on few digits",
    (Arm("as they are", _network()), Arm("shifted", _network(), augment=RandomCrop(28, padding=2))),
    Protocol(digits=500, epochs=80),
    "test_error",
    (
        Claim(
            "random shifts lower the test error",
            "test_error",
            "shifted",
            "as they are",
            "4.1",
            "without it the network suffers from substantial overfitting",
        ),
        Claim(
            "random shifts lower the overfitting",
            "gap",
            "shifted",
            "as they are",
            "4.1",
            "without it the network suffers from substantial overfitting",
        ),
    ),
    "The paper's crops of 224 from 256 pixels, with zeros around the digits. Nothing is mirrored, since a mirrored "
    "digit is another sign or none; the paper's change of colours needs colours.",
)

STUDIES: dict[str, Study] = {study.name: study for study in (RELU, POOLING, DROPOUT, LRN, AUGMENT)}
