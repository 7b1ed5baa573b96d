"""Check coursework in a sandbox, for one submission or a class: is it right, and what is the likely mistake?

`check.check` takes the bytes of a submission and returns a report. It runs `form_checks`, `functions` (tasks 0 to 3),
`lenets` (tasks 4 and 5) and `summary_checks` (task 6). `classes` grades a class, `render` shows reports.
"""
