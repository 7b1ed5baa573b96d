"""A guest's job: build the LeNet-5 of task 4 or 5, set its weights, run it, and describe its layers.

The answers of this process are not trusted: the verdict is made outside, from the arrays. The description of layers and
optimizers only explains a verdict.
"""

from __future__ import annotations

import functools
import importlib
import random
import sys
import types
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or __package__:
    from convlens.checker.sandbox.guest_side import editions, lenet_graph, lenet_models, lenet_tools
    from convlens.checker.sandbox.guest_side.lenet_tools import Arrays, Describe, Handler, Reply
else:  # inside the sandbox this folder is on the path, and there is no convlens
    import editions
    import lenet_graph
    import lenet_models
    import lenet_tools
    from lenet_tools import Arrays, Describe, Handler, Reply


def start(source: bytes, options: dict[str, Any]) -> Handler:
    """Return the function that answers requests about a file.

    options: "file" is the file's name, "framework" is "tensorflow" (task 4) or "keras" (task 5), and "keras": 2
        asks for the Keras 2 of tf_keras in task 5
    {"do": "load"} -> {"loaded": true, "version", "edition": the edition of the course}, {"missing": [the functions of
        the file]}, or without TensorFlow {"absent": why}
    {"do": "build", "key": name, "networks": n, "labels": dtype, "seed": k} -> {"networks": [descriptions]}: n networks
        in one new graph (task 4), or n models (task 5), kept under this name; see lenet_graph and lenet_models
    {"do": "weights", "key", "network"} -> an array for each of the description's "variables", in the same order
    {"do": "plant", "key", "network"} and an array for each variable -> {"planted": number of arrays}
    {"do": "values", "key", "network"}, x and labels -> {"names": [...], "errors": {name: error}}, an array per name
    {"do": "train", "key", "network"}, x and labels -> the weights after one training step
    After an exception, the answer (or the description of one network) is {"raised": error}. An error is {"type",
    "message", "line": line of the file, 0 if unknown, "code": the whole statement that starts in this line}.
    """
    name = str(options["file"])
    module = types.ModuleType(name.removesuffix(".py"))
    module.__file__ = name
    older = options.get("keras") == 2
    models = functools.partial(lenet_models.Models, older)
    build: Any = lenet_graph.Graph if options["framework"] == "tensorflow" else models
    built: dict[str, Any] = {}

    def load() -> Reply:
        try:
            version = str(importlib.import_module("tensorflow").__version__)
        except ImportError as error:
            return {"absent": str(error)[: lenet_tools.LONGEST]}, []
        sys.modules[module.__name__] = module
        if options["framework"] == "tensorflow" or older:
            module.__dict__["__builtins__"] = editions.builtins_for(source, options["framework"])
        exec(compile(source, name, "exec"), module.__dict__)
        if not callable(getattr(module, "lenet5", None)):
            made = [key for key, value in vars(module).items() if isinstance(value, types.FunctionType)]
            return {"missing": made[:10]}, []
        return {"loaded": True, "version": version, "edition": editions.edition(source, options["framework"])}, []

    def describe(error: BaseException) -> dict[str, Any]:
        return lenet_tools.describe(error, name, source)

    def answer(request: dict[str, Any], arrays: Arrays) -> Reply:
        if request["do"] == "load":
            return load()
        if request["do"] == "build":
            random.seed(request["seed"])
            made = built[request["key"]] = build(request["seed"], request["labels"], describe)
            return {
                "networks": [_try(lambda: made.add(module.lenet5), describe) for _ in range(request["networks"])]
            }, []
        reply: Reply = getattr(built[request["key"]], request["do"])(request["network"], arrays)
        return reply

    def guarded(request: dict[str, Any], arrays: Arrays) -> Reply:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return answer(request, arrays)
            except BaseException as error:
                return {"raised": describe(error)}, []

    return guarded


def _try(add: Callable[[], dict[str, Any]], describe: Describe) -> dict[str, Any]:
    try:
        return add()
    except BaseException as error:
        return {"raised": describe(error)}
