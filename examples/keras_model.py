"""A Keras model is taken over, trained on, and exported. Keras is needed only to make the file model.keras.

    python examples/keras_model.py model.keras FOLDER_FOR_THE_RESULT

model.keras: a Sequential for images of 28 x 28 x 1 and ten digits, saved by model.save("model.keras") in Keras.
"""

import sys
from pathlib import Path

import convlens

model = convlens.models.load_model(sys.argv[1])
model.summary()

# The pixels of the embedded digits are from 0 to below 1.
digits = convlens.load("embedded")
some = slice(0, 1500)
model.compile(
    optimizer=convlens.Adam(learning_rate=0.001), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
)
_, before = model.evaluate(digits.x_valid, digits.y_valid, verbose=0)
model.fit(digits.x_train[some], digits.y_train[some], epochs=1, validation_data=(digits.x_valid, digits.y_valid))
_, after = model.evaluate(digits.x_valid, digits.y_valid, verbose=0)
print(f"validation accuracy before: {before:.4f}  after: {after:.4f}")

# Keras and onnxruntime read these files without convlens.
folder = Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
for name in ("trained.keras", "trained.onnx", "trained.safetensors"):
    model.save(folder / name)
    print(folder / name)
