"""Machine code of kernels. A kernel is compiled at its first use on a machine; later starts link it without Numba.

A compiled kernel is one file: the SHA-256 of the rest, the name of its function, and an object file, which LLVM links
into the process. The folder is named by a digest of all that machine code depends on: the sources of this package, the
versions of Numba and of what it uses, the processor, and Numba's settings. So a change of any of them compiles all
kernels again.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import secrets
import shutil
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numpy as np

__all__ = ["address_of", "compiled_here", "folder", "may_raise", "setting"]

_NAME = "convlens-kernels-"
_KEPT = 3  # folders of other versions that stay
_SETTINGS = Path(".numba_config.yaml")
_APART = {"NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS"}  # settings on which the machine code does not depend
_SHA256 = 32  # bytes

Code = tuple[str, bytes]  # the name of a function, and the object file that has it


def setting(name: str) -> Any:
    """Return one of Numba's settings, from the environment or from Numba's settings file; None if it is not set."""
    if _SETTINGS.is_file():
        return getattr(importlib.import_module("numba").config, name, None)
    return os.environ.get(f"NUMBA_{name}")


def digest() -> str:
    """Return a digest of all that the machine code depends on."""
    numba = importlib.util.find_spec("numba")
    parts = [
        sys.version,
        np.__version__,
        llvmlite.__version__,
        str(Path(numba.origin).stat().st_mtime_ns if numba and numba.origin else None),
        llvm.get_process_triple(),
        llvm.get_host_cpu_name(),
        llvm.get_host_cpu_features().flatten(),
        *(f"{name}={os.environ[name]}" for name in sorted(os.environ.keys() - _APART) if name.startswith("NUMBA_")),
        *(path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("*.py"))),
        *(path.read_text(encoding="utf-8") for path in [_SETTINGS] if path.is_file()),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


@cache
def folder() -> Path | None:
    """Return the folder of compiled kernels: in NUMBA_CACHE_DIR, beside this file or in the user's cache folder.

    Returns None, with a warning, if none of them can be written.
    """
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    own = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser(), "convlens")
    for place in [chosen] if chosen else [Path(__file__).with_name("__pycache__"), own]:
        found = Path(place, _NAME + digest())
        with suppress(OSError):
            if not found.is_dir():
                found.mkdir(parents=True)
                _forget_old(found)
            if os.access(found, os.W_OK):
                return found
    warnings.warn(
        "the engine numba finds no folder for its compiled kernels, so it compiles them at each start, which takes "
        "some seconds; set NUMBA_CACHE_DIR to a folder that it may write to",
        RuntimeWarning,
        stacklevel=2,
    )
    return None


def _forget_old(new: Path) -> None:
    """Remove the folders of other versions, except the newest ones."""
    others = [path for path in new.parent.glob(f"{_NAME}*") if path != new]
    for path in sorted(others, key=lambda path: path.stat().st_mtime)[:-_KEPT]:
        shutil.rmtree(path, ignore_errors=True)


def _read(path: Path) -> Code | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    known, rest = data[:_SHA256], data[_SHA256:]
    if hashlib.sha256(rest).digest() != known:
        return None  # a damaged file
    name, _, code = rest.partition(b"\n")
    return name.decode(), code


def _write(path: Path, name: str, code: bytes) -> None:
    rest = name.encode() + b"\n" + code
    temporary = path.with_name(f"{secrets.token_hex(8)}.tmp")
    with suppress(OSError):  # a full disk, for example
        temporary.write_bytes(hashlib.sha256(rest).digest() + rest)
        temporary.replace(path)


@cache
def _linker() -> Any:
    """Return LLVM's linker for this process."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly("")
    module.triple = llvm.get_process_triple() + ("-elf" if os.name == "nt" else "")  # Numba's object files are ELF
    machine = llvm.Target.from_triple(module.triple).create_target_machine(jit=True, codemodel="jitdefault")
    return llvm.create_mcjit_compiler(module, machine)


def may_raise(code: bytes) -> bool:
    """Return whether a function may raise an error, as a range with a step of 0 does. Then it needs Numba to run."""
    return b"numba_gil_ensure" in code


def _link(name: str, code: bytes) -> int:
    if may_raise(code):
        _ = importlib.import_module("numba").core.registry.cpu_target.target_context  # registers what the code calls
    linker = _linker()
    linker.add_object_file(llvm.ObjectFileRef.from_data(code))
    linker.finalize_object()
    address: int = linker.get_function_address(name)
    return address


_lock = threading.RLock()
_addresses: dict[str, int] = {}
_compiled: list[str] = []


def address_of(key: str, compile: Callable[[], Code]) -> int:
    """Return the address of the function that `key` identifies. It is compiled if no file has it."""
    with _lock:
        if key not in _addresses:
            path = None if folder() is None else Path(folder() or "", f"{key}.kernel")
            found = None if path is None else _read(path)
            if found is None:
                _compiled.append(key)
                found = compile()
                if path is not None:
                    _write(path, *found)
            _addresses[key] = _link(*found)
        return _addresses[key]


def compiled_here() -> int:
    """Return how many functions this process has compiled or begun to compile."""
    return len(_compiled)


if setting("DISABLE_JIT") not in (None, "", "0", 0):
    raise ImportError("Numba's compiler is switched off; unset NUMBA_DISABLE_JIT to use it")
if folder() is None or not any(Path(folder() or "").iterdir()):
    importlib.import_module("numba")  # to fail here, not at the first kernel, where Numba does not load
