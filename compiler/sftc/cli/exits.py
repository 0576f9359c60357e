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

REFUSED: Final = 3
"""The service refuses the job."""

UNREACHABLE: Final = 4
"""The service is out of reach, or it took too long."""

JOB_FAILED: Final = 5
"""The job failed."""

JOB_CANCELLED: Final = 6
"""The job was cancelled."""
