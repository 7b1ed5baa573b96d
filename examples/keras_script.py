"""A script of a Keras user with one line changed: the import.

    python examples/keras_script.py mnist.npz [EPOCHS] [TRAINING IMAGES]

mnist.npz is the file that keras.datasets.mnist.load_data() keeps in ~/.keras/datasets.
"""

import sys

import numpy as np

import convlens as keras  # before: import keras

layers = keras.layers

# Data
epochs = int(sys.argv[2]) if len(sys.argv) > 2 else 5
most = int(sys.argv[3]) if len(sys.argv) > 3 else None
with np.load(sys.argv[1]) as data:
    x_train, y_train = data["x_train"][:most], data["y_train"][:most]
    x_test, y_test = data["x_test"], data["y_test"]
x_train = np.expand_dims(x_train.astype("float32") / 255, -1)
x_test = np.expand_dims(x_test.astype("float32") / 255, -1)

# Model
model = keras.Sequential(
    [
        keras.Input(shape=(28, 28, 1)),
        layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Conv2D(64, kernel_size=(3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ]
)
model.summary()
model.compile(
    loss="sparse_categorical_crossentropy",
    optimizer=keras.optimizers.Adam(learning_rate=0.002),
    metrics=["accuracy"],
)

# Training
callbacks = [
    keras.callbacks.EarlyStopping(monitor="val_loss", patience=3, restore_best_weights=True),
    keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=1),
]
history = model.fit(
    x_train, y_train, batch_size=64, epochs=epochs, validation_split=0.1, callbacks=callbacks, verbose=2
)
print("epochs:", len(history.history["val_accuracy"]))

# Evaluation
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"test loss: {loss:.4f}")
print(f"test accuracy: {accuracy:.4f}")
predicted = np.argmax(model.predict(x_test[:5], verbose=0), axis=-1)
print("predicted:", predicted, "true:", y_test[:5])
