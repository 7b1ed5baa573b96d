"""In place of sklearn in a child process: Keras imports it for a part that no test of convlens uses, and does without it."""

raise ImportError("sklearn is left out to save time")
