"""`convlens explore`: what it shows, its mistakes in one line, the page in Chromium, Ctrl-C."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest
from tests.support import small
from tests.support.places import COURSEWORK

from convlens.models import MODELS
from convlens.training import Run


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A working folder with a run in runs/mine, its data, and course files."""
    folder = tmp_path_factory.mktemp("place")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("os.fsync", lambda handle: None)
        small.npz(folder / "few.npz")
        assert small.run("train", "--data", "few.npz", "--epochs", 1, "--out", "runs/mine").code == 0
        shutil.copytree(COURSEWORK, folder / "code")
        yield folder


def exported(place, *source):
    """The data of an exported page, and what was said about it."""
    done = small.run("explore", *source, "--export", "page.html")
    assert done.code == 0, done.err
    text = re.search(r'id="convlens-data">(.*?)</script>', (place / "page.html").read_text(), re.DOTALL)
    assert text
    return json.loads(text[1]), done.err


@pytest.mark.parametrize("source", [(), ("runs/mine",), ("runs/mine/model.safetensors",)])
def test_a_run_with_its_data(place, source):
    data, said = exported(place, *source)
    assert data["run"]["name"] == "mine" and len(data["run"]["history"]["epochs"]) == 1
    assert data["pictures"]["shape"] == [96 + 40, 28, 28, 1] and data["pictures"]["training"] == 96
    assert said == ""


def test_a_run_with_a_frozen_layer(place):
    (place / "own.py").write_text(
        "import convlens\n\n\ndef network():\n    layers = convlens.layers\n"
        "    first = layers.Dense(4, trainable=False)\n"
        "    return convlens.Sequential([convlens.Input((28, 28, 1)), layers.Flatten(), first, layers.Dense(10)])\n"
    )
    options = ("--model", "own.py:network", "--data", "few.npz", "--epochs", 1, "--out", "runs/frozen")
    assert small.run("train", *options).code == 0
    data, _ = exported(place, "runs/frozen")
    assert [layer["trained"] for layer in data["networks"][0]["layers"]] == [True, False, True]
    shutil.rmtree(place / "runs" / "frozen")


def test_a_model_file_alone(place, tmp_path):
    shutil.copy(place / "runs" / "mine" / "model.safetensors", tmp_path / "taken.safetensors")
    data, _ = exported(place, tmp_path / "taken.safetensors")
    assert data["run"] is None and data["pictures"]["shape"] == [200, 28, 28, 1]


def test_a_run_whose_data_have_gone(place, tmp_path):
    shutil.copytree(place / "runs" / "mine", tmp_path / "run")
    history = tmp_path / "run" / "history.json"
    history.write_text(history.read_text().replace("few.npz", "gone.npz"))
    data, said = exported(place, tmp_path / "run")
    assert data["pictures"] is None and data["run"]["name"] == "run"
    assert said.startswith("note: the page has no pictures: ") and "gone.npz" in said


@pytest.mark.parametrize("name", ["lenet5", "convnet", "vgg_small", "resnet8"])
def test_a_named_network_has_fresh_weights_and_the_embedded_digits(place, name):
    data, _ = exported(place, name)
    assert data["networks"][0]["name"] == name and data["run"] is None
    assert data["pictures"]["shape"] == [200, 28, 28, 1]


def test_without_a_run_it_is_lenet5(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data, said = exported(tmp_path)
    assert data["networks"][0]["name"] == "lenet5"
    assert said.startswith("note: there is no trained run in runs/, so this is LeNet-5 with fresh weights")


MISTAKES = {
    "nothing": f"model must be one of {', '.join(MODELS)}, FILE.py:FUNCTION or FILE.json; got 'nothing'",
    "none.safetensors": "there must be a file none.safetensors; there is none",
    "runs": "there must be a file runs/model.safetensors; there is none",
    "--port 0": "--port must be from 1 to 65535; got 0",
    "--port 70000": "--port must be from 1 to 65535; got 70000",
    "--code nowhere": "--code must be a folder with course files; nowhere is none",
    "--code few.npz": "--code must be a folder with course files; few.npz is none",
    "--export page.txt": "--export must end in .html; got page.txt",
    "--export x.html --code code": "--code is for the server, and --export writes a file; give only one of them",
    "--export x.html --port 80": "--port is for the server, and --export writes a file; give only one of them",
    "--export nowhere/x.html": "nowhere/x.html: No such file or directory",
}


@pytest.mark.parametrize("options", MISTAKES)
def test_mistakes(place, options):
    assert small.fails("explore", *options.split()) == MISTAKES[options]


def test_a_port_that_is_taken(place):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        message = f"--port must be free; {port} cannot be used: Address already in use"
        assert small.fails("explore", "--no-browser", "--port", port) == message


def test_without_the_packages_only_the_export_works(place, lacking):
    lacking("uvicorn")
    message = "explore needs uvicorn: pip install 'convlens[explore]'; --export FILE.html writes the page without it"
    assert small.fails("explore") == message
    assert small.run("explore", "--export", "page.html").code == 0


@pytest.fixture(scope="module")
def served(place):
    """The address of a page that a process serves, which Ctrl-C then ends."""
    command = [sys.executable, "-m", "convlens", "explore", "runs/mine", "--no-browser", "--code", "code"]
    process = subprocess.Popen(
        command, cwd=place, env=small.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert err == "the page is on this machine alone; Ctrl-C ends it\nended\n"


def test_the_address(served):
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", served)
    with urllib.request.urlopen(f"{served}api/code/version") as answer:
        assert set(json.load(answer)["files"].values()) == {""}


def test_it_listens_on_loopback_alone(served):
    port = int(served.split(":")[2].split("/")[0])
    for address in {found[4][0] for found in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)}:
        if not str(address).startswith("127."):
            with socket.socket() as asking:
                assert asking.connect_ex((str(address), port)) != 0


RAW = (
    b"GET / HTTP/1.1\r\n\r\n",
    b"\x00\xff\x16\x03\x01" * 100,
    b"GET " + b"/a" * 60_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 30_000 + b"\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /%00%ff%zz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)


def test_bytes_that_are_no_request_do_not_end_it(served):
    port = int(served.split(":")[2].split("/")[0])
    for raw in RAW:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as asking:
            try:
                asking.sendall(raw)
                asking.shutdown(socket.SHUT_WR)
                answer = asking.recv(100)
            except ConnectionError:
                answer = b""
        assert answer == b"" or re.match(rb"HTTP/1\.1 4\d\d ", answer), (raw[:50], answer)
    assert urllib.request.urlopen(served).status == 200


def test_the_page_in_chromium(served, chromium, place):
    """The page loads under its policy; its own requests pass the guard, and another origin's do not."""
    page = chromium.new_page()
    errors, requests = [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: requests.append(request.url))
    page.goto(served)
    page.wait_for_selector("cnn-network")
    assert errors == [] and all(url.startswith(served) for url in requests)
    answer = page.evaluate(
        """async () => {
          const { runCode, codeVersion, trainingPictures, readPicture } = await import("./model/server.js");
          const { pack, open, unpack } = await import("./model/source.js");
          const of = (...shape) => pack({shape, data: new Float64Array(shape.reduce((a, b) => a * b)).fill(0.5)});
          const code = await runCode({ task: 0, arrays: { A_prev: of(1, 4, 3, 2), W: of(2, 2, 2, 3), b: of(3) } });
          const wrong = await runCode({ task: 9, arrays: {} }).catch((error) => error.message);
          const { pictures } = await open();
          const numbers = unpack(pictures, 1 / 256);
          const canvas = Object.assign(document.createElement("canvas"), { width: 60, height: 80 });
          const pen = canvas.getContext("2d");
          pen.fillStyle = "white";
          pen.fillRect(0, 0, 60, 80);
          pen.fillStyle = "black";
          pen.fillRect(27, 15, 7, 50);
          const blob = await new Promise((resolve) => canvas.toBlob(resolve));
          const picture = await readPicture(blob);
          return [code.right, wrong, (await codeVersion()).version, (await trainingPictures()).shape,
            picture.images.shape, Math.max(...numbers.data), numbers.shape];
        }"""
    )
    assert answer[:5] == [True, "task must be 0, 1, 2 or 3", 1, [96, 28, 28, 1], [1, 28, 28, 1]]
    assert 0.9 < answer[5] < 1 and answer[6] == [136, 28, 28, 1]
    other = chromium.new_page()
    other.goto("data:text/html,<title>another page</title>")
    refused = other.evaluate("(url) => fetch(url).then(() => 'read', () => 'refused')", f"{served}api/data")
    assert refused == "refused"
    page.close(), other.close()


def test_the_page_saves_a_run(served, chromium, place):
    page = chromium.new_page()
    page.goto(served)
    folder = page.evaluate(
        """async () => {
          const { saveRun } = await import("./model/server.js");
          const { open } = await import("./model/source.js");
          const { fromBase64 } = await import("./engine/kernels/base64.js");
          const { networks } = await open();
          const figures = { seconds: 1, images_per_second: 96, loss: 1, accuracy: 0.5, val_loss: 1, val_accuracy: 0.5 };
          return (await saveRun(fromBase64(networks[0].weights), [{ epoch: 1, ...figures }], { batch_size: 8 })).run;
        }"""
    )
    page.close()
    assert folder == "runs/mine-explored-1"
    done = small.run("evaluate", "--run", folder, "--json")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out)["loss"] == json.loads(small.run("evaluate", "--run", "runs/mine", "--json").out)["loss"]


def test_what_the_page_has_trained_is_saved_as_a_run(served, chromium, place):
    """By its buttons, after the page's own training: it evaluates, and goes on with the optimizer's state."""
    page = chromium.new_page()
    page.goto(served)
    live = page.locator("train-live")
    live.get_by_label("batch size").fill("40")
    for _ in range(4):  # three batches are an epoch
        live.get_by_role("button", name="one batch").click()
        live.get_by_role("button", name="save as a run", disabled=False).wait_for()
    live.get_by_role("button", name="save as a run").click()
    text = live.locator(".note", has_text="The run is in").inner_text()
    page.close()
    folder, evaluate, resume = re.findall(r"runs/[\w-]+(?=,)|convlens .*", text)
    run = Run.open(folder)
    assert [row.epoch for row in run.epochs] == [1, 2, 3]
    assert run.optimizer.get_state()["step"] == 4 and run.settings.batch_size == 40
    assert small.run(*evaluate.split()[1:]).code == 0
    done = small.run(*resume.split()[1:], "--json")
    assert (done.code, len(json.loads(done.out)["epochs"])) == (0, 8), done.err
