"""The server of the page: a Starlette application behind a guard, and uvicorn on loopback.

    GET  /            the page, and its files by their addresses      GET  /api/data           see `data`
    GET  /api/training        the training part                       GET  /api/code/version   see `course_code`
    POST /api/code            a call of a course file                 POST /api/picture        a photograph or picture
    POST /api/save            a trained network becomes a run

All of them lie behind the token. The files of the page are read once, at the start: no path of a request reaches the
disk. What a request asks for runs in one of few threads, and an answer that cannot be given is 4xx with its reason.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from convlens.explorer.export import with_one_script
from convlens.explorer.files import PAGE, page_files
from convlens.explorer.security import Guard, Refused, read_body, read_json

__all__ = ["Services", "application", "listen", "serve"]

_HOST = "127.0.0.1"
_CALL, _PICTURE, _SAVED = 2**23, 2**25, 2**28  # bytes of a body
_WAITING = 8  # requests that may wait for a thread


class Code(Protocol):
    """The course files, see `course_code.CourseCode`. All methods are called in one thread."""

    def version(self) -> dict[str, Any]:
        """Return the number of the files' version, and the files."""

    def run(self, call: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a call; ValueError for a call that cannot be made."""

    def close(self) -> None:
        """End the processes."""


class Services:
    """What the page asks Python for.

    data: the JSON of `data.page_data`; training: returns the JSON of the training part; code: the course files;
    picture: reads the bytes of a picture; save: keeps a trained network, and returns what the page gets. None for
    what is not offered. All raise ValueError, with words for the user, for what cannot be done.
    """

    def __init__(
        self,
        data: dict[str, Any],
        training: Callable[[], dict[str, Any]] | None = None,
        code: Code | None = None,
        picture: Callable[[bytes], dict[str, Any]] | None = None,
        save: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
    ) -> None:
        self.data = json.dumps(data, allow_nan=False, separators=(",", ":")).encode()
        self.training, self.code, self.picture, self.save = training, code, picture, save
        self._threads = {name: ThreadPoolExecutor(1, f"explorer-{name}") for name in ("code", "other")}
        self._waiting = 0

    async def run(self, thread: str, work: Callable[..., Any] | None, *given: Any) -> JSONResponse:
        """Return the answer of `work`, done in a thread. Raise Refused if it is None or cannot be done."""
        if work is None:
            raise Refused(404, "this is not offered; see convlens explore --help")
        if self._waiting >= _WAITING:
            raise Refused(429, "too many requests wait; ask again later")
        self._waiting += 1
        try:
            return JSONResponse(await asyncio.wrap_future(self._threads[thread].submit(work, *given)))
        except (ValueError, OSError, ArithmeticError, MemoryError) as error:
            raise Refused(422, " ".join(str(error).split()) or type(error).__name__) from None
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """End the threads and the processes of the course files, in the thread that started them."""
        if self.code:
            self._threads["code"].submit(self.code.close).result()
        for thread in self._threads.values():
            thread.shutdown()


def application(services: Services, token: str, port: int) -> ASGIApp:
    """Return the ASGI application that answers behind /TOKEN/ on this port."""
    files = with_one_script(page_files())
    run = services.run

    async def file(request: Request) -> Response:
        found = files.get(request.path_params["name"] or PAGE)
        if found is None:
            raise Refused(404, "the page has no such file")
        return Response(found.content, media_type=found.media_type)

    async def data(request: Request) -> Response:
        return Response(services.data, media_type="application/json")

    async def training(request: Request) -> Response:
        return await run("other", services.training)

    async def version(request: Request) -> Response:
        return await run("code", None if services.code is None else services.code.version)

    async def code(request: Request) -> Response:
        return await run("code", None if services.code is None else services.code.run, await read_json(request, _CALL))

    async def picture(request: Request) -> Response:
        return await run("other", services.picture, await read_body(request, "application/octet-stream", _PICTURE))

    async def save(request: Request) -> Response:
        return await run("other", services.save, await read_json(request, _SAVED))

    async def refused(request: Request, error: Exception) -> Response:
        status = error.status if isinstance(error, Refused) else getattr(error, "status_code", 400)
        text = str(error) if isinstance(error, Refused) else "the server has no answer to this request"
        return JSONResponse({"error": text}, status)

    routes = [
        Route("/api/data", data),
        Route("/api/training", training),
        Route("/api/code/version", version),
        Route("/api/code", code, methods=["POST"]),
        Route("/api/picture", picture, methods=["POST"]),
        Route("/api/save", save, methods=["POST"]),
        Route("/{name:path}", file),
    ]
    handlers: Any = {Refused: refused, HTTPException: refused}
    return Guard(Starlette(routes=routes, exception_handlers=handlers), token, port)


def listen(port: int | None) -> socket.socket:
    """Return a socket that listens on loopback: on this port, or on a free one for None.

    Raises OSError, in words for the user, if another program has the port.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((_HOST, port or 0))
    except OSError as error:
        listening.close()
        raise OSError(f"--port must be free; {port} cannot be used: {error.strerror}") from None
    return listening


def serve(app: ASGIApp, listening: socket.socket, started: Callable[[], None]) -> None:
    """Answer requests until Ctrl-C, which raises KeyboardInterrupt. started: called when the first can be answered."""

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started()

    config = uvicorn.Config(
        app,
        log_level="critical",
        access_log=False,
        lifespan="off",
        ws="none",
        http="h11",
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=1,
    )
    Server(config).run(sockets=[listening])
