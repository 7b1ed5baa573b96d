"""Run the command line: `python -m convlens` is the same as the command `convlens`."""

from convlens.cli import main

main()
