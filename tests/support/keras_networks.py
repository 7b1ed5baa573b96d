"""Small networks made with Keras, for tests of what is imported and what is refused."""


def lacks(*layers):
    """The beginning of the message for these layers, which convlens does not have."""
    return f"convlens has no layer for {', '.join(layers)}; it has "


def stack(*layers, shape=(8, 7, 2), end=True):
    """A function that builds a network of these layers, with Flatten and Dense at the end unless `end` is False."""

    def build(keras):
        made = [layer(keras.layers) for layer in layers]
        tail = [keras.layers.Flatten(name="flat"), keras.layers.Dense(3, name="last")] if end else []
        return keras.Sequential([keras.Input(shape), *made, *tail])

    return build


def conv(**settings):
    return lambda kinds: kinds.Conv2D(4, (3, 2), name="a", **settings)


def dense(**settings):
    return lambda kinds: kinds.Dense(4, name="a", **settings)


def kind(name, *arguments, **settings):
    return lambda kinds: getattr(kinds, name)(*arguments, **settings, name="a")


FLAT = kind("Flatten")


def layers_of(keras, *layers, shape=(8, 7, 2)):
    return keras.Sequential([keras.Input(shape), *layers])
