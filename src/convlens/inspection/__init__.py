"""Inspection of a network: the inputs, outputs and gradients of each layer, and the images most similar to an image."""

from convlens.inspection.neighbours import nearest_images
from convlens.inspection.trace import trace

__all__ = ["nearest_images", "trace"]
