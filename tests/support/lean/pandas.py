"""In place of pandas in a child process: Keras imports it for a part that no test of convlens uses, and does without it."""

raise ImportError("pandas is left out to save time")
