"""All wrong coursework files: what they compute is wrong (MUTANTS), or how they are written (FORMS)."""

from tests.support.checker import (
    mutants_conv_backward,
    mutants_conv_forward,
    mutants_pool_backward,
    mutants_pool_forward,
)
from tests.support.checker.mutants_form import FORMS
from tests.support.checker.samples import FILES, Mutant

__all__ = ["FORMS", "MUTANTS"]

TABLES = (mutants_conv_forward, mutants_pool_forward, mutants_conv_backward, mutants_pool_backward)
MUTANTS = [
    Mutant(base, file, *mutation)
    for file, module in zip(FILES, TABLES, strict=True)
    for base, mutations in module.TABLE.items()
    for mutation in mutations
]
