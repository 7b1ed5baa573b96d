"""Grade a class: its students (`roster`), the grading (`grading`), the results file (`results`), a summary (`tally`).

Two backends grade: processes on this machine (`grader_processes`), or the workers of a Dask cluster (`cluster`), which
start the same processes. `grader_program` is the program of such a process, and `messages` are its requests and
answers.
"""
