# ruff: noqa: E501 - a line that is typed is one line here
"""A second list of what Keras users type, a few lines each: after the guides on Sequential, training, callbacks and saving,
and the examples for MNIST and CIFAR, in own words. It was chosen before convlens was looked at.

Each entry of LINES is a text and an expression, which must be equal in convlens and in Keras. SAYS: convlens does not have
it, and the error says what to write.
"""

from tests.support.keras_guides_models import MODELS
from tests.support.keras_guides_training import TRAINING

PRELUDE = """
import os
import numpy as np
layers, models, callbacks = keras.layers, keras.models, keras.callbacks
rng = np.random.default_rng(1)
y_train = rng.integers(0, 3, 64)
x_train = (rng.random((64, 12, 10, 1)) + y_train[:, None, None, None] / 3).astype("float32")
features = rng.normal(2, 3, (64, 6)).astype("float32")
target, flag = (features[:, :1] * 0.5 + 1).astype("float32"), (features[:, 0] > 2).astype("float32")
x_test, y_test, num_classes, input_shape = x_train[:16] * 0.9, y_train[:16], 3, (12, 10, 1)

def fill(model):
    rng = np.random.default_rng(5)
    model.set_weights([rng.normal(0, 0.2, w.shape).astype("float32") for w in model.get_weights()])
    return model

def get_model():
    model = keras.Sequential([keras.Input((12, 10, 1)), layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(3, activation="softmax")])
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model

model = fill(get_model())
"""

LINES: dict[str, tuple[str, str]] = MODELS | TRAINING

SAYS: dict[str, tuple[str, str]] = {
    "functional two outputs": (
        """
inputs = keras.Input(shape=(6,)); h = layers.Dense(8, activation="relu")(inputs)
model = keras.Model(inputs, [layers.Dense(1, name="price")(h), layers.Dense(3, activation="softmax", name="kind")(h)])
model.compile("adam", loss=["mse", "sparse_categorical_crossentropy"], loss_weights=[1.0, 0.5])
model.fit(features, [target, y_train], epochs=1, verbose=0)
""",
        "two outputs are two networks",
    ),
    "TensorBoard": (
        """
model.fit(x_train, y_train, epochs=1, callbacks=[keras.callbacks.TensorBoard(log_dir="./logs")], verbose=0)
""",
        "CSVLogger writes the figures of each epoch",
    ),
}
