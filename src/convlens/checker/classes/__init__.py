"""A class: its students (`roster`), the grading (`grading`), the results file (`results`), the summary (`tally`).

Two backends grade: processes on this machine (`grader_processes`, whose program is `grader_program`), or the workers of
a Dask cluster (`cluster`), each of which has such processes. `messages` is what is sent to a process and comes back.
"""
