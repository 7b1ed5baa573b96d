"""Is coursework right, why not, and what to look at: checks in a sandbox, for one submission or a class.

`convlens.checker.check.check` is the whole of it: a submission's bytes in, a report out.
"""
