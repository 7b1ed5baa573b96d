"""The start of a sandbox's host process in each tier: its command, its environment, the files that it may read."""

from __future__ import annotations

import functools
import importlib.util
import os
import secrets
import shutil
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Launch", "plan"]

_GUEST_SIDE = Path(__file__).resolve().with_name("guest_side")
# Packages that import no other package. For any other package, everything in the same folder is readable too.
_SELF_CONTAINED = ("numpy", "pycodestyle")
# Packages that TensorFlow and Keras would import if they found them. No task needs them, and they take half of the time
_UNNEEDED = ("jax", "jaxlib", "matplotlib", "pandas", "scipy", "sklearn")
_LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/lib32", "/lib", "/lib64", "/lib32")
_LOADER = ("/etc/ld.so.cache", "/etc/alternatives")
_SYSTEM = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat")
_SITES = ("site-packages", "dist-packages")
_TEMPORARY = 2**28  # bytes of /tmp with bubblewrap: four files of the largest size, `sandbox._FILE_BYTES`
_OWN_FOLDER = "/run/convlens"  # the folder of the host's own files with bubblewrap

# Of root's rights, what the host needs to become another user, to end guests and to remove their files
_RIGHTS = ("CAP_SETUID", "CAP_SETGID", "CAP_KILL", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SETPCAP")
_HOST_RIGHTS = tuple(word for right in _RIGHTS for word in ("--cap-add", right))
_ISOLATED = ("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try")

_START = (
    "import sys; guest_side, packages, handle = sys.argv[1:]; "
    "sys.path.insert(0, guest_side); sys.path.append(packages); import fork_server; fork_server.main(int(handle))"
)
# Like -I, but Python reads the environment, since it has PYTHONHASHSEED. It is not the user's environment
_FLAGS = ("-s", "-S", "-P", "-B", "-X", "utf8")

ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",  # with oneDNN, TensorFlow 2.21 overwrites memory
    "CUDA_VISIBLE_DEVICES": "-1",
    "GRPC_VERBOSITY": "NONE",
}


@dataclass(frozen=True)
class Launch:
    """How to start a host process: its command, its environment, and `settings`, the first message to it."""

    command: list[str]
    environment: dict[str, str]
    settings: dict[str, Any]


def plan(tier: str, packages: Sequence[str], folder: Path | None, handle: int, mark: str) -> Launch:
    """Return how to start a host process, and create the folders that it needs in `folder`.

    packages: packages that guests may import; folder: the host's private folder, None with bubblewrap; handle: file
    descriptor of the host's socket; mark: the value of the environment variable CONVLENS_SANDBOX. Raise
    ModuleNotFoundError if a package is not installed, OSError if the tier is bubblewrap and bwrap is not installed.
    """
    importable = _importable(packages)
    user = _other_user() if os.geteuid() == 0 else None
    environment = {**ENVIRONMENT, "CONVLENS_SANDBOX": mark}
    python = os.path.realpath(sys.executable)
    settings: dict[str, Any] = {"tier": tier, "packages": list(packages), "read": [], "listed": []}
    if folder is None:
        program = _program()
        user = user if user is not None and _keeps_users(program) else None
        settings |= {"guests": "/tmp", "own": "", "read": ["/"]}
        own_modules, modules, home = f"{_OWN_FOLDER}/guest_side", f"{_OWN_FOLDER}/packages", "/tmp"
        command = _bubblewrap(program, python, importable, other_user=user is not None)
    else:
        guests, links = folder / "guests", folder / "packages"
        for made in (guests, links):
            made.mkdir()
        for name, path in importable.items():
            (links / name).symlink_to(path)
        settings |= {"guests": str(guests), "own": str(folder)}
        own_modules, modules, home = str(_GUEST_SIDE), str(links), str(guests)
        command = []
        if tier == "landlock":
            wanted = [*_libraries(), python, *importable.values(), str(_GUEST_SIDE), str(links), *_SYSTEM, "/proc/self"]
            wanted.append("/sys/devices/system/cpu")
            settings["read"], settings["listed"] = _split_readable(wanted, _hidden())
        if user is not None and all(_open_to_others(path) for path in (python, str(_GUEST_SIDE), *importable.values())):
            for made in (folder, guests, links):
                made.chmod(0o711)
        else:
            user = None
    settings["user"] = user
    environment |= {"HOME": home, "TMPDIR": home}
    if command:
        command += [word for name, value in environment.items() for word in ("--setenv", name, value)] + ["--"]
    command += [python, *_FLAGS, "-c", _START, own_modules, modules, str(handle)]
    return Launch(command, environment, settings)


def _importable(packages: Sequence[str]) -> dict[str, str]:
    """Return the installed files and folders that guests can import, by name: the packages and what they need."""
    found: dict[str, str] = {}
    for package in ("numpy", *packages):
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.origin:
            raise ModuleNotFoundError(f"checking this needs {package}; it is not installed", name=package)
        path = Path(spec.origin)
        path = path.parent if spec.submodule_search_locations else path
        if package in _SELF_CONTAINED:
            beside = (path, path.with_name(f"{package}.libs"))
            found |= {one.name: str(one) for one in beside if one.exists()}
        else:
            others = (one for one in path.parent.iterdir() if not one.name.startswith(("convlens", "__editable__")))
            needed = (one for one in others if one.name not in _UNNEEDED)
            found |= {one.name: str(one) for one in needed if one.suffix not in (".pth", ".egg-link")}
    return found


def _libraries() -> list[str]:
    """Return the folders of the standard library and of shared libraries, and the files of the dynamic loader."""
    prefix = Path(sys.base_prefix)
    found = [str(path) for path in (prefix / "lib", prefix / "lib64") if path.exists()]
    return [*(path for path in (*_LIBRARIES, *_LOADER) if Path(path).exists()), *found, sysconfig.get_path("stdlib")]


def _hidden() -> list[Path]:
    """Return the folders that must stay hidden even inside a readable folder: convlens and all installed packages."""
    package = Path(__file__).resolve().parents[2]
    stdlib = Path(sysconfig.get_path("stdlib"))
    sites = [Path(entry) for entry in sys.path if Path(entry).name in _SITES]
    return [package, *(stdlib / name for name in _SITES), *sites]


def _split_readable(wanted: Iterable[str], hidden: Sequence[Path]) -> tuple[list[str], list[str]]:
    """Return two lists: paths that may be read whole, and folders with hidden contents, which may only be listed.

    A wanted path inside a hidden folder may be read, because it was named explicitly.
    """
    keep: dict[str, None] = {}
    listed: dict[str, None] = {}
    waiting = list({Path(path if path == "/proc/self" else os.path.realpath(path)) for path in wanted})
    while waiting:
        path = waiting.pop()
        if any(one != path and one.is_relative_to(path) for one in hidden):
            listed[str(path)] = None
            waiting += [one for one in path.iterdir() if one not in hidden and not one.is_symlink()]
        else:
            keep[str(path)] = None
    return list(keep), list(listed)


def _other_user() -> int:
    """Return the ID of a user that owns nothing, another one for each sandbox, so that limits count only its guests."""
    return 30_000 + secrets.randbelow(30_000)  # below 65,536, the IDs that most containers know


def _open_to_others(path: str) -> bool:
    """Return whether any user may read a file or folder and go through all folders above it."""
    place = Path(os.path.realpath(path))
    try:
        above = all(one.stat().st_mode & stat.S_IXOTH for one in place.parents)
        return above and bool(place.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def _program() -> str:
    program = shutil.which("bwrap")
    if program is None:
        raise OSError("bubblewrap needs the program bwrap, which is not installed")
    return program


@functools.cache
def _keeps_users(program: str) -> bool:
    """Return whether bwrap works without a user namespace, in which there would be no other user to become."""
    words = [program, *_ISOLATED, "--cap-drop", "ALL", *_HOST_RIGHTS, "--ro-bind", "/", "/", "--", "true"]
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _bubblewrap(program: str, python: str, importable: dict[str, str], *, other_user: bool) -> list[str]:
    """Return the start of the command: bwrap with all that the host may see, read-only except for /tmp.

    other_user: whether guests become another user. The host then keeps the rights that this needs; guests have none.
    """
    words = [program, "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"]
    words += [*_ISOLATED, *_HOST_RIGHTS] if other_user else ["--unshare-all"]
    paths = [*_libraries(), python, f"{_OWN_FOLDER}/packages/numpy"]
    above = {parent for path in paths for parent in Path(path).parents if parent != Path("/")}
    for folder in sorted(above):  # without this, bwrap copies the modes of the real folders, such as those of /root
        words += ["--perms", "0755", "--dir", str(folder)]
    bound: list[Path] = []
    for path in dict.fromkeys([*_libraries(), python]):
        if Path(path).is_symlink() and path in _LIBRARIES:
            words += ["--symlink", str(Path(path).readlink()), path]
        elif not any(Path(path).is_relative_to(other) for other in bound):
            words += ["--ro-bind", path, path]
            bound.append(Path(path))
    for hidden in dict.fromkeys(_hidden()):
        if hidden.is_dir() and any(hidden.is_relative_to(other) for other in bound):
            words += ["--tmpfs", str(hidden), "--remount-ro", str(hidden)]
    words += ["--ro-bind", str(_GUEST_SIDE), f"{_OWN_FOLDER}/guest_side"]
    for name, path in importable.items():
        words += ["--ro-bind", path, f"{_OWN_FOLDER}/packages/{name}"]
    words += ["--proc", "/proc", "--dev", "/dev", "--size", str(_TEMPORARY), "--tmpfs", "/tmp", "--chdir", "/tmp"]
    # /proc is read-only too, since root may write the kernel's settings in /proc/sys, even without capabilities
    return [*words, "--remount-ro", "/proc", "--remount-ro", "/dev", "--remount-ro", "/"]
