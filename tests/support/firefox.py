"""Firefox, headless, driven by WebDriver BiDi over a web socket: another browser than the one of the other tests."""

import asyncio
import base64
import json
import re
import shutil
import subprocess
import threading
from typing import Any

PROGRAMS = ("firefox-esr", "firefox")
_PATIENCE = 60.0  # seconds for Firefox's start and for an answer


class Firefox:
    """A browser with one page. `errors` are those of its console, uncaught ones among them."""

    def __init__(self, program: str, profile: Any, connect: Any) -> None:
        arguments = ["--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
        self._process = subprocess.Popen(
            [program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self._loop = asyncio.new_event_loop()  # in a thread: Playwright has a loop in the main one
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._count = 0
        self.errors: list[str] = []
        try:
            assert self._process.stderr is not None
            address = next(found[0] for line in self._process.stderr if (found := re.search(r"ws://\S+", line)))
            self._socket = self._wait(self._connected(connect, f"{address}/session"))
            self._ask("session.new", capabilities={})
            self._ask("session.subscribe", events=["log.entryAdded"])
            self._page = self._ask("browsingContext.getTree")["contexts"][0]["context"]
        except BaseException:
            self._process.kill()
            raise

    @staticmethod
    async def _connected(connect: Any, address: str) -> Any:
        return await connect(address, max_message_size=2**27)

    def _wait(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_PATIENCE)

    def close(self) -> None:
        self._ask("browser.close")
        self._process.communicate(timeout=_PATIENCE)
        self._wait(self._disconnected())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _disconnected(self) -> None:
        self._socket.close()
        while await self._socket.read_message() is not None:
            pass

    def _ask(self, method: str, **parameters: Any) -> Any:
        return self._wait(self._answer(method, parameters))

    async def _answer(self, method: str, parameters: dict[str, Any]) -> Any:
        self._count += 1
        await self._socket.write_message(json.dumps({"id": self._count, "method": method, "params": parameters}))
        while True:
            answer = json.loads(await self._socket.read_message())
            if answer.get("method") == "log.entryAdded" and answer["params"]["level"] == "error":
                self.errors.append(answer["params"]["text"])
            if answer.get("id") == self._count:
                assert answer["type"] == "success", answer
                return answer["result"]

    def goto(self, address: str) -> None:
        self._ask("browsingContext.navigate", context=self._page, url=address, wait="complete")

    def resize(self, width: int, height: int) -> None:
        self._ask("browsingContext.setViewport", context=self._page, viewport={"width": width, "height": height})

    def evaluate(self, expression: str) -> Any:
        """The value of an expression of the page, by way of JSON; a promise is awaited."""
        code = f"(async () => JSON.stringify(await ({expression})))()"
        found = self._ask("script.evaluate", expression=code, target={"context": self._page}, awaitPromise=True)
        assert found["type"] == "success", found["exceptionDetails"]["text"]
        return json.loads(found["result"].get("value", "null"))

    def wait(self, expression: str) -> Any:
        """The value of an expression as soon as it is true."""
        code = f"""new Promise((found, failed) => {{
            const until = performance.now() + {1000 * _PATIENCE / 2};
            const look = () => {{
                const value = {expression};
                if (value) found(value);
                else if (performance.now() > until) failed(new Error("it stayed false"));
                else setTimeout(look, 20);
            }};
            look();
        }})"""
        return self.evaluate(code)

    def draw(self, *points: tuple[float, float], touch: bool = False) -> None:
        """A stroke through points of the window."""
        (x, y), *rest = points
        moves = [{"type": "pointerMove", "x": round(u), "y": round(v), "duration": 20} for u, v in rest]
        down, up = {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}
        actions = [{"type": "pointerMove", "x": round(x), "y": round(y)}, down, *moves, up]
        pointer = {"type": "pointer", "id": "pointer", "parameters": {"pointerType": "touch" if touch else "mouse"}}
        self._ask("input.performActions", context=self._page, actions=[{**pointer, "actions": actions}])

    def click(self, expression: str) -> None:
        """Click in the middle of an element, after it was brought into view."""
        x, y = self.evaluate(
            f"""(() => {{
                const element = {expression};
                element.scrollIntoView({{ block: "center", behavior: "instant" }});
                const {{ x, y, width, height }} = element.getBoundingClientRect();
                return [x + width / 2, y + height / 2];
            }})()"""
        )
        self.draw((x, y))

    def picture(self) -> bytes:
        """The window as PNG."""
        return base64.b64decode(self._ask("browsingContext.captureScreenshot", context=self._page)["data"])


def program() -> str | None:
    """Where Firefox is; None if it is not on this machine."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)
