# ruff: noqa: E501 - a line that is typed is one line here
"""Lines as somebody who knows Keras types them, after its guides on Sequential, training and callbacks, in own words.

The same text runs with convlens as `keras` and with Keras. SAME: `result` must be equal. SAYS: convlens does not have
it, and the error says what to write. DIFFERS: convlens does it, and the result is another one, for the reason given.
"""

PRELUDE = """
import os
import numpy as np
layers, callbacks, losses, metrics, optimizers = (
    keras.layers, keras.callbacks, keras.losses, keras.metrics, keras.optimizers
)
rng = np.random.default_rng(3)
y_train = rng.integers(0, 3, 40)
x_train = (rng.random((40, 8, 7, 1)) + y_train[:, None, None, None] / 3).astype("float32")
x_test, y_test = x_train[:12] * 0.9, y_train[:12]
hot = np.eye(3)[y_train]

def fill(model):
    rng = np.random.default_rng(5)
    model.set_weights([rng.normal(0, 0.3, w.shape).astype("float32") for w in model.get_weights()])
    return model

def make(end="softmax", units=3):
    return fill(keras.Sequential([
        keras.Input(shape=(8, 7, 1)),
        layers.Conv2D(4, (3, 2), activation="relu", name="conv"),
        layers.MaxPooling2D((2, 3), name="pool"),
        layers.Flatten(name="flat"),
        layers.Dense(units, activation=end, name="out"),
    ]))

def ready(end="softmax", units=3, loss="sparse_categorical_crossentropy", **words):
    model = make(end, units)
    words = {"optimizer": optimizers.SGD(0.1), "metrics": ["accuracy"]} | words
    model.compile(loss=loss, **words)
    return model
"""

QUIET = "batch_size=16, shuffle=False, verbose=0"

# ---------------------------------------------------------------- the guide on Sequential

SEQUENTIAL = """
model = keras.Sequential([layers.Dense(2, activation="relu"), layers.Dense(3), layers.Dense(4)]); result = len(model.layers)
model = keras.Sequential([layers.Dense(2, name="a"), layers.Dense(3, name="b")], name="mine"); result = model.name
model = keras.Sequential(name="mine"); model.add(layers.Dense(2, name="layer1")); result = [l.name for l in model.layers]
model = keras.Sequential(); model.add(layers.Dense(2)); model.add(layers.Dense(3)); model.pop(); result = len(model.layers)
model = keras.models.Sequential([keras.layers.Input((8, 7, 1)), keras.layers.Flatten(), keras.layers.Dense(4)]); result = model.count_params()
layer = layers.Dense(3); result = layer.weights
layer = layers.Dense(3); y = layer(np.ones((1, 4), "float32")); result = [tuple(w.shape) for w in layer.weights]
model = keras.Sequential([layers.Dense(2, activation="relu"), layers.Dense(3)]); result = model.built, len(model.layers)
model = keras.Sequential([layers.Dense(2), layers.Dense(3)]); y = model(np.ones((1, 4), "float32")); result = len(model.weights), tuple(y.shape)
model = keras.Sequential([layers.Dense(2), layers.Dense(3)]); model.build((None, 4)); result = [tuple(w.shape) for w in model.get_weights()]
model = keras.Sequential([layers.Dense(2), layers.Dense(3)]); model.build((None, 4)); model.summary()
model = keras.Sequential(); model.add(keras.Input(shape=(4,))); model.add(layers.Dense(2)); result = model.built, len(model.layers)
model = keras.Sequential([layers.InputLayer(shape=(8, 7, 1)), layers.Flatten()]); result = model.built, len(model.layers)
model = keras.Sequential(); model.add(keras.Input((20, 24, 3))); model.add(layers.Conv2D(4, 5, strides=2, activation="relu")); model.add(layers.MaxPooling2D(3)); model.add(layers.GlobalMaxPooling2D()); model.add(layers.Dense(10)); result = model.count_params()
model = make(); result = model(x_train[:2])
model = make(); result = model(x_train[:2], training=False)
model = make(); result = [layer.name for layer in model.layers]
model = make(); result = model.get_layer("out").name, model.get_layer(name="conv").name, model.get_layer(index=1).name
model = make(); result = model.get_layer("conv").get_weights()
model = make(); result = model.layers[-1].kernel, model.layers[-1].bias
model = make(); result = [layer.count_params() for layer in model.layers]
model = make(); model.layers[-1].set_weights([np.ones((24, 3)), np.zeros(3)]); result = model.predict(x_test, verbose=0)
model = make(); model.layers[0].trainable = False; result = len(model.trainable_weights), len(model.non_trainable_weights)
model = make(); model.trainable = False; result = len(model.trainable_weights), len(model.weights)
model = make(); model.pop(); model.add(layers.Dense(5, activation="softmax")); result = model.count_params(), [l.name for l in model.layers][:3]
base = make(); base.pop(); base.trainable = False; model = keras.Sequential([base, layers.Dense(5)]); model.build((None, 8, 7, 1)); result = len(model.trainable_weights), model.count_params()
model = keras.Sequential([keras.Input((8, 7, 1)), layers.Conv2D(4, 3, padding="same"), layers.BatchNormalization(), layers.Activation("relu"), layers.GlobalAveragePooling2D(), layers.Dropout(0.5), layers.Dense(3)]); result = model.count_params(), [w.shape for w in model.get_weights()]
model = keras.Sequential([keras.Input((8, 7, 1)), layers.Rescaling(1.0 / 255), layers.ZeroPadding2D(1), layers.Flatten()]); result = model(np.full((1, 8, 7, 1), 51.0))
model = keras.Sequential([keras.Input((8, 7, 2)), layers.SeparableConv2D(4, 3), layers.DepthwiseConv2D(3), layers.LeakyReLU(), layers.ReLU(), layers.AveragePooling2D(2)]); result = model.count_params()
result = layers.Conv2D(3, 3, input_shape=(8, 7, 1), kernel_initializer="he_normal", use_bias=False, dilation_rate=2, name="c").name
model = keras.Sequential([layers.Flatten(input_shape=(8, 7, 1)), layers.Dense(3)]); result = model.count_params()
result = layers.MaxPool2D is layers.MaxPooling2D, layers.GlobalAvgPool2D is layers.GlobalAveragePooling2D
result = layers.Flatten()(np.ones((2, 3, 4), "float32"))
result = layers.Softmax()(np.array([[1.0, 2.0, 3.0]]))
model = make(); other = keras.models.clone_model(model); result = [w.shape for w in other.get_weights()]
model = make(); other = keras.Sequential.from_config(model.get_config()); result = [layer.name for layer in other.layers]
model = make(); other = keras.models.model_from_json(model.to_json()); result = other.count_params()
layer = layers.Dense(3, activation="relu", name="d"); config = layer.get_config(); result = config["units"], config["name"], config["trainable"], layers.Dense.from_config(config).units
model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation=keras.activations.relu), layers.Dense(1, activation="sigmoid")]); result = fill(model)(np.ones((2, 4), "float32")).numpy()
model = make(); result = model.compute_output_shape((None, 8, 7, 1))
from {KERAS}.optimizers.schedules import ExponentialDecay; result = float(ExponentialDecay(0.1, 10, 0.5)(20))
"""

# ---------------------------------------------------------------- the guide on training and evaluation

TRAINING = f"""
model = make(); model.compile(optimizer="rmsprop", loss="sparse_categorical_crossentropy", metrics=["sparse_categorical_accuracy"]); result = model.fit(x_train, y_train, {QUIET}).history
model = make(); model.compile(optimizer=optimizers.RMSprop(learning_rate=1e-3), loss=losses.SparseCategoricalCrossentropy(), metrics=[metrics.SparseCategoricalAccuracy()]); result = model.fit(x_train, y_train, epochs=2, {QUIET}).history
model = make(); model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"]); result = model.fit(x_train, hot, {QUIET}).history
model = make(None); model.compile(optimizer="sgd", loss=losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]); result = model.fit(x_train, y_train, {QUIET}).history
model = make(); model.compile("sgd", losses.CategoricalCrossentropy(label_smoothing=0.1)); result = model.fit(x_train, hot, {QUIET}).history
model = make("sigmoid", 1); model.compile("sgd", "binary_crossentropy", metrics=["accuracy"]); result = model.fit(x_train, y_train == 1, {QUIET}).history
model = make("sigmoid", 1); model.compile("sgd", losses.BinaryCrossentropy(), metrics=[metrics.BinaryAccuracy(), metrics.Precision(), metrics.Recall()]); result = model.fit(x_train, (y_train == 1).astype("float32"), {QUIET}).history
model = make(None, 1); model.compile("sgd", "mse", metrics=["mae"]); result = model.fit(x_train, y_train.astype("float32"), {QUIET}).history
model = ready(); result = model.fit(x_train, y_train, epochs=3, {QUIET}, validation_data=(x_test, y_test)).history
model = ready(); result = model.fit(x_train, y_train, epochs=2, {QUIET}, validation_split=0.2).history
model = ready(); result = model.fit(x_train, y_train[:, None], {QUIET}).history
model = ready(); result = model.fit(x_train[..., 0], y_train, {QUIET}).history
model = ready(); result = model.fit(x_train.astype("float64"), y_train.astype("float32"), {QUIET}).history
model = ready(); result = model.fit((x_train * 100).astype("uint8"), y_train, {QUIET}).history
model = ready(); result = model.fit(x_train, y_train, epochs=2, {QUIET}, class_weight={{0: 1.0, 1: 2.0, 2: 0.5}}).history
model = ready(); result = model.fit(x_train, y_train, epochs=2, {QUIET}, sample_weight=np.linspace(0, 2, 40)).history
model = ready(weighted_metrics=["accuracy"], metrics=None); result = model.fit(x_train, y_train, {QUIET}, sample_weight=np.linspace(0, 2, 40)).history
model = ready(); result = model.fit(x_train, y_train, epochs=5, initial_epoch=3, {QUIET}).epoch
model = ready(); result = model.fit(x_train, y_train, epochs=4, validation_freq=2, validation_data=(x_test, y_test), {QUIET}).history
model = ready(); result = model.fit(x_train, y_train, epochs=2, validation_data=(x_test, y_test), validation_batch_size=5, {QUIET}).history
model = ready(); history = model.fit(x_train, y_train, epochs=2, {QUIET}); result = sorted(history.history), history.epoch, history.params["epochs"]
model = ready(); result = model.evaluate(x_test, y_test, batch_size=128, verbose=0)
model = ready(); result = model.evaluate(x_test, y_test, verbose=0, return_dict=True)
model = ready(metrics=None); result = model.evaluate(x_test, y_test, verbose=0)
model = ready(); result = model.predict(x_test[:3], verbose=0)
model = ready(); result = model.predict(x_test, batch_size=5, verbose=0).argmax(axis=1)
model = ready(); result = model.predict_on_batch(x_test)
model = ready(); result = model.train_on_batch(x_train, y_train), model.test_on_batch(x_test, y_test)
model = ready(); result = model.train_on_batch(x_train, y_train, return_dict=True)
model = ready(metrics=["acc", metrics.SparseTopKCategoricalAccuracy(k=2, name="top2"), metrics.SparseCategoricalCrossentropy()]); result = model.fit(x_train, y_train, {QUIET}).history
model = ready(metrics=[metrics.CategoricalAccuracy(name="mine")], loss="categorical_crossentropy"); result = model.evaluate(x_train, hot, verbose=0, return_dict=True)
model = ready(optimizer=optimizers.SGD(learning_rate=0.05, momentum=0.9, nesterov=True)); result = model.fit(x_train, y_train, epochs=2, {QUIET}).history
model = ready(optimizer=optimizers.Adam(learning_rate=0.01, clipnorm=0.5)); result = model.fit(x_train, y_train, epochs=2, {QUIET}).history
model = ready(optimizer=optimizers.AdamW(0.01, weight_decay=0.1)); result = model.fit(x_train, y_train, epochs=2, {QUIET}).history
model = ready(optimizer=optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, decay_steps=2, decay_rate=0.5, staircase=True))); result = model.fit(x_train, y_train, epochs=3, {QUIET}).history
model = ready(optimizer=optimizers.SGD(optimizers.schedules.CosineDecay(0.1, 6))); result = model.fit(x_train, y_train, epochs=2, {QUIET}).history
model = ready(); model.optimizer.learning_rate = 0.01; result = model.fit(x_train, y_train, {QUIET}).history, float(model.optimizer.learning_rate)
model = ready(); model.layers[0].trainable = False; model.compile(optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"]); result = model.fit(x_train, y_train, {QUIET}).history, model.get_weights()
model = ready(); model.fit(x_train, y_train, {QUIET}); model.fit(x_train, y_train, {QUIET}); result = model.get_weights()
model = ready(); result = model.fit([x_train], [y_train], {QUIET}).history
model = ready(loss=losses.sparse_categorical_crossentropy, metrics=[metrics.sparse_categorical_accuracy]); result = model.fit(x_train, y_train, {QUIET}).history
model = ready(); model.summary(line_length=90, show_trainable=True); model.reset_metrics(); result = len(model.get_weights())
model = ready(run_eagerly=True, jit_compile=False, steps_per_execution=1); result = model.evaluate(x_test, y_test, verbose=0)
m = metrics.SparseCategoricalAccuracy(); m.update_state([0, 1, 2], [[0.9, 0.1, 0], [0.6, 0.4, 0], [0, 0, 1]]); result = float(m.result())
result = float(losses.SparseCategoricalCrossentropy()(np.array([0, 1]), np.array([[0.9, 0.1], [0.4, 0.6]], "float32")))
result = float(losses.CategoricalCrossentropy(from_logits=True)(np.eye(2, dtype="float32"), np.array([[0.9, 0.1], [0.4, 0.6]], "float32")))
data = [(x_train[k:k + 8], y_train[k:k + 8]) for k in range(0, 40, 8)]; model = ready(); result = model.fit((b for b in data), verbose=0).history
data = [(x_train[k:k + 8], y_train[k:k + 8]) for k in range(0, 40, 8)]; model = ready(); result = model.evaluate((b for b in data), verbose=0)
def forever():\\n    while True:\\n        yield x_train[:8], y_train[:8]\\nmodel = ready(); result = model.fit(forever(), steps_per_epoch=3, epochs=2, verbose=0).history
model = keras.Sequential([layers.Flatten(), layers.Dense(3, activation="softmax")]); model.compile("sgd", "sparse_categorical_crossentropy"); model.fit(x_train, y_train, verbose=0); result = model.built, model.count_params()
model = ready(); model.fit(x_train, y_train, epochs=1, batch_size=16)
model = ready(); model.fit(x_train, y_train, verbose=2, batch_size=16)
model = keras.Sequential([keras.Input((8, 7, 1)), layers.Conv2D(3, 3), layers.BatchNormalization(), layers.Flatten(), layers.Dense(3, activation="softmax")]); fill(model); model.compile(optimizers.SGD(0.05), "sparse_categorical_crossentropy"); result = model.fit(x_train, y_train, epochs=2, {QUIET}).history
model = ready(); model.save_weights("a.weights.h5"); other = ready(); other.set_weights([w * 0 for w in other.get_weights()]); other.load_weights("a.weights.h5"); result = other.predict(x_test, verbose=0)
model = ready(); model.save("a.keras"); result = keras.models.load_model("a.keras").predict(x_test, verbose=0)
def near(y_true, y_pred):\\n    return (y_pred.numpy() if hasattr(y_pred, "numpy") else y_pred).max(axis=1)\\nmodel = ready(metrics=[near], run_eagerly=True); result = model.evaluate(x_test, y_test, verbose=0)
"""

# ---------------------------------------------------------------- the guides on callbacks

CALLBACKS = f"""
stop = callbacks.EarlyStopping(monitor="val_loss", min_delta=1e-2, patience=2, verbose=0); result = len(ready().fit(x_train, y_train, epochs=9, {QUIET}, validation_split=0.2, callbacks=[stop]).epoch), stop.stopped_epoch
model = ready(optimizer=optimizers.SGD(2.0)); stop = callbacks.EarlyStopping("loss", patience=1, restore_best_weights=True); h = model.fit(x_train, y_train, epochs=9, {QUIET}, callbacks=[stop]); result = h.epoch, stop.best_epoch
save = callbacks.ModelCheckpoint("m.keras", monitor="val_accuracy", save_best_only=True); ready().fit(x_train, y_train, epochs=2, {QUIET}, validation_split=0.2, callbacks=[save]); result = os.path.exists("m.keras")
save = callbacks.ModelCheckpoint("w{{epoch:02d}}.weights.h5", save_weights_only=True); ready().fit(x_train, y_train, epochs=2, {QUIET}, callbacks=[save]); result = sorted(f for f in os.listdir(".") if f.startswith("w0"))
model = ready(); reduce = callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=0, min_delta=9.0); result = model.fit(x_train, y_train, epochs=4, {QUIET}, callbacks=[reduce]).history
model = ready(); log = callbacks.CSVLogger("log.csv"); model.fit(x_train, y_train, epochs=2, {QUIET}, validation_data=(x_test, y_test), callbacks=[log]); result = open("log.csv").read().splitlines()[0], len(open("log.csv").readlines())
model = ready(); rate = callbacks.LearningRateScheduler(lambda epoch, lr: lr * 0.5); result = model.fit(x_train, y_train, epochs=3, {QUIET}, callbacks=[rate]).history
model = ready(); result = []; model.fit(x_train, y_train, epochs=2, {QUIET}, callbacks=[callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: result.append((epoch, sorted(logs))))])
model = ready(); result = len(model.fit(x_train, y_train, epochs=2, {QUIET}, callbacks=[callbacks.TerminateOnNaN()]).epoch)
class Losses(callbacks.Callback):\\n    def on_train_begin(self, logs=None):\\n        self.seen = []\\n    def on_batch_end(self, batch, logs):\\n        self.seen.append(float(logs["loss"]))\\nkeep = Losses(); ready().fit(x_train, y_train, {QUIET}, callbacks=[keep]); result = keep.seen
class Names(callbacks.Callback):\\n    def __init__(self):\\n        super().__init__()\\n        self.seen = []\\nfor name in ("train_begin", "train_end", "epoch_begin", "epoch_end", "test_begin", "test_end", "predict_begin", "predict_end"):\\n    if name.startswith("epoch"):\\n        setattr(Names, "on_" + name, lambda self, epoch, logs=None, name=name: self.seen.append((name, epoch)))\\n    else:\\n        setattr(Names, "on_" + name, lambda self, logs=None, name=name: self.seen.append(name))\\nkeep = Names(); model = ready(); model.fit(x_train, y_train, epochs=2, {QUIET}, validation_split=0.2, callbacks=[keep]); model.evaluate(x_test, y_test, verbose=0, callbacks=[keep]); model.predict(x_test, verbose=0, callbacks=[keep]); result = keep.seen
class Batches(callbacks.Callback):\\n    def __init__(self):\\n        super().__init__()\\n        self.seen = []\\n    def on_train_batch_begin(self, batch, logs=None):\\n        self.seen.append(batch)\\n    def on_test_batch_end(self, batch, logs=None):\\n        self.seen.append((batch, sorted(logs)))\\n    def on_predict_batch_end(self, batch, logs=None):\\n        self.seen.append(batch)\\nkeep = Batches(); model = ready(); model.fit(x_train, y_train, {QUIET}, callbacks=[keep]); model.evaluate(x_test, y_test, batch_size=5, verbose=0, callbacks=[keep]); model.predict(x_test, batch_size=5, verbose=0, callbacks=[keep]); result = keep.seen
class Stop(callbacks.Callback):\\n    def on_train_batch_end(self, batch, logs=None):\\n        if batch == 1:\\n            self.model.stop_training = True\\nmodel = ready(); model.fit(x_train, y_train, epochs=3, {QUIET}, callbacks=[Stop()]); result = int(model.optimizer.iterations)
class Rates(callbacks.Callback):\\n    def on_epoch_begin(self, epoch, logs=None):\\n        self.model.optimizer.learning_rate = 0.1 / (epoch + 1)\\nmodel = ready(); result = model.fit(x_train, y_train, epochs=3, {QUIET}, callbacks=[Rates()]).history
class Weights(callbacks.Callback):\\n    def on_epoch_end(self, epoch, logs=None):\\n        logs["norm"] = float(sum((w ** 2).sum() for w in self.model.get_weights()))\\nresult = ready().fit(x_train, y_train, epochs=2, {QUIET}, callbacks=[Weights()]).history
model = ready(); model.fit(x_train, y_train, {QUIET}, callbacks=callbacks.EarlyStopping("loss")); result = model.history.epoch
"""

# ---------------------------------------------------------------- what convlens does not have: code -> part of the sentence

SAYS = {
    "x = keras.Input(shape=(4,)); y = layers.Dense(4)(x); layers.Flatten()([x, y])": "a network is one chain of layers",
    "x = keras.Input(shape=(4,)); keras.Model(x, [layers.Dense(3)(x), layers.Dense(1)(x)])": "two outputs are two networks",
    "class Mine(keras.Model):\n    def call(self, x):\n        return x": "a function of one's own that returns a Sequential makes",
    'layers.Conv2D(3, 3, activity_regularizer="l2")': "Conv2D has no activity_regularizer: the nearest is weight decay",
    'layers.Conv2D(3, 3, data_format="channels_first")': "turn the images with x.transpose(0, 2, 3, 1)",
    "layers.LSTM(4)": "convlens has no LSTM: convlens has layers for images",
    "layers.RandomCrop(8, 8)": "augmentation is fit's argument augment=",
    "layers.Lambda(lambda x: x)": "write a subclass of convlens.nn.Layer with forward and backward",
    'make().compile("adam", "dice")': "got 'dice'; the nearest one is binary_crossentropy",
    "ready(loss=lambda a, b: np.cumsum(b, axis=1)[:, 0]).fit(x_train, y_train)": "cumsum has no gradient here; convlens.ops has the functions",
    'make(None).compile("adam", "sparse_categorical_crossentropy")': "SparseCategoricalCrossentropy(from_logits=True)",
    "callbacks.TensorBoard()": "CSVLogger writes the figures of each epoch",
    "metrics.F1Score()": "average must be 'macro', 'micro' or 'weighted', since a figure is one number",
    "keras.datasets.cifar10.load_data()": "convlens does not download cifar10: convlens.load(PATH) reads its files",
    "keras.Input(shape=(None, None, 3))": "Input needs the size of every axis",
    "layers.Conv2D(3, 3, kernel_sise=3)": "the nearest is kernel_size",
    'ready().fit({"image": x_train}, y_train)': "training images must be an array of numbers; got dict",
}

# ---------------------------------------------------------------- what convlens does in another way: code -> why

DIFFERS = {
    "result = make().input_shape": "(8, 7, 1), since shapes are those of one example in all of convlens; Keras has None in front",
    "result = make().output_shape": "(3,), for the same reason",
    "result = len(keras.Sequential([make(), layers.Dense(2)]).layers)": "a network in a network is taken as its layers",
    "model = ready(optimizer=optimizers.SGD(1e39)); model.fit(x_train, y_train, epochs=9, verbose=0)": "a loss that is not finite is an error, and "
    "not a training that goes on with NaN",
}


def lines(text: str) -> list[str]:
    """Return the lines of a text. A backslash and n in a line stand for the end of a line."""
    return [line.replace("\\n", "\n") for line in text.strip().splitlines()]
