"""Tasks 0 to 3: the functions of NumPy, what is right, what is likely wrong, and the checks that say so."""
