"""In place of Matplotlib in a child process that draws nothing: Keras would import it."""

raise ImportError("matplotlib is left out to save time")
