"""Tasks 0 to 3, functions of NumPy: the checks, the right values, and the likely mistake behind a wrong one.

Read first `cases` (a call), `expected` (its right values), `conv_checks` (the checks). A check uses `under_test`, which
makes a call in a sandbox (`process`), judges the answer (`judge`), looks for a smaller call that fails in the same way
(`smallest`) and names the likely mistake (`diagnosis`): a mistake whose program (`faulty`) gives the same numbers.
"""
