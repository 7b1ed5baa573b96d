"""The environment of the worker processes: the kernels that the libraries may choose, and those that they chose.

Each library chooses its kernels by the processor. OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE overrule OpenBLAS's choice,
so the workers do not get them. With CONVLENS_BENCHMARK_VECTORS=256, which `python -m benchmarks --vectors 256` sets,
all libraries are held to vectors of 256 bits, as on a machine without AVX-512; ONNX Runtime alone has no such setting.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Any

from benchmarks.table import Row

OVERRULES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
VECTORS = "CONVLENS_BENCHMARK_VECTORS"
NARROW = {
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma,+f16c,+bmi,+bmi2,+lzcnt,+popcnt,+sse4.1,+sse4.2",
    "OPENBLAS_CORETYPE": "Haswell",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
}


def is_narrow() -> bool:
    """Return whether the libraries are held to vectors of 256 bits."""
    return os.environ.get(VECTORS) == "256"


def environment() -> dict[str, str]:
    """Return the environment of a worker."""
    kept = {name: value for name, value in os.environ.items() if name not in OVERRULES}
    return kept | (NARROW if is_narrow() else {})


def kernels() -> str:
    """Return the kernels that the loaded libraries of this process chose, as far as the libraries say it."""
    from threadpoolctl import threadpool_info

    found = set()
    for pool in threadpool_info():
        if pool["user_api"] == "blas":
            found.add(" ".join(filter(None, (_BLAS.get(pool["internal_api"], "BLAS"), pool.get("architecture")))))
    torch: Any = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "backends"):
        found.add(f"PyTorch {torch.backends.cpu.get_cpu_capability()}")
    own: Any = sys.modules.get("convlens.engines.compiled.registers")
    if own is not None:
        found.add(f"convlens {own.BYTES * 8}-bit")
    return ", ".join(sorted(found)) or "the libraries do not say"


_BLAS = {"openblas": "OpenBLAS", "mkl": "MKL", "blis": "BLIS"}


def kernels_row(ready: Iterable[tuple[str, dict[str, Any]]]) -> Row:
    """Return a row that says which kernels ran. ready: program, first answer of its worker."""
    programs: dict[str, list[str]] = {}
    for name, answer in ready:
        programs.setdefault(answer.get("kernels", "unknown"), []).append(name)
    note = "; ".join(f"{', '.join(names)}: {found}" for found, names in programs.items())
    return Row("kernels that ran", "", None, "", True, note)
