"""One operation a file, forward with backward under it. Each file's `__all__` says what of it is public here.

The backward takes the incoming gradient first, then the forward's own arguments. Gradients are returned, never
accumulated.
Arrays are float32 or float64, NHWC and HWIO; results take the inputs' dtype, and nothing passed in is changed.
"""

from convlens.ops import activations, conv, dense, losses, norm, pool
from convlens.ops.activations import *
from convlens.ops.conv import *
from convlens.ops.dense import *
from convlens.ops.losses import *
from convlens.ops.norm import *
from convlens.ops.pool import *

__all__: list[str] = []
__all__ += activations.__all__
__all__ += conv.__all__
__all__ += dense.__all__
__all__ += losses.__all__
__all__ += norm.__all__
__all__ += pool.__all__
