"""A client that asks an ASGI application in this process, in an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterable
from typing import Any, NamedTuple

Headers = list[tuple[bytes, bytes]]
Part = bytes | str
NEVER, GONE = "never", "gone"  # in place of a part of a body: it does not come, or the client has gone


class Got(NamedTuple):
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Asks as the page does, unless a test says otherwise. An exception of the application is raised here."""

    def __init__(self, app: Any, token: str, port: int) -> None:
        self._app, self.token = app, token
        self.host, self.origin = f"127.0.0.1:{port}", f"http://127.0.0.1:{port}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Client:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def get(self, path: str = "", **headers: str | None) -> Got:
        return self.ask("GET", f"/{self.token}/{path}", self.headers(headers))

    def post(self, path: str, body: Any, kind: str = "application/json", **headers: str | None) -> Got:
        """Send bytes as they are, and other values as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"origin": self.origin, "content-type": kind, **headers}
        return self.ask("POST", f"/{self.token}/{path}", self.headers(given), [content])

    def headers(self, given: dict[str, str | None]) -> Headers:
        """The page's headers, with those that are given; one that is None is left out."""
        found = {"host": self.host, **given}
        return [(k.replace("_", "-").encode(), v.encode()) for k, v in found.items() if v is not None]

    def ask(self, method: str, path: str, headers: Headers, parts: Iterable[Part] = ()) -> Got:
        """Ask with a body in parts."""
        found: Got = self.run(self._ask(method, path, headers, parts))
        return found

    def run(self, work: Any) -> Any:
        """Wait for a coroutine in the loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _ask(self, method: str, path: str, headers: Headers, parts: Iterable[Part]) -> Got:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode("utf-8", "surrogatepass"),
            "query_string": b"",
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 40000),
            "server": ("127.0.0.1", 80),
        }
        left = [*parts]
        sent: list[Any] = []

        async def receive() -> Any:
            part = left.pop(0) if left else b""
            if part == NEVER:
                await asyncio.sleep(60)
            if part == GONE:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": part, "more_body": bool(left)}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        assert sent[0]["type"] == "http.response.start"
        found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Got(sent[0]["status"], found, b"".join(message.get("body", b"") for message in sent[1:]))
