"""Looking into a network: what each layer saw and made, and what looks alike to it."""

from convlens.inspection.neighbours import nearest_images
from convlens.inspection.trace import trace

__all__ = ["nearest_images", "trace"]
