"""`python -m convlens` is the command `convlens`."""

from convlens.cli import main

main()
