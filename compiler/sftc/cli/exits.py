"""Exit codes, for every command (2, wrong usage, is click's)."""

from typing import Final

FINDINGS: Final = 1
"""Findings stop the command."""

FAULT: Final = 70
"""A fault of the tool."""

INTERRUPTED: Final = 130
"""Stopped by Ctrl-C."""

CLOSED_PIPE: Final = 141
"""Whoever read the output closed it."""

DIFFERS: Final = 1
"""`sftc diff` found a difference."""

TROUBLE: Final = 2
"""`sftc diff` could not compare."""
