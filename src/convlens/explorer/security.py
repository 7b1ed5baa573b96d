"""The guard before the server: who may ask what, how much, and what a browser may do with the answer.

A request needs the token in its path, the Host that the server listens on, and no foreign Origin. So no other page in
the browser, and no other user of the machine, can ask. A body has a limit of bytes and of time. Every answer tells the
browser to run nothing but the page's own files.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Guard", "Refused", "new_token", "read_body", "read_json"]

_RULES = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "connect-src": "'self'",
    "worker-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
_HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _RULES.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_SENT = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
_BODY_SECONDS = 30.0  # for a whole body: it comes from this machine


class Refused(Exception):  # noqa: N818 — an answer, not an error
    """A request is refused. status: that of the answer, 4xx; the text is for the one who asks."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def new_token() -> str:
    """Return a token that nobody can guess: 192 random bits, as letters of an address."""
    return secrets.token_urlsafe(24)


class Guard:
    """An ASGI application that passes on only the requests of its own page, to `app`, without the token in the path."""

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app, self._token = app, token.encode("ascii")
        self._hosts = {f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. A web socket is refused; nothing here uses one."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *_SENT]}
            await send(message)

        try:
            inner = {**scope, "root_path": "", **self._inside(scope)}
        except Refused as refused:
            await _answer(refused)(scope, receive, sending)
            return
        await self._app(inner, receive, sending)

    def _inside(self, scope: Scope) -> dict[str, Any]:
        """Return the path behind the token, for the scope. Raise Refused if the request is not the page's."""
        hosts = [value for name, value in scope["headers"] if name.lower() == b"host"]
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            raise Refused(403, "the Host must be the address that convlens explore has printed")
        path = scope["path"].encode("utf-8", "surrogatepass")
        empty, _, rest = path.partition(b"/")
        token, slash, inner = rest.partition(b"/")
        if empty or not slash or not secrets.compare_digest(token, self._token):
            raise Refused(404, "there is nothing here; use the whole address that convlens explore has printed")
        origins = [value for name, value in scope["headers"] if name.lower() == b"origin"]
        own = b"http://" + hosts[0].lower()
        if any(origin.lower() != own for origin in origins):
            raise Refused(403, "only the page itself may ask")
        if scope["method"] not in ("GET", "HEAD") and not origins:
            raise Refused(403, "only the page itself may ask; this request has no Origin")
        inside = "/" + inner.decode("utf-8", "surrogatepass")
        return {"path": inside, "raw_path": inside.encode("utf-8", "surrogatepass")}


def _answer(refused: Refused) -> JSONResponse:
    return JSONResponse({"error": str(refused)}, refused.status)


async def read_body(request: Request, kind: str, most: int) -> bytes:
    """Return the body of a request. Raise Refused unless it has this media type and at most `most` bytes."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != kind:
        raise Refused(415, f"the body must be {kind}; got {given[:80] or 'no type'}")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and len(length) < 20 and int(length) > most:
        raise Refused(413, f"the body must have at most {most:,} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > most:
                    raise Refused(413, f"the body must have at most {most:,} bytes")
    except (ClientDisconnect, TimeoutError):
        raise Refused(408, "the body must come within half a minute") from None
    return bytes(body)


async def read_json(request: Request, most: int) -> dict[str, Any]:
    """Return the object of JSON in the body of a request. Raise Refused for any other body."""
    body = await read_body(request, "application/json", most)
    try:
        found = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refused(400, "the body must be JSON") from None
    if not isinstance(found, Mapping):
        raise Refused(400, "the body must be an object of JSON")
    return dict(found)


def _no_constant(name: str) -> float:
    raise ValueError(f"JSON has no {name}")
