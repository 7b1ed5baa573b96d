"""The download, tested with mirrors on the loopback interface that fail in many ways."""

import gzip
import hashlib
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from tests.support.places import SHARED

from convlens.data import download, load
from convlens.data.download import FILES, MIRRORS, MnistFile, cache_folder, fetch, is_cached

MNIST = SHARED / "data" / "MNIST.npz"
CONTENT = {"a-ubyte": b"first" * 50, "b-ubyte": bytes(range(256)) * 300}
SMALL = tuple(MnistFile(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in CONTENT.items())


class Mirrors(ThreadingHTTPServer):
    """Several mirrors in one server. /good/ has all files; each other mirror fails in the way its name says."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.content = dict(CONTENT)
        self.asked: list[str] = []

    def mirror(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}/"


def packed(content: bytes) -> bytes:
    return gzip.compress(content, 1)


BODIES: dict[str, Callable[[bytes], bytes]] = {
    "good": packed,
    "cut": packed,
    "altered": lambda content: packed(b"x" + content[1:]),
    "longer": lambda content: packed(content + b"more"),
    "half-gzip": lambda content: packed(content)[: len(packed(content)) // 2],
    "page": lambda content: b"<html>Sign in to the network</html>",
    "unpacked": lambda content: content,
    "endless": lambda content: bytes(200_000),
}


class Answer(BaseHTTPRequestHandler):
    """The handler of one request."""

    server: Mirrors

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        _, mirror, name = self.path.split("/")
        if mirror == "missing":
            self.send_error(404)
            return
        if mirror == "silent":
            self.close_connection = True
            return
        body = BODIES[mirror](self.server.content[name.removesuffix(".gz")])
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if mirror == "cut" else body)

    def log_message(self, *_: object) -> None:
        """Write nothing to standard error."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirrors]:
    """A running server. Requests to it do not use a proxy."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Mirrors() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def assert_whole(folder: Path) -> None:
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENT


@pytest.mark.smoke
def test_downloads_once_into_the_cache(server: Mirrors, tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet"
    assert not is_cached(files=SMALL, folder=folder)
    assert fetch(mirrors=[server.mirror("good")], files=SMALL, folder=folder) == folder
    assert_whole(folder)
    assert server.asked == ["/good/a-ubyte.gz", "/good/b-ubyte.gz"]
    assert is_cached(files=SMALL, folder=folder)
    assert fetch(mirrors=[server.mirror("good")], files=SMALL, folder=folder) == folder
    assert len(server.asked) == 2


REASONS = {
    "missing": "HTTP 404",
    "silent": "no connection: ConnectionError",
    "cut": "cut off after ",
    "altered": f"its content has the sha256 {hashlib.sha256(b'xirst' + CONTENT['a-ubyte'][5:]).hexdigest()}, "
    f"not {SMALL[0].sha256}",
    "longer": "its content has the sha256 ",
    "half-gzip": "not a whole gzip file: ",
    "page": "its content has the sha256 ",
    "endless": "it sends more than 4,346 bytes",
}


@pytest.mark.parametrize("failing", REASONS)
def test_the_next_mirror_is_used_if_one_fails(server: Mirrors, tmp_path: Path, failing: str) -> None:
    fetch(mirrors=[server.mirror(failing), server.mirror("good")], files=SMALL, folder=tmp_path)
    assert_whole(tmp_path)
    assert server.asked == [f"/{mirror}/{name}.gz" for name in CONTENT for mirror in (failing, "good")]


@pytest.mark.parametrize("failing", REASONS)
def test_when_all_fail_the_error_has_every_reason_and_what_to_do(server: Mirrors, tmp_path: Path, failing: str) -> None:
    mirrors = [server.mirror(failing), server.mirror("missing")]
    with pytest.raises(ValueError) as caught:
        fetch(mirrors=mirrors, files=SMALL, folder=tmp_path)
    text = str(caught.value)
    assert text.startswith(f"a-ubyte could not be downloaded from any mirror: {mirrors[0]} ({REASONS[failing]}")
    assert text.endswith(
        f"; {mirrors[1]} (HTTP 404). Give a path with --data, to an .npz file or a folder of MNIST's four IDX files, "
        f"or put those files into {tmp_path}"
    )
    assert "\n" not in text and caught.value.__cause__ is None
    assert list(tmp_path.iterdir()) == []


def test_a_server_may_send_the_content_unpacked(server: Mirrors, tmp_path: Path) -> None:
    fetch(mirrors=[server.mirror("unpacked")], files=SMALL, folder=tmp_path)
    assert_whole(tmp_path)


def test_a_closed_port_is_named_as_a_reason(server: Mirrors, tmp_path: Path) -> None:
    closed = server.mirror("good")
    server.server_close()
    with pytest.raises(ValueError, match=rf"{closed} \(no connection: ConnectionError\)"):
        fetch(mirrors=[closed], files=SMALL, folder=tmp_path)


def test_a_server_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        mirror = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        with pytest.raises(ValueError, match=r"\(no answer in 0.2 s\)"):
            fetch(mirrors=[mirror], files=SMALL, folder=tmp_path)


@pytest.mark.smoke
@pytest.mark.parametrize("damage", [b"", b"first" * 49 + b"last!", b"first" * 51])
def test_an_altered_file_in_the_cache_is_downloaded_again(server: Mirrors, tmp_path: Path, damage: bytes) -> None:
    fetch(mirrors=[server.mirror("good")], files=SMALL, folder=tmp_path)
    (tmp_path / "a-ubyte").write_bytes(damage)
    assert not is_cached(files=SMALL, folder=tmp_path)
    fetch(mirrors=[server.mirror("good")], files=SMALL, folder=tmp_path)
    assert_whole(tmp_path)
    assert server.asked[2:] == ["/good/a-ubyte.gz"]


def test_a_bar_is_drawn_only_when_asked(server: Mirrors, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fetch(mirrors=[server.mirror("missing"), server.mirror("good")], files=SMALL, folder=tmp_path / "without")
    assert capfd.readouterr() == ("", "")
    fetch(True, mirrors=[server.mirror("missing"), server.mirror("good")], files=SMALL, folder=tmp_path / "shown")
    out, err = capfd.readouterr()
    assert out == "" and "a-ubyte.gz" in err and "b-ubyte.gz" in err
    assert_whole(tmp_path / "shown")


@pytest.mark.smoke
def test_the_cache_is_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVLENS_DATA", str(tmp_path))
    assert cache_folder() == tmp_path / "mnist"
    assert not is_cached()
    monkeypatch.delenv("CONVLENS_DATA")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert cache_folder().parts[-2:] == ("convlens", "mnist")
    assert tmp_path in cache_folder().parents


def test_a_cache_that_cannot_be_written_is_named(server: Mirrors, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match=str(tmp_path / "file")):
        fetch(mirrors=[server.mirror("good")], files=SMALL, folder=tmp_path / "file" / "folder")


@pytest.mark.smoke
def test_there_are_mirrors_by_https_and_all_four_files() -> None:
    assert len(MIRRORS) >= 2
    assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in MIRRORS)
    assert [file.size for file in FILES] == [16 + 60_000 * 784, 8 + 60_000, 16 + 10_000 * 784, 8 + 10_000]


@pytest.mark.skipif(not MNIST.exists(), reason="needs the full MNIST at ../shared/data/MNIST.npz")
def test_the_real_files_are_downloaded_and_loaded(
    server: Mirrors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with np.load(MNIST) as full:
        x = np.concatenate([full["X_train"], full["X_valid"]]), full["X_test"]
        y = np.concatenate([full["Y_train"], full["Y_valid"]]), full["Y_test"]
    headers = ["00000803 0000ea60 0000001c 0000001c", "00000801 0000ea60"]
    headers += ["00000803 00002710 0000001c 0000001c", "00000801 00002710"]
    bodies = [x[0] * 256, y[0], x[1] * 256, y[1]]
    for file, header, body in zip(FILES, headers, bodies, strict=True):
        server.content[file.name] = bytes.fromhex(header) + body.astype(np.uint8).tobytes()
    monkeypatch.setenv("CONVLENS_DATA", str(tmp_path))
    monkeypatch.setattr(download, "fetch", partial(fetch, mirrors=[server.mirror("good")]))
    digits = load("mnist")
    assert digits.source == "mnist"
    assert digits.fingerprint == load(MNIST).fingerprint
    assert len(server.asked) == 4
    assert is_cached()
    assert {path.name for path in (tmp_path / "mnist").iterdir()} == {file.name for file in FILES}
