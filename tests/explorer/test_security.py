"""Only the page itself gets an answer, and no answer lets the browser do more than the page needs."""

import pytest
from tests.support.asgi import GONE, NEVER, Client

from convlens.explorer import security
from convlens.explorer.server import application

POSTS = ("api/code", "api/picture", "api/save")
GETS = ("", "main.js", "model/source.js", "engine/kernels/tensor.js", "api/data", "api/training", "api/code/version")


@pytest.mark.parametrize("path", GETS)
def test_the_page_gets_its_files_and_data(client, path):
    got = client.get(path)
    assert got.status == 200 and got.body


@pytest.mark.parametrize("path", [*GETS, "nothing", "api/nothing"])
@pytest.mark.parametrize("origin", [None, "own"])
def test_every_answer_has_the_headers(client, path, origin):
    headers = client.get(path, origin=client.origin if origin else None).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "*" not in policy and "http" not in policy


@pytest.mark.parametrize("path", GETS)
def test_a_wrong_token_finds_nothing(client, path):
    for token in ("", "a", client.token[:-1], client.token + "x", client.token.upper(), "%61" + client.token[1:], "é"):
        client_path = f"/{token}/{path}"
        assert client.ask("GET", client_path, client.headers({})).status == 404
    assert client.ask("GET", f"/{path}", client.headers({})).status == 404
    assert client.ask("GET", f"/{client.token}", client.headers({})).status == 404
    assert client.ask("GET", f"//{client.token}/{path}", client.headers({})).status == 404


HOSTS = ("evil.example", "evil.example:8123", "127.0.0.1", "127.0.0.1:80", "127.0.0.1:8123.evil.example", "", None)


@pytest.mark.parametrize("host", HOSTS)
def test_another_host_is_refused(client, host):
    """A foreign name that resolves to this machine (DNS rebinding) reaches nothing."""
    assert client.get("api/data", host=host).status == 403
    assert client.get("", host=host).status == 403


def test_two_hosts_are_refused(client):
    headers = [*client.headers({}), (b"host", b"evil.example")]
    assert client.ask("GET", f"/{client.token}/api/data", headers).status == 403


def test_the_other_name_of_this_machine_is_a_host(client):
    assert client.get("api/data", host="localhost:8123").status == 200
    assert client.get("api/data", host="localhost:8123", origin="http://localhost:8123").status == 200
    assert client.get("api/data", host="localhost:8123", origin=client.origin).status == 403


ORIGINS = ("http://evil.example", "null", "https://127.0.0.1:8123", "http://127.0.0.1:80", "")


@pytest.mark.parametrize("origin", ORIGINS)
def test_another_origin_is_refused(client, origin):
    assert client.get("api/data", origin=origin).status == 403
    for path in POSTS:
        assert client.post(path, {}, origin=origin).status == 403


@pytest.mark.parametrize("path", POSTS)
def test_a_post_needs_an_origin(client, path):
    assert client.post(path, {}, origin=None).status == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT", "ODD"])
def test_other_methods_are_refused(client, method):
    headers = client.headers({"origin": client.origin})
    for path in GETS:
        assert client.ask(method, f"/{client.token}/{path}", headers).status == 405
    if method != "POST":
        for path in POSTS:
            assert client.ask(method, f"/{client.token}/{path}", headers).status == 405


@pytest.mark.parametrize("kind", ["text/plain", "", "application/x-www-form-urlencoded", "multipart/form-data", "json"])
def test_a_form_of_another_page_cannot_post(client, kind):
    """Only a type that a browser sends to another origin after asking first."""
    for path in POSTS:
        assert client.post(path, b"{}", kind).status == 415


@pytest.mark.parametrize("path", POSTS)
def test_a_body_has_a_limit(client, monkeypatch, path):
    for name in ("_CALL", "_PICTURE", "_SAVED"):
        monkeypatch.setattr(f"convlens.explorer.server.{name}", 1000)
    kind = "application/octet-stream" if path == "api/picture" else "application/json"
    assert client.post(path, b"x" * 1001, kind).status == 413
    assert client.post(path, b"x", kind, content_length="1001").status == 413
    headers = client.headers({"origin": client.origin, "content-type": kind})
    parts = [b"x" * 400] * 3  # no length is told
    assert client.ask("POST", f"/{client.token}/{path}", headers, parts).status == 413
    assert client.post(path, b"x" * 1000, kind).status in (400, 422)


def test_a_body_has_a_limit_of_time(client, monkeypatch):
    monkeypatch.setattr(security, "_BODY_SECONDS", 0.01)
    headers = client.headers({"origin": client.origin, "content-type": "application/json"})
    for end in (NEVER, GONE):
        assert client.ask("POST", f"/{client.token}/api/code", headers, [b"{", end]).status == 408


@pytest.mark.parametrize("path", ["../data.py", "..%2Fdata.py", "%2e%2e/data.py", "/etc/passwd", "model/../../data.py"])
def test_no_path_reaches_the_disk(client, path):
    assert client.get(path).status == 404


def test_web_sockets_are_refused(services):
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "websocket.connect"}

    scope = {"type": "websocket", "path": "/t/", "headers": []}
    with Client(None, "", 0) as client:
        client.run(application(services, "t", 1)(scope, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_tokens_are_long_and_differ():
    tokens = {security.new_token() for _ in range(100)}
    assert len(tokens) == 100 and min(map(len, tokens)) >= 32
