"""The exported file: small, whole, and without a single request."""

import json
import re

import pytest
from tests.support import small
from tests.support.chromium import until

from convlens.explorer.export import export_page, with_one_script
from convlens.explorer.files import PageFile, page_files
from convlens.models import build_model

LARGEST = 1_500_000


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The page with LeNet-5 and 200 digits."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    done = small.run("explore", "lenet5", "--export", path)
    assert (done.code, done.out, done.err) == (0, f"{path}\n", "")
    return path


@pytest.fixture
def opened(chromium):
    """A function that opens a file, and returns the page, the requests that it made and what went wrong in it."""
    contexts = []

    def open_file(path):
        context = chromium.new_context()
        contexts.append(context)
        requests, errors = [], []
        context.on("request", lambda request: requests.append(request.url))
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto(path.as_uri())
        return page, requests, errors

    yield open_file
    for context in contexts:
        context.close()


def test_its_size(exported):
    assert exported.stat().st_size <= LARGEST


def test_it_holds_lenet5_and_200_digits(exported):
    text = re.search(r'id="convlens-data">(.*?)</script>', exported.read_text(), re.DOTALL)
    assert text
    data = json.loads(text[1])
    assert [network["name"] for network in data["networks"]] == ["lenet5"]
    pictures = data["pictures"]
    assert pictures["shape"] == [200, 28, 28, 1] and pictures["dtype"] == "uint8" and pictures["training"] == 150
    assert data["server"] is None and data["run"] is None


def test_it_makes_no_request(exported, opened):
    page, requests, errors = opened(exported)
    page.wait_for_selector("cnn-network")
    page.wait_for_load_state("networkidle")
    assert page.locator("cnn-network canvas, cnn-network svg").count() > 0
    assert requests == [exported.as_uri()] and errors == []


def test_it_names_no_other_place(exported):
    """No address of another computer, and nothing that a browser would load."""
    text = re.sub(r'<script type="application/json".*?</script>', "", exported.read_text(), flags=re.DOTALL)
    assert not re.search(r"(src|href)=\"(?!data:)|url\(|@import", text)


def test_a_script_that_is_not_the_pages_own_does_not_run(exported, opened):
    page, _, errors = opened(exported)
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'globalThis.bad = 1'}))")
    assert page.evaluate("globalThis.bad") is None
    refused = page.evaluate("fetch('https://convlens.invalid/').then(() => 'asked', (error) => error.message)")
    assert refused == "Failed to fetch"
    page.evaluate("new Promise((resolve) => { setTimeout('globalThis.bad = 2'); setTimeout(resolve, 5); })")
    assert page.evaluate("globalThis.bad") is None
    assert any("Content Security Policy" in error for error in errors)


WORKER = """import { twice } from "../other.js";

globalThis.addEventListener("message", (message) => globalThis.postMessage(twice(message.data)));
"""
STARTS = """import { startWorker } from "./model/worker_start.js";
import { twice } from "./other.js";

const worker = startWorker("deep/sum_worker.js");
worker.addEventListener("message", (message) => (globalThis.found = [twice(1), message.data]));
worker.postMessage(21);
"""


def test_a_worker_begins_from_the_same_script(opened, tmp_path):
    files = page_files()
    other = "export function twice(x) {\n  return 2 * x;\n}\n"
    for name, text in (("main.js", STARTS), ("deep/sum_worker.js", WORKER), ("other.js", other)):
        files[name] = PageFile(text.encode(), "text/javascript")
    path = tmp_path / "worker.html"
    path.write_bytes(export_page({"networks": []}, files))
    page, requests, errors = opened(path)
    assert until(page, "globalThis.found") == [2, 42]
    assert errors == []
    assert [request for request in requests if not request.startswith("blob:")] == [path.as_uri()]


def test_data_cannot_end_its_element(opened, tmp_path):
    name = '</script><script>globalThis.bad = 1</script><!-- "&amp;'
    shows = 'import { open } from "./model/source.js";\nopen().then(({ run }) => (globalThis.found = run.name));\n'
    files = page_files() | {"main.js": PageFile(shows.encode(), "text/javascript")}
    path = tmp_path / "names.html"
    path.write_bytes(export_page({"networks": [], "run": {"name": name}}, files))
    page, _, errors = opened(path)
    assert until(page, "globalThis.found") == name
    assert page.evaluate("globalThis.bad") is None and errors == []


def test_a_page_without_a_place_for_the_script_is_an_error():
    files = page_files() | {"index.html": PageFile(b"<!doctype html><body></body>", "text/html")}
    with pytest.raises(ValueError, match=r"index\.html must have .* and one script of the type module; got 0 scripts"):
        export_page({}, files)


def test_a_network_that_is_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr("convlens.explorer.data._MOST_WEIGHTS", 61_705)
    message = small.fails("explore", "lenet5", "--export", tmp_path / "page.html")
    assert message == "explore needs a network of at most 61,705 weights; lenet5 has 61,706"
    assert not (tmp_path / "page.html").exists()


def test_other_networks_fit(tmp_path):
    for name in ("vgg_small", "resnet8"):
        assert build_model(name, engine="numpy").count_params() < 16_000_000
        assert small.run("explore", name, "--export", tmp_path / f"{name}.html").code == 0


def test_the_server_s_page_has_all_its_modules_in_one():
    files = with_one_script(page_files())
    script = files["main.js"].content.decode()
    assert "convlensFunctions" in script and "\nimport " not in script
    assert files.keys() == page_files().keys()
