#!/bin/sh
# Own pictures from the command line: a folder of pictures becomes a trained network that names new pictures.
#
#     sh examples/own_pictures.sh [FOLDER] [PICTURES OF EACH CLASS] [EPOCHS]
#
# A data set is a folder with a folder of pictures for each class. The name of a folder is the name of its class. Here
# the pictures are handwritten digits that come with convlens; put your own in their place.
set -eu

folder=${1:-own_pictures}
pictures=${2:-300}
epochs=${3:-3}
mkdir -p "$folder"
cd "$folder"

python3 - "$pictures" <<'PYTHON'
import sys
from pathlib import Path

import convlens
from PIL import Image

digits = convlens.load("embedded")
names = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
for label, name in enumerate(names):
    place = Path("pictures", name)
    place.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(digits.pixels_train[digits.y_train == label][: int(sys.argv[1])]):
        Image.fromarray(picture[:, :, 0]).save(place / f"{number:03}.png")
    new = digits.pixels_valid[digits.y_valid == label][0]  # a picture that the training does not see
    Image.fromarray(new[:, :, 0]).save(f"new-{name}.png")
PYTHON

# A part of each class is kept back to validate. The folder of the run then holds weights, history and a report.
convlens train --model convnet --data pictures --size 28x28 --epochs "$epochs" --out run

# Loss, accuracy, each class, and which classes the network takes for each other.
convlens evaluate --run run

# New pictures get the name of a class.
convlens predict --run run new-seven.png new-two.png
