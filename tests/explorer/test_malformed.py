"""10,000 malformed requests: each gets an answer below 500, none raises, and the server still works after them."""

from __future__ import annotations

import base64
import copy
import io
import json
import random
from collections import Counter
from typing import Any

import numpy as np
from PIL import Image

from convlens.explorer.packed import pack
from convlens.storage.tensors import tensors_to_bytes

REQUESTS = 10_000
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 3, 4, 7, 1e308, -0.5, 2**31, 2**53, 2**200, "", "a", "same", "\x00", "é" * 50),
    *("../../etc/passwd", "\ud800", [], {}, [[]], [1], [1, 2], [0, 0], [-1, 5], [10**9, 10**9], ["x"], {"a": 1}),
    *({"shape": [], "dtype": "float64", "data": ""}, {"shape": [1], "dtype": "object", "data": "AA=="}),
)
PATHS = ("", "main.js", "api/data", "api/training", "api/code/version", "api/code", "api/picture", "api/save", "x")
METHODS = ("GET", "POST", "HEAD", "PUT", "OPTIONS", "get", "", "\x00")
KINDS = {"api/code": "application/json", "api/save": "application/json", "api/picture": "application/octet-stream"}


def valid_bodies(model) -> dict[str, object]:
    """A right body for each address that takes one."""
    rng = np.random.default_rng(0)
    shapes = {"A_prev": (1, 5, 4, 2), "W": (3, 2, 2, 3), "b": (1, 1, 1, 3)}
    call = {
        "task": 0,
        "arrays": {name: pack(rng.standard_normal(shape)) for name, shape in shapes.items()},
        "stride": [2, 1],
        "padding": "valid",
        "activation": "relu",
    }
    names = ("seconds", "images_per_second", "loss", "accuracy", "val_loss", "val_accuracy")
    saved = {
        "weights": base64.b64encode(tensors_to_bytes(model.named_weights())).decode(),
        "epochs": [{"epoch": 1, **dict.fromkeys(names, 0.5)}],
        "settings": {"optimizer": "adam", "learning_rate": 0.001, "batch_size": 16},
    }
    return {"api/code": call, "api/save": saved}


def leaves(value, path=()):
    """The paths to all values inside JSON data, the outer ones too."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield from leaves(part, (*path, key))


def changed(body, draw: random.Random):
    """The body with one value exchanged for an odd one, removed, or added."""
    body = copy.deepcopy(body)
    path = draw.choice([path for path in leaves(body) if path])
    place = body
    for key in path[:-1]:
        place = place[key]
    what = draw.randrange(4)
    if what == 0:
        del place[path[-1]]
    elif what == 1 and isinstance(place, dict):
        place[draw.choice(("x", "task", "shape", "epoch"))] = draw.choice(ODD)
    elif what == 2 and isinstance(place[path[-1]], str):
        text = place[path[-1]]
        at = draw.randrange(len(text) + 1)
        place[path[-1]] = text[:at] + draw.choice(("", "=", "\n", "AAAA", "é")) + text[at + draw.randrange(5) :]
    else:
        place[path[-1]] = draw.choice(ODD)
    return body


def damaged(content: bytes, draw: random.Random) -> bytes:
    """The bytes cut off, with others in between, or with some exchanged."""
    what, at = draw.randrange(3), draw.randrange(len(content) // 2)
    if what == 0:
        return content[:at]
    if what == 1:
        return content[:at] + draw.randbytes(draw.randrange(20)) + content[at:]
    return content[:at] + bytes([content[at] ^ draw.randrange(1, 256)]) + content[at + 1 :]


def body_for(path: str, bodies, picture: bytes, draw: random.Random) -> bytes:
    what = draw.randrange(8)
    if what == 0:
        return draw.randbytes(draw.randrange(200))
    if what == 1:
        return draw.choice((b"", b"{", b"[" * 100_000, b"{}", b"null", b"NaN", b'{"task": 1e999}', b"1" * 6000))
    if path == "api/picture":
        return damaged(picture, draw)
    body = bodies.get(path, bodies["api/code"])
    content = json.dumps(changed(body, draw)).encode("utf-8", "surrogatepass")
    return damaged(content, draw) if what == 2 else content


def headers_for(client, path: str, draw: random.Random):
    headers = client.headers({"origin": client.origin, "content-type": KINDS.get(path, "text/plain")})
    if draw.random() < 0.8:
        return headers
    for _ in range(draw.randrange(1, 4)):
        what = draw.randrange(3)
        odd = draw.choice((b"", b"\xff\xfe", b"*", b"http://", b"127.0.0.1", b"a" * 5000, b"-1", b"9" * 30, b"\x00"))
        name = draw.choice((b"host", b"origin", b"content-type", b"content-length", b"x", b"", b"cookie"))
        if what == 0 and headers:
            headers.pop(draw.randrange(len(headers)))
        elif what == 1:
            headers.append((name, odd))
        else:
            headers.insert(0, (name, odd))
    return headers


def path_for(client, path: str, draw: random.Random) -> str:
    what = draw.randrange(12)
    odd = draw.choice(("..", "%00", "\x00", "\ud800", "é", "/" * 50, "a" * 5000, "?x=1", "//", "\\"))
    if what == 0:
        return draw.choice(("", "/", odd, f"/{odd}/", f"/{client.token}", f"/{client.token}x/{path}"))
    return f"/{client.token}/{path}{odd if what == 1 else ''}"


def test_malformed_requests(client, network, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda handle: None)
    draw = random.Random(7)
    bodies = valid_bodies(network)
    file = io.BytesIO()
    Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6) * 10).save(file, "PNG")
    statuses: Counter[int] = Counter()
    for _ in range(REQUESTS):
        path = draw.choice(PATHS[:5]) if draw.random() < 0.2 else draw.choice((*("api/code",) * 8, *PATHS[6:]))
        method = "POST" if path in KINDS and draw.random() < 0.9 else draw.choice(METHODS)
        body = body_for(path, bodies, file.getvalue(), draw) if method == "POST" else b""
        got = client.ask(method, path_for(client, path, draw), headers_for(client, path, draw), [body])
        statuses[got.status] += 1
        assert got.status < 500, (method, path, body[:300])
    assert {200, 400, 403, 404, 405, 422} <= statuses.keys(), statuses
    assert client.get("api/data").status == 200
    assert client.post("api/code", bodies["api/code"]).json["right"]
    assert client.post("api/save", bodies["api/save"]).status == 200
