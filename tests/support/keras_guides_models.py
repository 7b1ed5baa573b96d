# ruff: noqa: E501 - a line that is typed is one line here
"""The part of `keras_guides` about layers and models."""

MODELS: dict[str, tuple[str, str]] = {
    "mnist convnet": (
        """
model = keras.Sequential([keras.Input(shape=input_shape), layers.Conv2D(32, kernel_size=(3, 3), activation="relu"), layers.MaxPooling2D(pool_size=(2, 2)), layers.Flatten(), layers.Dropout(0.5), layers.Dense(num_classes, activation="softmax")])
model.summary()
""",
        "model.count_params(), [l.name.rstrip('_0123456789') for l in model.layers]",
    ),
    "add with input_shape": (
        """
model = models.Sequential()
model.add(layers.Conv2D(8, (3, 3), activation='relu', input_shape=(12, 10, 1)))
model.add(layers.MaxPooling2D((2, 2)))
model.add(layers.Flatten()); model.add(layers.Dense(10))
""",
        "model.built, model.count_params()",
    ),
    "no shape yet, called on data": (
        """
model = keras.Sequential([layers.Dense(2, activation="relu"), layers.Dense(3)])
y = model(np.ones((5, 4), "float32"))
n = len(model.weights)
""",
        "n, tuple(y.shape), [tuple(w.shape) for w in model.weights]",
    ),
    "a layer on its own with ops.ones": (
        """
layer = layers.Dense(3)
before = layer.weights
x = keras.ops.ones((1, 4))
y = layer(x)
""",
        "len(before), [tuple(w.shape) for w in layer.weights], tuple(y.shape)",
    ),
    "pop": (
        """
model.pop()
print(len(model.layers))
""",
        "len(model.layers), np.array(model(x_test)).shape",
    ),
    "names and get_layer": (
        """
model = keras.Sequential(name="my_sequential")
model.add(keras.Input(shape=(6,)))
model.add(layers.Dense(2, activation="relu", name="layer1")); model.add(layers.Dense(3, name="layer2"))
first = model.get_layer(name="layer1"); second = model.get_layer(index=1)
""",
        "model.name, first.name, second.name",
    ),
    "build by hand": (
        """
model = keras.Sequential([layers.Dense(4, activation="relu"), layers.Dense(1)])
model.build((None, 6))
model.summary()
""",
        "model.count_params(), model.built",
    ),
    "weights and count_params": (
        """
total = model.count_params()
shapes = [tuple(w.shape) for w in model.trainable_weights]
kernel, bias = model.layers[0].get_weights()
""",
        "total, shapes, kernel, bias",
    ),
    "feature extractor over all layers": (
        """
extractor = keras.Model(inputs=model.inputs, outputs=[layer.output for layer in model.layers])
features = extractor(x_test)
""",
        "[np.array(f) for f in features]",
    ),
    "feature extractor of one layer": (
        """
extractor = keras.Model(inputs=model.inputs, outputs=model.layers[1].output)
maps = extractor.predict(x_test)
""",
        "maps",
    ),
    "functional mlp": (
        """
inputs = keras.Input(shape=(6,), name="digits")
x = layers.Dense(8, activation="relu", name="dense_1")(inputs)
outputs = layers.Dense(3, activation="softmax", name="predictions")(x)
model = keras.Model(inputs=inputs, outputs=outputs)
""",
        "model.get_layer('predictions').name, model.count_params(), np.array(fill(model)(features))",
    ),
    "freeze all but the last": (
        """
for layer in model.layers[:-1]:
    layer.trainable = False
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, epochs=1, verbose=0)
""",
        "len(model.trainable_weights), model.get_weights()[:2]",
    ),
    "base model inside a model": (
        """
base_model = keras.Sequential(model.layers[:-1]); base_model.trainable = False
new = keras.Sequential([base_model, layers.Dense(5, activation="softmax")])
new.compile("adam", "sparse_categorical_crossentropy")
new.fit(x_train, y_train, epochs=1, verbose=0)
""",
        "len(new.trainable_weights), base_model.get_weights()",
    ),
}
