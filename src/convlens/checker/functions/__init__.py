"""Tasks 0 to 3, functions that use NumPy: the checks, the right values, and the likely mistake behind a wrong value.

Read first `cases` (a call), `expected` (its right values), `conv_checks` (the checks). A check uses `under_test`, which
makes a call in a sandbox (`process`), judges the answer (`judge`), searches for a smaller call that fails in the same
way (`smallest`) and names the likely mistakes (`diagnosis`). A mistake is likely if a program with this mistake
(`faulty`) returns the same numbers in all calls. If a line raises (`raised`), the hint is what the line does.
"""
