"""The function lenet5 of a submitted file, as the checks of tasks 4 and 5 use it.

The function builds networks in a sandbox. The checks set weights in the networks ("plant" them), run the networks and
train them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.checker.checks import Failed, Unknown
from convlens.checker.guest import Guest, GuestError
from convlens.checker.lenets.description import Description, read_description
from convlens.checker.lenets.expected import Expected, PlantedBatch, expected, near
from convlens.checker.lenets.mistakes import Likely
from convlens.checker.lenets.outcomes import exception_outcome, one_line
from convlens.checker.lenets.variables import canonical, fitted, places
from convlens.checker.lenets.variant import Variant
from convlens.checker.options import Options

__all__ = ["LenetUnderTest", "RunValues"]

# The number of networks by key. Task 4 has three graphs: one for each type of labels, and one with two networks. Task 5
# has models: the check of the initialization needs several, since the first kernel has only 150 numbers.
NETWORKS = {"float32": 1, "int32": 1, "pair": 2, "models": 4}
_CALLS = 6  # all requests together may take 6 times the limit for one request, as in tasks 0 to 3
_LEAST = 180.0  # seconds that all requests together may always take: 6 times 30 s, the smallest limit for a request
_NO_ANSWER = "the code sent something that is not an answer"
_LONGEST_LIST = 200  # characters of a list of names in a message


class RunValues(NamedTuple):
    """The results of one run: float64 arrays by name, and by name the exceptions of results that failed."""

    arrays: dict[str, Array]
    raised: dict[str, Any]


class LenetUnderTest:
    """One file's function lenet5, the networks that it has built, and their answers so far.

    A network is identified by a key of NETWORKS and its number under this key. framework: "tensorflow" or "keras", set
    by the check `builds`; main: the key that most checks use; version: version of TensorFlow; edition: the edition of
    the course that the file follows; explained: a pair, the likely mistake behind a wrong output and the variant of
    LeNet-5 that gives this output (None if the variant is unknown); before the check of the output, no pair but None
    """

    def __init__(self, guest: Guest, options: Options) -> None:
        self.guest, self.options = guest, options
        self.framework = ""
        self.main = "float32"
        self.explained: tuple[Likely, Variant | None] | None = None
        self.version, self.edition = "", 2
        self._gone, self._spent = "", 0.0  # why the guest no longer answers; the seconds of all requests
        self._built: dict[str, list[Description]] = {}
        self._starts: dict[tuple[str, int], list[Array]] = {}
        self._values: dict[tuple[str, int, int], RunValues] = {}

    @property
    def expected(self) -> Expected:
        """The weights, the batches and the right numbers for the options' seed."""
        return expected(self.options.seed)

    def revealed(self, value: float) -> str:
        """Return the end of a message that states the right number, "" unless the options allow it."""
        return f"; expected {value:.6g}" if self.options.reveal else ""

    def ask(self, request: dict[str, Any], arrays: Sequence[Array] = ()) -> tuple[dict[str, Any], list[Array]]:
        """Return the guest's answer. Raise GuestError for the first request without an answer, Unknown later."""
        if self._gone:
            raise Unknown(f"not tried, because the code {self._gone}")
        begin = self.guest.clock()
        try:
            answer = self.guest.ask(request, arrays)
        except GuestError as error:
            self._gone = str(error)
            raise
        self._spent += self.guest.clock() - begin
        most = max(_LEAST, _CALLS * self.options.seconds)
        if self._spent > most:
            self._gone = f"took more than {most:g} s in all"
        return answer

    def load(self) -> None:
        """Import the file. Raise Failed or Unknown unless that works and the file has the function."""
        answer, _ = self.ask({"do": "load"})
        if "absent" in answer:
            raise Unknown(f"there is no TensorFlow here: {one_line(answer['absent'])}")
        if "raised" in answer:
            raise exception_outcome(answer["raised"], "the file does not load: ")
        if not answer.get("loaded"):
            missing = answer.get("missing")
            names = ", ".join(map(str, missing)) if isinstance(missing, list) and missing else "no function"
            raise Failed(f"the file must have a function lenet5; it has {names[:_LONGEST_LIST]}")
        self.version = one_line(answer.get("version"))
        self.edition = answer["edition"] if answer.get("edition") in (1, 3) else 2

    def built(self, key: str) -> list[Description]:
        """Return the descriptions of all networks under a key. The first call builds the networks."""
        if key not in self._built:
            count = NETWORKS["models" if self.framework == "keras" else key]
            labels = self.main if key == "pair" else key
            seed = (self.options.seed * len(NETWORKS) + list(NETWORKS).index(key)) % 2**31
            answer, _ = self.ask({"do": "build", "key": key, "networks": count, "labels": labels, "seed": seed})
            if "raised" in answer:
                raise exception_outcome(answer["raised"])
            told = answer.get("networks")
            try:
                found = [read_description(one) for one in told] if isinstance(told, list) else []
            except ValueError:
                found = []
            if len(found) != count:
                raise Failed(_NO_ANSWER)
            self._built[key] = found
        return self._built[key]

    def description(self, key: str, network: int = 0) -> Description:
        """Return the description of one network. Raise Failed or Unknown if it could not be built."""
        found = self.built(key)[network]
        if found.error is not None:
            raise exception_outcome(found.error, "", self.version)
        return found

    def shapes(self, key: str, network: int = 0) -> list[tuple[int, ...]]:
        """Return the shapes of a network's variables, as the guest describes them."""
        return self.description(key, network).shapes

    def weights(self, do: str, key: str, network: int, batch: PlantedBatch | None = None) -> list[Array]:
        """Return the variables' values now (do is "weights"), or after a training step on a batch (do is "train")."""
        arrays = [] if batch is None else self._inputs(key, batch)
        answer, found = self.ask({"do": do, "key": key, "network": network}, arrays)
        if "raised" in answer:
            raise exception_outcome(answer["raised"])
        if len(found) != len(self.shapes(key, network)) or any(array.dtype.kind not in "fiu" for array in found):
            raise Failed(_NO_ANSWER)
        return [array.astype(np.float64) for array in found]

    def ten(self, weights: Sequence[Array], key: str, network: int) -> list[Array]:
        """Return the variables' values as LeNet-5's ten weights, or unchanged if they do not fit."""
        shapes = self.shapes(key, network)
        try:
            return list(weights) if places(shapes) is None else canonical(weights, shapes)
        except ValueError:
            raise Failed(_NO_ANSWER) from None

    def start(self, key: str, network: int) -> list[Array]:
        """Return the initial weights of a network, as LeNet-5's ten weights if they fit."""
        if (key, network) not in self._starts:
            self._starts[key, network] = self.ten(self.weights("weights", key, network), key, network)
        return self._starts[key, network]

    def plant(self, key: str, network: int = 0) -> None:
        """Set the expected weights in a network. Raise Unknown if they do not fit."""
        shapes = self.shapes(key, network)
        if places(shapes) is None:
            raise Unknown("the network's weights have other shapes than LeNet-5's")
        self.start(key, network)  # reads the initial weights before they change
        answer, _ = self.ask({"do": "plant", "key": key, "network": network}, fitted(self.expected.weights, shapes))
        if "raised" in answer:
            raise exception_outcome(answer["raised"], "weights could not be set: ")

    def _inputs(self, key: str, batch: PlantedBatch) -> list[Array]:
        """Return the images and the one-hot labels of a batch, the labels in the placeholder's type."""
        whole = (self.main if key == "pair" else key) == "int32"
        return [batch.x, batch.y.astype(np.int32 if whole else np.float32)]

    def run(self, key: str, network: int, batch: PlantedBatch) -> RunValues:
        """Return the output, the loss, and the accuracy or metrics of a batch, with the network's present weights."""
        answer, found = self.ask({"do": "values", "key": key, "network": network}, self._inputs(key, batch))
        if "raised" in answer:
            raise exception_outcome(answer["raised"])
        names, errors = answer.get("names"), answer.get("errors")
        if not isinstance(names, list) or len(names) != len(found) or not isinstance(errors, dict):
            raise Failed(_NO_ANSWER)
        if any(array.dtype.kind not in "fiub" for array in found):
            raise Failed("the results must be real numbers")
        return RunValues({str(n): a.astype(np.float64) for n, a in zip(names, found, strict=True)}, errors)

    def planted(self, key: str = "", network: int = 0) -> list[RunValues]:
        """Return the results for each of the expected batches, with the expected weights planted."""
        key = key or self.main
        if (key, network, 0) not in self._values:
            self.plant(key, network)
            for k, batch in enumerate(self.expected.batches):
                self._values[key, network, k] = self.run(key, network, batch)
        return [self._values[key, network, k] for k in range(len(self.expected.batches))]

    def right_output(self) -> bool:
        """Return whether the network's output is LeNet-5's."""
        try:
            found = [values.arrays["output"] for values in self.planted()]
        except (Failed, Unknown, KeyError):
            return False
        return all(near(got, batch.output) for got, batch in zip(found, self.expected.batches, strict=True))
