"""The words that services use for the status of a job or a file, in tables.

A word that no table has means that the job is still running.
"""

import re
from typing import Final

SUCCEEDED: Final = frozenset(
    {"succeeded", "success", "successful", "completed", "complete", "done", "finished"}
)
CANCELLED: Final = frozenset({"cancelled", "canceled", "stopped", "aborted", "killed", "revoked", "deleted"})
FAILED: Final = frozenset(
    {
        *("failed", "failure", "fail", "error", "errored", "crashed", "rejected", "invalid"),
        *("user_error", "system_error", "internal_error", "failed_validation", "validation_failed"),
        *("expired", "timeout", "timed_out", "timedout", "timeout_exceeded", "deadline_exceeded"),
        *("out_of_memory", "oom", "node_fail"),
    }
)

OVER: Final = CANCELLED | FAILED
"""The statuses of a job that ended without success."""

READY: Final = frozenset({"ready", "uploaded", "stored", "complete", "completed", "processed"})
PENDING: Final = frozenset({"processing", "pending", "validating", "uploading", "queued"})
"""The statuses of a file that can be used, and of one that cannot be used yet."""

_PREFIX: Final = re.compile(r"^(?:(?:job|file)_)?(?:state|status)_")


def word(status: object) -> str:
    """Return a status in the form of the tables: `JOB_STATE_TIMED OUT` becomes `timed_out`."""
    plain = "_".join(re.split(r"[\s_-]+", str(status).strip().lower()))
    return _PREFIX.sub("", plain)
