# ruff: noqa: E501 - a line that is typed is one line here
"""The part of `keras_guides` about training, callbacks and saving."""

TRAINING: dict[str, tuple[str, str]] = {
    "compile with objects": (
        """
model.compile(optimizer=keras.optimizers.RMSprop(learning_rate=1e-3), loss=keras.losses.SparseCategoricalCrossentropy(), metrics=[keras.metrics.SparseCategoricalAccuracy()])
history = model.fit(x_train, y_train, batch_size=16, epochs=1, shuffle=False, verbose=0)
""",
        "{k: [float(v) for v in vs] for k, vs in history.history.items()}",
    ),
    "compile with strings": (
        """
model.compile(optimizer="rmsprop", loss="sparse_categorical_crossentropy", metrics=["sparse_categorical_accuracy"])
history = model.fit(x_train, y_train, batch_size=16, epochs=1, shuffle=False, verbose=0)
""",
        "{k: [float(v) for v in vs] for k, vs in history.history.items()}",
    ),
    "logits as in the CIFAR tutorial": (
        """
model = keras.Sequential([keras.Input((12, 10, 1)), layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(3)])
model.compile(optimizer='adam', loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=['accuracy'])
history = model.fit(x_train, y_train, epochs=2, validation_data=(x_test, y_test), verbose=0)
""",
        "sorted(history.history), {k: len(v) for k, v in history.history.items()}",
    ),
    "to_categorical and categorical_crossentropy": (
        """
y_hot = keras.utils.to_categorical(y_train, num_classes)
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
history = model.fit(x_train, y_hot, batch_size=128, epochs=1, validation_split=0.1, verbose=0)
""",
        "y_hot, y_hot.dtype.kind, sorted(history.history), {k: len(v) for k, v in history.history.items()}",
    ),
    "own loss function": (
        """
def custom_mean_squared_error(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)
model = keras.Sequential([keras.Input((6,)), layers.Dense(1)]); model.compile(optimizer=keras.optimizers.Adam(), loss=custom_mean_squared_error)
history = model.fit(features, target, batch_size=64, epochs=1, verbose=0)
""",
        "sorted(history.history), {k: len(v) for k, v in history.history.items()}",
    ),
    "regression with mse and mae": (
        """
model = keras.Sequential([layers.Input(shape=(6,)), layers.Dense(8, activation="relu"), layers.Dense(1)])
model.compile(optimizer="adam", loss="mse", metrics=["mae"])
history = model.fit(features, target, epochs=2, validation_split=0.25, verbose=0)
""",
        "sorted(history.history), {k: len(v) for k, v in history.history.items()}",
    ),
    "binary with AUC and Precision": (
        """
model = keras.Sequential([keras.Input((6,)), layers.Dense(1, activation="sigmoid")])
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy", keras.metrics.AUC(name="auc"), keras.metrics.Precision(name="precision")])
scores = model.evaluate(features, flag, verbose=0)
""",
        "model.metrics_names[:1], fill(model) and [float(v) for v in model.evaluate(features, flag, verbose=0)]",
    ),
    "SGD with momentum and clipping": (
        """
opt = keras.optimizers.SGD(learning_rate=0.01, momentum=0.9, nesterov=True, clipnorm=1.0)
model.compile(optimizer=opt, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, batch_size=16, epochs=1, shuffle=False, verbose=0)
""",
        "{k: [float(v) for v in vs] for k, vs in history.history.items()}",
    ),
    "ExponentialDecay": (
        """
lr_schedule = keras.optimizers.schedules.ExponentialDecay(1e-2, decay_steps=2, decay_rate=0.5, staircase=True)
model.compile(optimizer=keras.optimizers.RMSprop(learning_rate=lr_schedule), loss="sparse_categorical_crossentropy")
history = model.fit(x_train, y_train, batch_size=16, epochs=2, shuffle=False, verbose=0)
""",
        "{k: [float(v) for v in vs] for k, vs in history.history.items()}",
    ),
    "learning rate read and set": (
        """
model.optimizer.learning_rate = 1e-4
lr = float(model.optimizer.learning_rate)
model.optimizer.learning_rate.assign(5e-4)
lr2 = model.optimizer.learning_rate.numpy()
""",
        "lr, float(lr2), float(model.optimizer.learning_rate)",
    ),
    "own metric function": (
        """
def top1(y_true, y_pred):
    return keras.metrics.sparse_categorical_accuracy(y_true, y_pred)
model.compile("adam", "sparse_categorical_crossentropy", metrics=[top1])
res = model.evaluate(x_test, y_test, verbose=0, return_dict=True)
""",
        "{k: float(v) for k, v in res.items()}",
    ),
    "fit with validation_split": (
        """
history = model.fit(x_train, y_train, batch_size=16, epochs=2, validation_split=0.2, shuffle=False, verbose=0)
print(history.history.keys(), history.epoch, history.params)
""",
        "{k: [float(v) for v in vs] for k, vs in history.history.items()}, history.epoch, history.params['epochs'], history.params['steps']",
    ),
    "fit's lines, verbose=2": (
        """
model.fit(x_train, y_train, batch_size=16, epochs=2, validation_data=(x_test, y_test), verbose=2, shuffle=False)
""",
        "model.get_weights()",
    ),
    "class_weight": (
        """
class_weight = {0: 1.0, 1: 2.0, 2: 0.5}
history = model.fit(x_train, y_train, class_weight=class_weight, batch_size=64, epochs=1, verbose=0)
""",
        "{k: [float(v) for v in vs] for k, vs in history.history.items()}",
    ),
    "sample_weight": (
        """
sample_weight = np.ones(shape=(len(y_train),))
sample_weight[y_train == 2] = 2.0
history = model.fit(x_train, y_train, sample_weight=sample_weight, batch_size=64, epochs=1, verbose=0)
""",
        "{k: [float(v) for v in vs] for k, vs in history.history.items()}",
    ),
    "tf.data": (
        """
import tensorflow as tf
train_dataset = tf.data.Dataset.from_tensor_slices((x_train, y_train)).batch(16)
history = model.fit(train_dataset, epochs=1, verbose=0)
result = model.evaluate(train_dataset, verbose=0)
""",
        "{k: [float(v) for v in vs] for k, vs in history.history.items()}, [float(v) for v in result]",
    ),
    "PyDataset": (
        """
class Pairs(keras.utils.PyDataset):
    def __len__(self): return 4
    def __getitem__(self, i): return x_train[16 * i:16 * i + 16], y_train[16 * i:16 * i + 16]
history = model.fit(Pairs(), epochs=1, shuffle=False, verbose=0)
""",
        "{k: [float(v) for v in vs] for k, vs in history.history.items()}",
    ),
    "generator with steps_per_epoch": (
        """
def gen():
    while True: yield x_train[:16], y_train[:16]
history = model.fit(gen(), steps_per_epoch=3, epochs=2, verbose=0)
""",
        "{k: [float(v) for v in vs] for k, vs in history.history.items()}",
    ),
    "carry on with initial_epoch": (
        """
model.fit(x_train, y_train, batch_size=16, epochs=1, verbose=0, shuffle=False)
more = model.fit(x_train, y_train, batch_size=16, epochs=3, initial_epoch=1, verbose=0, shuffle=False)
""",
        "more.epoch, {k: [float(a) for a in v] for k, v in more.history.items()}",
    ),
    "plotting the history": (
        """
history = model.fit(x_train, y_train, epochs=2, validation_data=(x_test, y_test), verbose=0)
acc, val_acc = history.history['accuracy'], history.history['val_accuracy']
epochs_range = range(1, len(acc) + 1)
""",
        "len(acc), len(val_acc), list(epochs_range)",
    ),
    "score": (
        """
score = model.evaluate(x_test, y_test, verbose=0)
print("Test loss:", score[0]); print("Test accuracy:", score[1])
""",
        "[float(s) for s in score]",
    ),
    "evaluate return_dict": (
        """
results = model.evaluate(x_test, y_test, batch_size=8, return_dict=True, verbose=0)
""",
        "{k: float(v) for k, v in results.items()}",
    ),
    "predict and argmax": (
        """
probs = model.predict(x_test[:3], verbose=0)
classes = np.argmax(probs, axis=1)
""",
        "probs, classes, probs.dtype.name",
    ),
    "model called, .numpy()": (
        """
out = model(x_test, training=False).numpy()
""",
        "out",
    ),
    "train_on_batch and friends": (
        """
logs = model.train_on_batch(x_train[:16], y_train[:16], return_dict=True)
loss, acc = model.test_on_batch(x_test, y_test)
p = model.predict_on_batch(x_test)
""",
        "{k: float(v) for k, v in logs.items()}, float(loss), float(acc), p",
    ),
    "EarlyStopping": (
        """
stop = keras.callbacks.EarlyStopping(monitor="val_loss", min_delta=1e-2, patience=2, verbose=1, restore_best_weights=True)
history = model.fit(x_train, y_train, epochs=6, batch_size=16, callbacks=[stop], validation_split=0.2, shuffle=False, verbose=0)
""",
        "history.epoch, stop.stopped_epoch, model.get_weights()",
    ),
    "ModelCheckpoint whole model": (
        """
cb = keras.callbacks.ModelCheckpoint(filepath="mymodel_{epoch}.keras", save_best_only=True, monitor="val_loss", verbose=1)
model.fit(x_train, y_train, epochs=2, batch_size=16, callbacks=[cb], validation_split=0.2, shuffle=False, verbose=0)
best = keras.models.load_model("mymodel_1.keras")
""",
        "sorted(os.listdir('.')), best.predict(x_test, verbose=0)",
    ),
    "ModelCheckpoint weights": (
        """
cb = callbacks.ModelCheckpoint("ckpt/{epoch:02d}-{val_loss:.2f}.weights.h5", save_weights_only=True, save_freq="epoch")
model.fit(x_train, y_train, epochs=2, callbacks=[cb], validation_data=(x_test, y_test), verbose=0)
""",
        "len(os.listdir('ckpt'))",
    ),
    "ReduceLROnPlateau": (
        """
cb = keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.2, patience=1, min_delta=10.0, min_lr=1e-5)
history = model.fit(x_train, y_train, epochs=4, callbacks=[cb], validation_data=(x_test, y_test), shuffle=False, verbose=0)
""",
        "{k: [float(v) for v in vs] for k, vs in history.history.items()}",
    ),
    "CSVLogger": (
        """
csv_logger = keras.callbacks.CSVLogger("training.log", separator=",", append=False)
model.fit(x_train, y_train, epochs=2, callbacks=[csv_logger], validation_split=0.25, verbose=0)
""",
        "open('training.log').read().splitlines()[0], len(open('training.log').readlines())",
    ),
    "LearningRateScheduler": (
        """
def scheduler(epoch, lr):
    return lr if epoch < 1 else lr * 0.5
history = model.fit(x_train, y_train, epochs=3, callbacks=[keras.callbacks.LearningRateScheduler(scheduler, verbose=1)], shuffle=False, verbose=0)
""",
        "{k: [float(v) for v in vs] for k, vs in history.history.items()}",
    ),
    "LambdaCallback and TerminateOnNaN": (
        """
seen = []
cbs = [keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append((epoch, sorted(logs)))), keras.callbacks.TerminateOnNaN()]
model.fit(x_train, y_train, epochs=2, callbacks=cbs, verbose=0)
""",
        "seen",
    ),
    "own callback, every hook": (
        """
class CustomCallback(keras.callbacks.Callback):
    def on_train_begin(self, logs=None): print("start", list(logs.keys()))
    def on_train_end(self, logs=None): print("stop", sorted(logs.keys()))
    def on_epoch_begin(self, epoch, logs=None): print("epoch", epoch, list(logs.keys()))
    def on_epoch_end(self, epoch, logs=None): print("end epoch", epoch, sorted(logs.keys()))
    def on_test_begin(self, logs=None): print("test", list(logs.keys()))
    def on_test_end(self, logs=None): print("stop test", sorted(logs.keys()))
    def on_predict_begin(self, logs=None): print("predict", list(logs.keys()))
    def on_predict_end(self, logs=None): print("stop predict", list(logs.keys()))
    def on_train_batch_begin(self, batch, logs=None): print("batch", batch, list(logs.keys()))
    def on_train_batch_end(self, batch, logs=None): print("end batch", batch, sorted(logs.keys()))
    def on_test_batch_end(self, batch, logs=None): print("end test batch", batch, sorted(logs.keys()))
    def on_predict_batch_end(self, batch, logs=None): print("end predict batch", batch, sorted(logs.keys()), logs["outputs"].shape)
model.fit(x_train, y_train, batch_size=32, epochs=1, validation_split=0.5, verbose=0, callbacks=[CustomCallback()])
model.evaluate(x_test, y_test, verbose=0, callbacks=[CustomCallback()]); model.predict(x_test, verbose=0, callbacks=[CustomCallback()])
""",
        "0",
    ),
    "own callback, stop at minimum loss": (
        """
class EarlyStoppingAtMinLoss(keras.callbacks.Callback):
    def on_train_begin(self, logs=None): self.best = np.inf; self.best_weights = self.model.get_weights()
    def on_epoch_end(self, epoch, logs=None): self.stopped_epoch = epoch; self.model.stop_training = epoch >= 1
    def on_train_end(self, logs=None): self.model.set_weights(self.best_weights); print(f"Epoch {self.stopped_epoch + 1}: early stopping", self.params["epochs"])
history = model.fit(x_train, y_train, epochs=5, callbacks=[EarlyStoppingAtMinLoss()], verbose=0)
""",
        "history.epoch, model.get_weights()",
    ),
    "own callback, rate per epoch": (
        """
class CustomLRScheduler(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        lr = self.model.optimizer.learning_rate
        self.model.optimizer.learning_rate = lr * (0.5 if epoch else 1.0); print(f"Epoch {epoch}: {float(np.array(self.model.optimizer.learning_rate)):6.4f}")
model.fit(x_train, y_train, epochs=2, callbacks=[CustomLRScheduler()], verbose=0)
""",
        "float(model.optimizer.learning_rate)",
    ),
    "save, load, compare": (
        """
model.save("my_model.keras")
reconstructed_model = keras.models.load_model("my_model.keras")
np.testing.assert_allclose(model.predict(x_test, verbose=0), reconstructed_model.predict(x_test, verbose=0))
""",
        "reconstructed_model.predict(x_test, verbose=0)",
    ),
    "load and carry on training": (
        """
model.save("my_model.keras")
again = keras.models.load_model("my_model.keras")
history = again.fit(x_train, y_train, batch_size=16, epochs=1, shuffle=False, verbose=0); result = again.evaluate(x_test, y_test, verbose=0)
""",
        "{k: [float(v) for v in vs] for k, vs in history.history.items()}, [float(v) for v in result], type(again.optimizer).__name__",
    ),
    "save_weights and load_weights": (
        """
model.save_weights("my.weights.h5")
other = get_model()
other.load_weights("my.weights.h5")
""",
        "other.predict(x_test, verbose=0)",
    ),
    "to_json, config, clone": (
        """
json_config = model.to_json(); new = keras.models.model_from_json(json_config)
again = keras.Sequential.from_config(model.get_config()); clone = keras.models.clone_model(model)
clone.set_weights(model.get_weights())
""",
        "clone.predict(x_test, verbose=0), new.count_params(), again.count_params(), type(json_config).__name__",
    ),
    "conv options": (
        """
model = keras.Sequential([keras.Input((12, 10, 1)), layers.Conv2D(8, 3, strides=2, padding="same", kernel_initializer="he_normal", kernel_regularizer=keras.regularizers.l2(1e-4), use_bias=False), layers.BatchNormalization(), layers.Activation("relu"), layers.LeakyReLU(negative_slope=0.1), layers.GlobalAveragePooling2D(), layers.Dense(3, kernel_regularizer="l1")])
losses = len(model.losses)
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True)); loss = model.evaluate(x_train, y_train, verbose=0)
""",
        "losses, isinstance(loss, float), model.set_weights([abs(w) for w in fill(model).get_weights()]), model.evaluate(x_train, y_train, verbose=0), [float(v) for v in model.losses]",
    ),
    "initializers with numbers": (
        """
initializer = keras.initializers.VarianceScaling(scale=2.0, mode="fan_out", distribution="truncated_normal", seed=1)
layer = layers.Dense(50, kernel_initializer=initializer, bias_initializer=keras.initializers.Constant(0.1)); layer.build((None, 40))
other = layers.Dense(4, kernel_initializer=keras.initializers.RandomNormal(stddev=0.01), bias_initializer="zeros"); other.build((None, 5))
values = keras.initializers.GlorotUniform(seed=3)(shape=(20, 30))
""",
        "round(float(np.std(layer.get_weights()[0])), 1), layer.get_weights()[1], [w.shape for w in other.get_weights()], np.std(other.get_weights()[0]) < .03, tuple(values.shape), float(np.abs(np.array(values)).max()) < .35",
    ),
    "augmentation in front": (
        """
data_augmentation = keras.Sequential([layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.RandomZoom(0.1), layers.RandomContrast(0.1)])
augmented = data_augmentation(x_train[:4], training=True)
same = data_augmentation(x_train[:4], training=False)
""",
        "tuple(augmented.shape), bool(np.allclose(np.array(augmented), x_train[:4])), np.array(same)",
    ),
    "Rescaling and Normalization.adapt": (
        """
norm = layers.Normalization(axis=-1); norm.adapt(features)
model = keras.Sequential([keras.Input((6,)), norm, layers.Rescaling(1./255), layers.Dense(1)])
z = norm(features)
""",
        "np.array(z), fill(model) is not None",
    ),
    "seed and clear_session": (
        """
keras.utils.set_random_seed(812)
keras.backend.clear_session()
""",
        "0",
    ),
}
