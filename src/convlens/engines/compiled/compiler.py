"""Numba's compiler with only the passes that kernels need; it needs three quarters of the time.

Numba optimises each part of a function before it is linked, then the whole twice, and links its runtime to it. A kernel
has no Python objects and needs no runtime, and one optimisation of the whole gives code that is as fast. Loops are not
unrolled: the innermost loop of a micro-kernel fills the processor as it is, and its copies cost time to compile. All
this uses Numba's insides; where they differ, `later.object_code` compiles in Numba's usual way.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
from numba.core import typed_passes, untyped_passes
from numba.core.codegen import CodeLibrary
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager
from numba.core.runtime.nrt import rtsys

__all__ = ["Compiler", "Library"]

_PASSES = (
    untyped_passes.TranslateByteCode,
    untyped_passes.FixupArgs,
    untyped_passes.IRProcessing,
    untyped_passes.GenericRewrites,
    untyped_passes.ReconstructSSA,
    typed_passes.NopythonTypeInference,
    typed_passes.PreLowerStripPhis,
    typed_passes.IRLegalization,
    typed_passes.NativeLowering,
    typed_passes.NoPythonBackend,
)


class Library(CodeLibrary):
    """The machine code of one function, as an object file that is not loaded"""

    def __init__(self, made_by: Any, name: str) -> None:
        super().__init__(made_by, name)
        self._machine, self._called = made_by._tm, dict[Any, None]()
        self._module = llvm.parse_assembly(str(self.create_ir_module(name)))

    def add_ir_module(self, ir_module: Any) -> None:
        """Add a part of the function, a module of llvmlite.

        A C function that calls it is a part too. With the function inlined, LLVM sees that it raises no error.
        """
        self._module.link_in(llvm.parse_assembly(str(ir_module).replace(") noinline", ")")))

    def add_linking_library(self, library: Any) -> None:
        """Add what the function calls, unless it is Numba's runtime."""
        if library is not rtsys.library:
            self._called[library] = None

    def finalize(self) -> None:
        """Link the parts, and optimise the whole."""
        for library in self._called:
            self._module.link_in(library._get_module_for_linking(), preserve=True)
        for function in self._module.functions:
            if not function.is_declaration and not function.name.startswith("cfunc."):
                function.linkage = "internal"
        options = llvm.create_pipeline_tuning_options(speed_level=2)
        options.loop_vectorization, options.loop_unrolling = True, False
        builder = llvm.create_pass_builder(self._machine, options)
        builder.getModulePassManager().run(self._module, builder)
        self._finalized = True

    def object_code(self) -> bytes:
        """Return the object file."""
        self._ensure_finalized()
        code: bytes = self._machine.emit_object(self._module)
        return code

    def get_pointer_to_function(self, name: str) -> int:
        """Return 0, as Numba does for a function that is not there."""
        return 0

    def get_function(self, name: str) -> Any:
        """Return a function of the module."""
        return self._module.get_function(name)

    def get_llvm_str(self) -> str:
        """Return LLVM's instructions as text."""
        return str(self._module)

    def get_asm_str(self) -> str:
        """Return the machine code as text."""
        return str(self._machine.emit_assembly(self._module))


class _Typing:
    """Numba's typing context, which finds the type of an operator once. Numba tries a list of rules for each use."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def resolve_function_type(self, function: Any, arguments: Any, named: Any) -> Any:
        """Return the types of a call."""
        key = getattr(function, "typing_key", None), *arguments
        if getattr(key[0], "__module__", None) != "_operator":
            return self._context.resolve_function_type(function, arguments, named)
        if key not in _operators:
            _operators[key] = self._context.resolve_function_type(function, arguments, named)
        return _operators[key]


_operators: dict[Any, Any] = {}


class Compiler(CompilerBase):
    """Compiles one function to a `Library`."""

    def define_pipelines(self) -> list[Any]:
        """Return the only pipeline."""
        self.state.library = Library(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        self.state.typingctx, self.state.type_annotation = _Typing(self.state.typingctx), None
        manager = PassManager("kernel")
        for each in _PASSES:
            manager.add_pass(each, each.__name__)
        manager.finalize()
        return [manager]
