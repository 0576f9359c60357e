"""Exit codes of every command. 2, wrong usage, is click's."""

from typing import Final

FINDINGS: Final = 1
"""Findings stop the command, or the output cannot be written."""

FAULT: Final = 70
"""A bug in `sftc`, which prints how to report it."""

INTERRUPTED: Final = 130
"""Interrupted by Ctrl-C."""

CLOSED_PIPE: Final = 141
"""The reader of the output closed it."""

DIFFERS: Final = 1
"""For `sftc diff`: the configs differ."""

TROUBLE: Final = 2
"""For `sftc diff`: the configs cannot be compared."""

REFUSED: Final = 3
"""The service refuses the job."""

UNREACHABLE: Final = 4
"""The service cannot be reached, or took too long."""

JOB_FAILED: Final = 5
"""The job failed."""

JOB_CANCELLED: Final = 6
"""The job was cancelled."""
