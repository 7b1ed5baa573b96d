"""Where checks of tasks 4 and 5 are made: has the guest build networks, plants weights, asks for numbers."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.checker.checks import Failed, Unknown
from convlens.checker.guest import Guest, GuestError
from convlens.checker.lenets.expected import Batch, Expected, canonical, expected, fitted, places
from convlens.checker.lenets.facts import Facts, read
from convlens.checker.lenets.mistakes import HINTS, Likely
from convlens.checker.lenets.sketch import Sketch
from convlens.checker.options import Options
from convlens.checker.verdict import Map

__all__ = ["LenetBench", "Values", "failed", "near", "raised"]

NETWORKS = {"float32": 1, "int32": 1, "pair": 2, "models": 4}  # in each thing that is built
_ALL = 180.0  # seconds for all that is asked of a file, or 6 times what one call may take
_NO_ANSWER = "the code sent something that is no answer"


class Values(NamedTuple):
    """Arrays by name, float64; and what was raised in place of others"""

    arrays: dict[str, Array]
    raised: dict[str, Any]


def failed(message: str, mistake: str = "", maps: Sequence[Map] = (), what: str = "") -> Failed:
    """A failure with the hint that belongs to that mistake; what: more about it"""
    return Failed(message + (f" — {what}" if what else ""), HINTS.get(mistake, ""), mistake, maps)


def near(got: Array, want: Array | float, tolerance: float = 1e-5) -> bool:
    """Of one shape and, the largest number (or 1) being 1, nowhere farther off than the tolerance"""
    right = np.asarray(want)
    with np.errstate(all="ignore"):
        scale = max(1.0, float(np.abs(right).max(initial=0)))
        return got.shape == right.shape and bool((np.abs(got - right) <= tolerance * scale).all())


class LenetBench:
    """One file's guest and what it has answered so far.

    framework: "tensorflow" or "keras", known once the table's `builds` has run; main: the key of what is checked most;
    output_is: the network with a mistake that gives the submission's output, once it is known.
    """

    def __init__(self, guest: Guest, options: Options) -> None:
        self.guest, self.options = guest, options
        self.framework = ""
        self.main = "float32"
        self.output_is: tuple[Likely, Sketch | None] | None = None
        self.version = ""
        self._gone, self._spent = "", 0.0
        self._built: dict[str, list[Facts]] = {}
        self._starts: dict[tuple[str, int], list[Array]] = {}
        self._values: dict[tuple[str, int, int], Values] = {}

    @property
    def expected(self) -> Expected:
        """Weights, batches, and what comes of them"""
        return expected(self.options.seed)

    def told(self, value: float) -> str:
        """An expected number for a message, if numbers may be told"""
        return f"; expected {value:.6g}" if self.options.reveal else ""

    def ask(self, request: dict[str, Any], arrays: Sequence[Array] = ()) -> tuple[dict[str, Any], list[Array]]:
        """The guest's answer. GuestError if there is none, Unknown if there was none before"""
        if self._gone:
            raise Unknown(f"not tried, since the code {self._gone}")
        begin = time.monotonic()
        try:
            return self.guest.ask(request, arrays)
        except GuestError as error:
            self._gone = str(error)
            raise
        finally:
            self._spent += time.monotonic() - begin
            if not self._gone and self._spent > max(_ALL, 6 * self.options.seconds):
                self._gone = f"took more than {max(_ALL, 6 * self.options.seconds):g} s in all"

    def load(self) -> None:
        """Failed or Unknown unless the file can be imported and has the function"""
        answer, _ = self.ask({"do": "load"})
        if "absent" in answer:
            raise Unknown(f"there is no TensorFlow here: {_text(answer['absent'])}")
        if "raised" in answer:
            raise raised(answer["raised"], "the file does not load: ")
        if not answer.get("loaded"):
            missing = answer.get("missing")
            names = ", ".join(map(str, missing)) if isinstance(missing, list) and missing else "none at all"
            raise Failed(f"there must be a function lenet5; the file has {names[:200]}")
        self.version = _text(answer.get("version"))

    def built(self, key: str) -> list[Facts]:
        """What is told of each network of that graph; built when it is first asked for"""
        if key not in self._built:
            count = NETWORKS["models" if self.framework == "keras" else key]
            labels = self.main if key == "pair" else key
            seed = (self.options.seed * len(NETWORKS) + list(NETWORKS).index(key)) % 2**31
            answer, _ = self.ask({"do": "build", "key": key, "networks": count, "labels": labels, "seed": seed})
            if "raised" in answer:
                raise raised(answer["raised"])
            told = answer.get("networks")
            try:
                found = [read(one) for one in told] if isinstance(told, list) else []
            except ValueError:
                found = []
            if len(found) != count:
                raise Failed(_NO_ANSWER)
            self._built[key] = found
        return self._built[key]

    def facts(self, key: str, network: int = 0) -> Facts:
        """What is told of one network; Failed or Unknown if it could not be built"""
        found = self.built(key)[network]
        if found.error is not None:
            raise raised(found.error, "", self.version)
        return found

    def shapes(self, key: str, network: int = 0) -> list[tuple[int, ...]]:
        """Of a network's variables, as the guest says"""
        return self.facts(key, network).shapes

    def weights(self, do: str, key: str, network: int, batch: Batch | None = None) -> list[Array]:
        """The variables' values, in their order ("weights"), or after a step of training ("train")"""
        arrays = [] if batch is None else self._inputs(key, batch)
        answer, found = self.ask({"do": do, "key": key, "network": network}, arrays)
        if "raised" in answer:
            raise raised(answer["raised"])
        if len(found) != len(self.shapes(key, network)) or any(array.dtype.kind not in "fiu" for array in found):
            raise Failed(_NO_ANSWER)
        return [array.astype(np.float64) for array in found]

    def ten(self, weights: Sequence[Array], key: str, network: int) -> list[Array]:
        """The same as the ten weights in LeNet-5's order and shapes; as they are if they do not fit"""
        shapes = self.shapes(key, network)
        try:
            return list(weights) if places(shapes) is None else canonical(weights, shapes)
        except ValueError:
            raise Failed(_NO_ANSWER) from None

    def start(self, key: str, network: int) -> list[Array]:
        """The weights, the ten if they fit, that the network started from"""
        if (key, network) not in self._starts:
            self._starts[key, network] = self.ten(self.weights("weights", key, network), key, network)
        return self._starts[key, network]

    def plant(self, key: str, network: int = 0) -> None:
        """Give the network the expected weights; Unknown if they do not fit"""
        shapes = self.shapes(key, network)
        if places(shapes) is None:
            raise Unknown("the network's weights have other shapes than LeNet-5's")
        self.start(key, network)
        answer, _ = self.ask({"do": "plant", "key": key, "network": network}, fitted(self.expected.weights, shapes))
        if "raised" in answer:
            raise raised(answer["raised"], "weights could not be set: ")

    def _inputs(self, key: str, batch: Batch) -> list[Array]:
        whole = (self.main if key == "pair" else key) == "int32"
        return [batch.x, batch.y.astype(np.int32 if whole else np.float32)]

    def run(self, key: str, network: int, batch: Batch) -> Values:
        """output, loss, and others, with the weights that the network has now"""
        answer, found = self.ask({"do": "values", "key": key, "network": network}, self._inputs(key, batch))
        if "raised" in answer:
            raise raised(answer["raised"])
        names, errors = answer.get("names"), answer.get("errors")
        if not isinstance(names, list) or len(names) != len(found) or not isinstance(errors, dict):
            raise Failed(_NO_ANSWER)
        if any(array.dtype.kind not in "fiub" for array in found):
            raise Failed("results must be real numbers")
        return Values({str(n): a.astype(np.float64) for n, a in zip(names, found, strict=True)}, errors)

    def planted(self, key: str = "", network: int = 0) -> list[Values]:
        """What comes for each of the expected batches, with the expected weights planted"""
        key = key or self.main
        if (key, network, 0) not in self._values:
            self.plant(key, network)
            for k, batch in enumerate(self.expected.batches):
                self._values[key, network, k] = self.run(key, network, batch)
        return [self._values[key, network, k] for k in range(len(self.expected.batches))]

    def right_output(self) -> bool:
        """Does the network give what a right one gives?"""
        try:
            found = [values.arrays["output"] for values in self.planted()]
        except (Failed, Unknown, KeyError):
            return False
        return all(near(got, batch.output) for got, batch in zip(found, self.expected.batches, strict=True))


def _text(value: object) -> str:
    return " ".join(str(value).split())[:300]


def raised(error: object, before: str = "", version: str = "") -> Failed | Unknown:
    """The outcome of a check where the guest raised an exception: it fails, or cannot be told for tf.layers"""
    said = error if isinstance(error, dict) else {}
    kind, text = _text(said.get("type", "an exception"))[:80], _text(said.get("message", ""))
    line = said.get("line")
    code = str(said.get("code", ""))
    first = _text(code.partition("\n")[0])[:120]
    where = f" (line {line}: `{first}`)" if isinstance(line, int) and line > 0 else ""
    if kind in ("AttributeError", "NotImplementedError") and "not available with Keras 3" in text:
        return Unknown(
            f"the file uses tf.layers{where}, which TensorFlow 2.6 has and TensorFlow {version or 'of today'} has not: "
            "it cannot be run here; with tf.get_variable and tf.nn it would run on both"
        )
    mistake = ""
    if re.search(r"\bcontrib\b", text):
        mistake = "tf_contrib"
    elif kind in ("AttributeError", "ModuleNotFoundError") and re.search(r"'tensorflow(\.|')", text):
        mistake = "tf_not_v1"
    elif "No gradients provided" in text:
        mistake = "no_gradient"
    elif "must feed a value for placeholder" in text:
        mistake = "graph_run"
    elif re.search(r"target\.ndim - 1|labels\.shape\.rank` must equal `logits\.shape\.rank - 1", text):
        return failed(
            f"{before}a sparse loss takes labels that are numbers, and these are one-hot{where}", "loss_sparse"
        )
    elif re.search(r"\bregularizer\s*=", code):
        mistake = "initializer_as_regularizer"
    return failed(f"{before}{kind}{': ' if text else ''}{text}{where}", mistake)
