"""The bundle: modules in the order of their imports, the same behaviour as the modules, and what it refuses."""

import re

import pytest
from tests.support.chromium import ENGINE, module_page

from convlens.explorer.bundle import BundleError, bundle, in_order
from convlens.explorer.files import modules

MODULES = {
    "main.js": 'import { twice as double, Box } from "./deep/b.js";\nimport "./aside.js";\n'
    "globalThis.found = [double(4), new Box(3).size, globalThis.aside];\n",
    "deep/b.js": 'import {\n  one,\n  tag,\n} from "../c.js";\n\n/** import nothing */\n'
    "export function twice(x) {\n  return 2 * x * one;\n}\n"
    "export class Box {\n  constructor(size) {\n    this.size = `${tag}${size}`;\n  }\n}\n",
    "c.js": 'export const one = 1;\nexport const tag = "</script><!-- a </SCRIPT>";\n',
    "aside.js": 'import { one } from "./c.js";\nglobalThis.aside = one + (globalThis.aside ?? 0);\n',
    "unused.js": "throw new Error();\n",
}


def test_a_module_stands_after_what_it_imports():
    assert in_order(MODULES, ["main.js"]) == ["c.js", "deep/b.js", "aside.js", "main.js"]


def test_modules_that_nobody_imports_are_left_out():
    assert "throw" not in bundle(MODULES)


def test_the_script_cannot_end_its_element():
    script = bundle(MODULES)
    assert not re.search(r"</script|<!--", script, re.IGNORECASE)
    assert r"\x3C/script>\x3C!-- a \x3C/SCRIPT>" in script


WRONG = {
    'import { a } from "./none.js";': r"main\.js imports none\.js, which does not exist",
    'import { a } from "c.js";': r"main\.js must import by a path that begins with \./ or \.\./; got 'c\.js'",
    'import a from "./c.js";': r"main\.js, line 1: only .* got 'import' in another form",
    'import * as a from "./c.js";': "in another form",
    "const a = 1;\nexport default a;": r"main\.js, line 2: only .* got 'export' in another form",
    "const a = 1;\nexport { a };": "in another form",
    "export let a = 1;": "in another form",
    'const a = import("./c.js");': r"got 'import\(' in another form",
    "const a = import.meta.url;": r"got 'import\.meta' in another form",
    'import { a.b } from "./c.js";': r"an import must list names, such as `a, b as c`; got 'a\.b'",
    'import { b } from "./main.js";': r"in a circle; got main\.js → main\.js",
}


@pytest.mark.parametrize("text", WRONG)
def test_other_forms_are_refused(text):
    with pytest.raises(BundleError, match=WRONG[text]):
        bundle({**MODULES, "main.js": text})


def test_comments_may_say_import():
    assert "let a;" in bundle(
        {"main.js": '/**\n * import x from "y"\n * @type {import("./z.js").Z}\n */\n// export default\nlet a;\n'}
    )


def test_a_circle_is_told_whole():
    circle = {"main.js": 'import "./a.js";', "a.js": 'import "./b.js";', "b.js": 'import "./a.js";'}
    with pytest.raises(BundleError, match=r"got main\.js → a\.js → b\.js → a\.js"):
        bundle(circle)


def test_the_page_can_be_bundled():
    names = in_order(modules(), ["main.js"])
    assert names[-1] == "main.js" and "model/source.js" in names
    assert bundle(modules())


def test_the_bundle_does_what_the_modules_do(chromium, tmp_path):
    """The same computation by the modules of the engine and by their bundle."""
    engine = {f"engine/{name}": text for name, text in files_of(ENGINE).items()}
    entry = """import { Tensor } from "./engine/kernels/tensor.js";
import { conv2d, conv2d_dx, conv2d_dw } from "./engine/kernels/conv2d.js";

/** @param {number[]} shape @returns {Tensor} numbers that look random */
function numbers(shape) {
  const made = Tensor.zeros(shape, "float64");
  made.data.forEach((_, k) => (made.data[k] = Math.sin(k * k + shape[0])));
  return made;
}

const x = numbers([2, 7, 6, 3]);
const w = numbers([3, 2, 3, 4]);
const dy = numbers([2, 3, 5, 4]);
const y = dy.like();
const dx = x.like();
const dw = w.like();
conv2d(x, w, numbers([4]), [2, 1], y);
conv2d_dx(dy, w, [2, 1], dx);
conv2d_dw(dy, x, [2, 1], dw);
globalThis.found = [y, dx, dw].map(({ shape, data }) => [shape, [...data]]);
"""
    for texts in (MODULES, {**engine, "main.js": entry}):
        for name, text in texts.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        page = module_page(chromium, tmp_path)
        page.evaluate('import("./main.js")')
        by_modules = page.evaluate("globalThis.found")
        other = chromium.new_page()
        other.set_content(f"<!doctype html><script>{bundle(texts)}</script>")
        by_bundle = other.evaluate("globalThis.found")
        page.close(), other.close()
        assert by_modules is not None
        assert by_bundle == by_modules


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.js")}
