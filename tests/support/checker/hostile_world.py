"""The targets that hostile files attack: another process, files and sockets, all made by the test."""

import os
import platform
import resource
import select
import socket
import subprocess
import sys
from pathlib import Path

from tests.support.places import CHECKER

import convlens
from convlens.checker.sandbox.guest_side import processes

HOSTILE = CHECKER / "hostile"
SECRET = "convlens-canary-" + os.urandom(8).hex()
ANSWER = "import os\nwhile os.read(0, 1): os.write(1, b'x')"  # ends when its standard input is closed


class World:
    """The targets of an attack, and whether they were reached."""

    def __init__(self, folder):
        self.folder = folder
        self.secret, self.owned, self.made = folder / "secret.py", folder / "owned", folder / "made"
        self.secret.write_text(SECRET)
        package = Path(convlens.__file__).parent
        self.oracle = [package / "ops" / "conv.py", package.parent.parent / "0x07-cnn" / "0-conv_forward.py"]
        self.abstract = "\0convlens-" + os.urandom(8).hex()
        self.listeners = {
            "tcp": socket.create_server(("127.0.0.1", 0)),
            "udp": socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
            "abstract": socket.socket(socket.AF_UNIX),
            "path": socket.socket(socket.AF_UNIX),
            "datagrams": socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
        }
        self.listeners["udp"].bind(("127.0.0.1", 0))
        self.listeners["abstract"].bind(self.abstract)
        self.listeners["path"].bind(str(folder / "socket"))
        self.listeners["datagrams"].bind(self.abstract + "-datagrams")
        for name in ("abstract", "path"):
            self.listeners[name].listen()
        for listener in self.listeners.values():
            listener.setblocking(False)
        self.victim = self.start_victim()
        self.restore()

    def start_victim(self) -> subprocess.Popen[bytes]:
        victim = subprocess.Popen(
            [sys.executable, "-c", ANSWER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            env={"SECRET": SECRET},
            cwd=self.folder,
        )
        self.priority = os.getpriority(os.PRIO_PROCESS, victim.pid)
        return victim

    def restore(self):
        """Bring all targets back to their first state."""
        if self.harmed_victim():
            self.close_victim()
            self.victim = self.start_victim()
        self.owned.unlink(missing_ok=True)
        Path(f"{self.owned}.moved").unlink(missing_ok=True)
        self.owned.write_text("kept")
        self.owned.chmod(0o600)
        if self.made.exists():
            self.made.rmdir()
        self.before = self.owned.stat()

    def given(self):
        """The dictionary GIVEN of a hostile file: where the targets are."""
        x86 = platform.machine() == "x86_64"
        return {
            "canary": SECRET,
            "secret": str(self.secret),
            "oracle": [str(path) for path in self.oracle],
            "home": str(Path.home()),
            "owned": str(self.owned),
            "made": str(self.made),
            "victim": self.victim.pid,
            "tcp": self.listeners["tcp"].getsockname()[1],
            "udp": self.listeners["udp"].getsockname()[1],
            "abstract": self.abstract,
            "datagrams": self.abstract + "-datagrams",
            "path": str(self.folder / "socket"),
            "tkill": 200 if x86 else 130,
            "tgkill": 234 if x86 else 131,
        }

    def source(self, name):
        """The bytes of a hostile file with GIVEN filled in."""
        text = (HOSTILE / f"{name}.py").read_text()
        assert text.count("GIVEN = {}\n") == 1
        return text.replace("GIVEN = {}\n", f"GIVEN = {self.given()!r}\n").encode()

    def harmed_victim(self):
        """The harm to the other process: "killed", "stopped", "lowered", or "" for none."""
        assert self.victim.stdin is not None and self.victim.stdout is not None
        # The process must answer: a signal may act after it was sent, but it acts before the next answer.
        try:
            self.victim.stdin.write(b"?")
        except BrokenPipeError:
            return "killed"
        if not select.select([self.victim.stdout], [], [], 5)[0]:
            return "stopped"
        if not self.victim.stdout.read(1):
            return "killed"
        limits = resource.prlimit(self.victim.pid, resource.RLIMIT_NOFILE)
        lowered = os.getpriority(os.PRIO_PROCESS, self.victim.pid) != self.priority or limits == (7, 7)
        return "lowered" if lowered else ""

    def harm(self):
        """The names of the targets that were reached."""
        found = []
        for name, listener in self.listeners.items():
            try:
                if listener.type == socket.SOCK_DGRAM:
                    listener.recv(100)
                else:
                    listener.accept()[0].close()
                found.append(name)
            except BlockingIOError:
                pass
        if done := self.harmed_victim():
            found.append(done)
        if self.made.exists():
            found.append("made")
        now = self.owned.stat() if self.owned.exists() else None
        if now is None or self.owned.read_text() != "kept":
            found.append("content")
        elif (now.st_mode, now.st_mtime_ns) != (self.before.st_mode, self.before.st_mtime_ns):
            found.append("mode")
        return found

    def close_victim(self):
        self.victim.kill()
        self.victim.communicate()

    def close(self):
        self.close_victim()
        for listener in self.listeners.values():
            listener.close()


def marked(mark):
    """The ids of all processes that were started with `mark` in their environment."""
    found = set()
    for path in Path("/proc").iterdir():
        if path.name.isdecimal() and processes.find(int(path.name)):
            try:
                environment = (path / "environ").read_bytes()
            except OSError:
                continue
            if mark in environment:
                found.add(int(path.name))
    return found
