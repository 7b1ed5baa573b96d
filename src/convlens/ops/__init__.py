"""The operations of a network, one file for each; the backward stands under its forward.

Each file's `__all__` lists the names that are public here.
The backward takes the incoming gradient first, then the forward's own arguments. Gradients are returned, never
accumulated. Arrays are float32 or float64; images are NHWC, kernels HWIO. A result has the inputs' dtype, and no
argument is changed.

Beside them are functions of arrays with Keras's names, `convlens.ops.mean`, for losses of one's own; see `functions`.
"""

import importlib
from typing import Any

from convlens.ops import activations, batch_norm, conv, dense, depthwise, global_pool, losses, norm, pool
from convlens.ops.activations import *
from convlens.ops.batch_norm import *
from convlens.ops.conv import *
from convlens.ops.dense import *
from convlens.ops.depthwise import *
from convlens.ops.global_pool import *
from convlens.ops.losses import *
from convlens.ops.norm import *
from convlens.ops.pool import *

__all__: list[str] = []
__all__ += activations.__all__
__all__ += batch_norm.__all__
__all__ += conv.__all__
__all__ += dense.__all__
__all__ += depthwise.__all__
__all__ += global_pool.__all__
__all__ += losses.__all__
__all__ += norm.__all__
__all__ += pool.__all__


def __getattr__(name: str) -> Any:
    functions = importlib.import_module("convlens.ops.functions")
    if name in functions.FUNCTIONS:
        return getattr(functions, name)
    raise AttributeError(
        f"convlens.ops has no {name}: it has Keras's functions {', '.join(functions.FUNCTIONS)}; NumPy has others, "
        "which have no gradient here"
    )
