"""The lenet5 function of a submitted file, as the checks of tasks 4 and 5 use it.

In its sandbox it builds networks. The checks plant weights in them, run them, and train them.
"""

from __future__ import annotations

import time
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

# What is built, and the number of networks in it. Task 4 has three graphs: one for each type of labels, one with two
# networks. Task 5 has models; the initialization needs several, since the first kernel has only 150 numbers.
NETWORKS = {"float32": 1, "int32": 1, "pair": 2, "models": 4}
_CALLS = 6  # all requests together may take the time of 6 requests at their limit, as in tasks 0 to 3
_LEAST = 180.0  # seconds, but at least this: six times the 30 s that a request of these tasks may take
_NO_ANSWER = "the code sent something that is not an answer"
_LONGEST_LIST = 200  # characters of a list of names in a message


class RunValues(NamedTuple):
    """The results of one run: arrays by name, float64; and by name the exceptions in place of others."""

    arrays: dict[str, Array]
    raised: dict[str, Any]


class LenetUnderTest:
    """One file's function lenet5, the networks that it has built, and their answers so far.

    A network is named by a key of NETWORKS, for what it was built in, and by its number there. framework: "tensorflow"
    or "keras", set by the check `builds`; main: the key that most checks use; version: of TensorFlow; explained: the
    likely mistake behind a wrong output, with the variant of LeNet-5 that gives it (None if unknown), once it is known
    """

    def __init__(self, guest: Guest, options: Options) -> None:
        self.guest, self.options = guest, options
        self.framework = ""
        self.main = "float32"
        self.explained: tuple[Likely, Variant | None] | None = None
        self.version = ""
        self._gone, self._spent = "", 0.0  # why the guest answers no more; the seconds of all requests
        self._built: dict[str, list[Description]] = {}
        self._starts: dict[tuple[str, int], list[Array]] = {}
        self._values: dict[tuple[str, int, int], RunValues] = {}

    @property
    def expected(self) -> Expected:
        """The weights, the batches and the right numbers for the options' seed."""
        return expected(self.options.seed)

    def revealed(self, value: float) -> str:
        """Return the end of a message with the right number, "" unless the options allow it."""
        return f"; expected {value:.6g}" if self.options.reveal else ""

    def ask(self, request: dict[str, Any], arrays: Sequence[Array] = ()) -> tuple[dict[str, Any], list[Array]]:
        """Return the guest's answer; GuestError the first time that there is none, later Unknown."""
        if self._gone:
            raise Unknown(f"not tried, because the code {self._gone}")
        begin = time.monotonic()
        try:
            return self.guest.ask(request, arrays)
        except GuestError as error:
            self._gone = str(error)
            raise
        finally:
            self._spent += time.monotonic() - begin
            most = max(_LEAST, _CALLS * self.options.seconds)
            if not self._gone and self._spent > most:
                self._gone = f"took more than {most:g} s in all"

    def load(self) -> None:
        """Import the file; Failed or Unknown unless that works and the file has the function."""
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

    def built(self, key: str) -> list[Description]:
        """Return the descriptions of all networks under that key; they are built when they are first asked for."""
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
        """Return the description of one network; Failed or Unknown if it could not be built."""
        found = self.built(key)[network]
        if found.error is not None:
            raise exception_outcome(found.error, "", self.version)
        return found

    def shapes(self, key: str, network: int = 0) -> list[tuple[int, ...]]:
        """Return the shapes of a network's variables, as the guest describes them."""
        return self.description(key, network).shapes

    def weights(self, do: str, key: str, network: int, batch: PlantedBatch | None = None) -> list[Array]:
        """Return the variables' values: as they are (do is "weights"), or after a step on a batch ("train")."""
        arrays = [] if batch is None else self._inputs(key, batch)
        answer, found = self.ask({"do": do, "key": key, "network": network}, arrays)
        if "raised" in answer:
            raise exception_outcome(answer["raised"])
        if len(found) != len(self.shapes(key, network)) or any(array.dtype.kind not in "fiu" for array in found):
            raise Failed(_NO_ANSWER)
        return [array.astype(np.float64) for array in found]

    def ten(self, weights: Sequence[Array], key: str, network: int) -> list[Array]:
        """Return the variables' values as LeNet-5's ten weights; unchanged if they do not fit."""
        shapes = self.shapes(key, network)
        try:
            return list(weights) if places(shapes) is None else canonical(weights, shapes)
        except ValueError:
            raise Failed(_NO_ANSWER) from None

    def start(self, key: str, network: int) -> list[Array]:
        """Return the weights that a network started from, the ten of LeNet-5 if they fit."""
        if (key, network) not in self._starts:
            self._starts[key, network] = self.ten(self.weights("weights", key, network), key, network)
        return self._starts[key, network]

    def plant(self, key: str, network: int = 0) -> None:
        """Give a network the expected weights; Unknown if they do not fit."""
        shapes = self.shapes(key, network)
        if places(shapes) is None:
            raise Unknown("the network's weights have other shapes than LeNet-5's")
        self.start(key, network)  # now, before the weights change
        answer, _ = self.ask({"do": "plant", "key": key, "network": network}, fitted(self.expected.weights, shapes))
        if "raised" in answer:
            raise exception_outcome(answer["raised"], "weights could not be set: ")

    def _inputs(self, key: str, batch: PlantedBatch) -> list[Array]:
        """The images and the one-hot labels of a batch, the labels in the type of the placeholder."""
        whole = (self.main if key == "pair" else key) == "int32"
        return [batch.x, batch.y.astype(np.int32 if whole else np.float32)]

    def run(self, key: str, network: int, batch: PlantedBatch) -> RunValues:
        """Return output, loss, accuracy or metrics of a batch, with the weights that the network has now."""
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
