"""Download the full MNIST into the user's cache: several mirrors, and a sha256 for every file."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from convlens.storage.atomic import atomic_write

__all__ = ["FILES", "MIRRORS", "MnistFile", "cache_folder", "fetch", "is_cached"]

_TIMEOUT = 30  # seconds without data from the server


class MnistFile(NamedTuple):
    """An IDX file: its name, and the size in bytes and the sha256 of its unpacked content. Mirrors serve `name`.gz."""

    name: str
    size: int
    sha256: str


MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
# Size and sha256 are those of the unpacked content, because gzip may pack equal content into different bytes.
FILES = (
    MnistFile("train-images-idx3-ubyte", 47040016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    MnistFile("train-labels-idx1-ubyte", 60008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    MnistFile("t10k-images-idx3-ubyte", 7840016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    MnistFile("t10k-labels-idx1-ubyte", 10008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
)


def cache_folder() -> Path:
    """Return the folder for downloads: `mnist` in the folder that the variable CONVLENS_DATA names.

    Without this variable it is `mnist` in the user's cache folder for convlens.
    """
    if chosen := os.environ.get("CONVLENS_DATA"):
        return Path(chosen).expanduser() / "mnist"
    import pooch

    return Path(pooch.os_cache("convlens")).expanduser() / "mnist"


def is_cached(*, files: Sequence[MnistFile] = FILES, folder: str | os.PathLike[str] | None = None) -> bool:
    """Return whether every file is in the cache with the right content, so that `fetch` would download nothing."""
    where = cache_folder() if folder is None else Path(folder)
    return all(_is_whole(where / file.name, file) for file in files)


def fetch(
    progress: bool = False,
    *,
    mirrors: Sequence[str] = MIRRORS,
    files: Sequence[MnistFile] = FILES,
    folder: str | os.PathLike[str] | None = None,
) -> Path:
    """Return the folder with the four unpacked IDX files of MNIST. Download files that are missing or changed.

    Each file is requested from one mirror after another until its content has the right sha256. If `progress` is true,
    a progress bar is shown on standard error.

    Raises ValueError if no mirror has a file, with the reason of each mirror. Raises OSError if the cache cannot be
    written.
    """
    where = cache_folder() if folder is None else Path(folder)
    for file in files:
        if _is_whole(where / file.name, file):
            continue
        content = _from_mirrors(file, mirrors, where, progress)
        where.mkdir(parents=True, exist_ok=True)
        with atomic_write(where / file.name) as target:
            target.write(content)
    return where


def _is_whole(path: Path, file: MnistFile) -> bool:
    return path.is_file() and path.stat().st_size == file.size and _sha256(path.read_bytes()) == file.sha256


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _from_mirrors(file: MnistFile, mirrors: Sequence[str], folder: Path, progress: bool) -> bytes:
    reasons = []
    for mirror in mirrors:
        try:
            return _download(f"{mirror}{file.name}.gz", file, progress)
        except _MirrorError as error:
            reasons.append(f"{mirror} ({error})")
    raise ValueError(
        f"{file.name} could not be downloaded from any mirror: {'; '.join(reasons)}. Give a path with --data, "
        f"to an .npz file or a folder of MNIST's four IDX files, or put those files into {folder}"
    )


class _MirrorError(Exception):
    """The reason why a mirror was not used."""


def _download(url: str, file: MnistFile, progress: bool) -> bytes:
    """Return the unpacked, checked content at `url`. Raises _MirrorError with the reason if there is none."""
    import pooch
    import requests

    bar = _Bar(f"{file.name}.gz") if progress else None
    buffer = _Buffer(file.size)
    try:
        pooch.HTTPDownloader(progressbar=bar or False, chunk_size=1 << 16, timeout=_TIMEOUT)(url, buffer, None)
    except requests.HTTPError as error:
        raise _MirrorError(f"HTTP {error.response.status_code if error.response is not None else 'error'}") from None
    except requests.Timeout:
        raise _MirrorError(f"no answer in {_TIMEOUT} s") from None
    except requests.exceptions.ChunkedEncodingError:
        raise _MirrorError(f"cut off after {buffer.tell():,} bytes") from None
    except requests.RequestException as error:
        raise _MirrorError(f"no connection: {type(error).__name__}") from None
    finally:
        if bar:
            bar.close()
    buffer.seek(0)
    content = _unpacked(buffer, file.size)
    if _sha256(content) != file.sha256:
        raise _MirrorError(f"its content has the sha256 {_sha256(content)}, not {file.sha256}")
    return content


def _unpacked(buffer: io.BytesIO, size: int) -> bytes:
    """Return the unpacked content, at most `size` + 1 bytes. Raises _MirrorError for a damaged gzip file.

    Some servers send the content already unpacked; it is returned unchanged.
    """
    if not buffer.getvalue().startswith(b"\x1f\x8b"):
        return buffer.getvalue()
    try:
        return gzip.GzipFile(fileobj=buffer).read(size + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise _MirrorError(f"not a whole gzip file: {error}") from None


class _Buffer(io.BytesIO):
    """A buffer in memory for a download, with a limit on its size."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._most = size + 4096

    def write(self, chunk: bytes) -> int:  # type: ignore[override]
        """Append `chunk`. Raises _MirrorError if the mirror sends more bytes than the file can have."""
        if self.tell() + len(chunk) > self._most:
            raise _MirrorError(f"it sends more than {self._most:,} bytes")
        return super().write(chunk)


class _Bar:
    """pooch's progress bar (`total`, `update`, `reset`, `close`), drawn by rich on standard error."""

    def __init__(self, label: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._task = self._progress.add_task(label, total=None)
        self._progress.start()

    def __setattr__(self, name: str, value: object) -> None:
        """Pass `total` on to the bar. pooch sets it when it knows the size."""
        if name == "total":
            self._progress.update(self._task, total=value or None)  # type: ignore[arg-type]
        else:
            super().__setattr__(name, value)

    def update(self, size: int) -> None:
        """Advance the bar by `size` bytes."""
        self._progress.update(self._task, advance=size)

    def reset(self) -> None:
        """Set the bar back to 0."""
        self._progress.update(self._task, completed=0)

    def close(self) -> None:
        """Stop drawing. The bar stays visible as it is."""
        self._progress.stop()
