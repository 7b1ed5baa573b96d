"""Wrong variants of the course's two LeNet files."""

FIRST_POOL = 'tf.nn.max_pool(maps, ksize=2, strides=2, padding="VALID")\n\n    kernel'
LOSS = "tf.losses.softmax_cross_entropy(y, logits)"
CONV_1, CONV_2 = (f'Conv2D({n}, (5, 5), padding="{p}", **hidden)' for n, p in ((6, "same"), (16, "valid")))
OUTPUT = 'activation="softmax",\n                       kernel_initializer="he_normal")'
KERAS_POOL = "MaxPooling2D((2, 2), strides=(2, 2))(maps)\n    flat"

# task -> what is wrong -> (text of the file, its replacement, the checks that must fail)
MUTANTS = {
    "tensorflow": {
        "scale 1.0": ("scale=2.0", "scale=1.0", "start"),
        "uniform": ("scale=2.0", 'scale=2.0, distribution="uniform"', "start"),
        "by the outputs": ("scale=2.0", 'scale=2.0, mode="fan_out"', "start"),
        "the default initializer": (", initializer=he_normal", "", "start"),
        "initializer as regularizer": ("initializer=he_normal", "regularizer=he_normal", "start"),
        "initializer missing on the last layer": (
            "initializer=he_normal",
            "initializer=None if shape[0] == 84 else he_normal",
            "start",
        ),
        "biases from 1": ("zeros_initializer", "ones_initializer", "start"),
        "softmax on the wrong layer": ("tf.nn.softmax(logits)", "tf.nn.softmax(hidden)", "layers values"),
        "logits for the output": ("tf.nn.softmax(logits)", "logits", "layers values"),
        "softmax on a hidden layer": (
            "tf.nn.relu(tf.matmul(hidden, kernel)",
            "tf.nn.softmax(tf.matmul(hidden, kernel)",
            "layers values step",
        ),
        "no bias on the last layer": (
            "logits = tf.matmul(hidden, kernel) + bias",
            "logits = tf.matmul(hidden, kernel)",
            "layers values step",
        ),
        "zeros only at the top and left": (
            'conv2d(x, kernel, strides=1, padding="SAME")',
            'conv2d(tf.pad(x, ((0, 0), (4, 0), (4, 0), (0, 0))), kernel, strides=1, padding="VALID")',
            "layers values step",
        ),
        "second convolution same": ('strides=1, padding="VALID"', 'strides=1, padding="SAME"', "layers values step"),
        "average pool": (FIRST_POOL, FIRST_POOL.replace("max", "avg"), "layers values step"),
        "pool same": (FIRST_POOL, FIRST_POOL.replace("VALID", "SAME"), "layers"),
        "pool 3": (FIRST_POOL, FIRST_POOL.replace("ksize=2", "ksize=3").replace("VALID", "SAME"), "layers values step"),
        "missing relu": (
            "tf.nn.relu(tf.matmul(flat, kernel) + bias)",
            "tf.matmul(flat, kernel) + bias",
            "layers values step",
        ),
        "relu on the logits": (
            "logits = tf.matmul(hidden, kernel) + bias",
            "logits = tf.nn.relu(tf.matmul(hidden, kernel) + bias)",
            "layers values step",
        ),
        "stochastic gradient descent": ("AdamOptimizer()", "GradientDescentOptimizer(0.001)", "step twice"),
        "Adam at another rate": ("AdamOptimizer()", "AdamOptimizer(0.01)", "step twice"),
        "Adam with Keras's epsilon": ("AdamOptimizer()", "AdamOptimizer(epsilon=1e-7)", "step"),
        "loss on probabilities": (LOSS, LOSS.replace("logits", "y_pred"), "values step"),
        "loss summed": (LOSS, LOSS.replace("logits", "logits, reduction=tf.losses.Reduction.SUM"), "values step"),
        "labels smoothed": (LOSS, LOSS.replace("logits", "logits, label_smoothing=0.1"), "values step"),
        "accuracy over the wrong axis": (
            "tf.equal(tf.argmax(y_pred, axis=1), tf.argmax(y, axis=1))",
            "tf.equal(tf.argmax(y_pred, axis=0), tf.argmax(y, axis=0))",
            "values",
        ),
        "hits counted": ("tf.reduce_mean", "tf.reduce_sum", "values"),
        "another order": ("train, loss, accuracy\n", "train, accuracy, loss\n", "values"),
        "one network a graph": ("variable_scope(None, name)", "variable_scope(name)", "start twice"),
        "weights shared": ("variable_scope(None, name)", "variable_scope(name, reuse=tf.AUTO_REUSE)", "start twice"),
    },
    "keras": {
        "glorot": ('"kernel_initializer": "he_normal"', '"kernel_initializer": "glorot_uniform"', "start"),
        "he_uniform": ('"kernel_initializer": "he_normal"', '"kernel_initializer": "he_uniform"', "start"),
        "scale 1.0": ('"kernel_initializer": "he_normal"', '"kernel_initializer": "lecun_normal"', "start"),
        "one initializer for all": (
            '"kernel_initializer": "he_normal"',
            '"kernel_initializer": K.initializers.HeNormal(seed=1)',
            "start",
        ),
        "initializer missing on the last layer": (OUTPUT, 'activation="softmax")', "start"),
        "initializer as regularizer": (
            OUTPUT,
            'activation="softmax", kernel_regularizer=K.initializers.HeNormal())',
            "layers start",
        ),
        "no softmax": ('activation="softmax",', "activation=None,", "layers values step"),
        "softmax on the wrong layer": (
            "Dense(84, **hidden)",
            'Dense(84, activation="softmax", kernel_initializer="he_normal")',
            "layers values step",
        ),
        "no bias": ("Dense(84, **hidden)", "Dense(84, use_bias=False, **hidden)", "layers values step"),
        "first convolution valid": (CONV_1, CONV_1.replace("same", "valid"), "layers values step"),
        "second convolution same": (CONV_2, CONV_2.replace("valid", "same"), "layers values step"),
        "average pool": (KERAS_POOL, KERAS_POOL.replace("Max", "Average"), "layers values step"),
        "pool same": (KERAS_POOL, KERAS_POOL.replace("))(", '), padding="same")('), "layers"),
        "missing relu": (
            "Dense(120, **hidden)",
            'Dense(120, kernel_initializer="he_normal")',
            "layers values step",
        ),
        "83 units": ("Dense(84,", "Dense(83,", "layers values step"),
        "stochastic gradient descent": ("optimizers.Adam()", "optimizers.SGD()", "compiled step"),
        "Adam at another rate": ("optimizers.Adam()", "optimizers.Adam(0.01)", "compiled step"),
        "another loss": ("categorical_crossentropy", "mean_squared_error", "compiled values step"),
        "loss on logits": (
            '"categorical_crossentropy"',
            "K.losses.CategoricalCrossentropy(from_logits=True)",
            "compiled values step",
        ),
        "no accuracy": (', metrics=["accuracy"]', "", "compiled values"),
        "frozen": ("    return model", "    model.layers[1].trainable = False\n    return model", "layers step"),
    },
}
