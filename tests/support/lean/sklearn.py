"""In place of scikit-learn in a child process: Keras imports it for a part that no test here uses."""

raise ImportError("sklearn is left out to save time")
