"""`python -m sftc`, the same as the command `sftc`."""

from sftc.cli import main

main()
